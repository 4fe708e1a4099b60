package wire

// ExecResult is what one command came to, the same on every transport. A non-zero exit, a timeout and a shell that
// ended are results, never errors.
type ExecResult struct {
	// Command is the command as run, redacted.
	Command string `json:"command"`
	// Stdout and Stderr are split, cleaned, redacted and budgeted; nothing is added or trimmed.
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	// Encoding is "utf-8", or "base64" when the bytes are not text; then both streams are base64.
	Encoding string `json:"encoding"`
	// ExitCode is the shell's $?: 124 when TimedOut, 128+n for a signal; nil only if no status could arrive.
	ExitCode *int `json:"exit_code"`
	// Signal is "SIGKILL" and the like when a signal ended the command.
	Signal string `json:"signal,omitempty"`
	// PipeStatus holds the status of every stage of a pipeline of more than one.
	PipeStatus []int `json:"pipe_status,omitempty"`
	// DurationMS runs from the hand-over to the shell to completion.
	DurationMS int64 `json:"duration_ms"`
	// Cwd is the real directory of the shell after the command, redacted.
	Cwd string `json:"cwd"`
	// EnvDelta tells which exported variables changed; nil if none did.
	EnvDelta *EnvDelta `json:"env_delta,omitempty"`
	TimedOut bool      `json:"timed_out"`
	// Truncated says that the budget shortened a stream; Budget has the figures of each stream that had output.
	Truncated  bool                     `json:"truncated"`
	Budget     map[string]*BudgetReport `json:"budget,omitempty"`
	Redactions []Redaction              `json:"redactions,omitempty"`
	// ShellExited says that the command ended the shell; ExitCode is then the shell's. The next command gets a fresh
	// shell with directory and exported environment restored.
	ShellExited bool `json:"shell_exited"`
	// StopConfirmed says, for a command that was stopped, whether all its processes are known to be gone; absent where
	// nobody could look.
	StopConfirmed *bool `json:"stop_confirmed,omitempty"`
	// Reconnected says that the connection to the target had broken and this command ran over a new one.
	Reconnected bool `json:"reconnected,omitempty"`
	// Jobs are the background processes that the command left behind.
	Jobs   []Job   `json:"jobs,omitempty"`
	Events []Event `json:"events,omitempty"`
	// Running says that the command goes on as the job JobID, which is its exec_id too; ExitCode is then nil, and the
	// streams are what came so far. Waiting is what it waits for.
	Running bool     `json:"running,omitempty"`
	JobID   string   `json:"job_id,omitempty"`
	Waiting *Waiting `json:"waiting_for_input,omitempty"`
	// Screen is what the terminal of a command that goes on shows.
	Screen string `json:"screen,omitempty"`
	// Hint is one line that helps the agent to go on.
	Hint     string    `json:"hint,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
	AuditSeq *int64    `json:"audit_seq,omitempty"`
}

// EnvDelta is the change of the exported environment that one command made.
type EnvDelta struct {
	Set   map[string]string `json:"set,omitempty"`
	Unset []string          `json:"unset,omitempty"`
}

// BudgetReport says what the budget kept of one stream. OutputID is set when something was left out that
// output.read can page through.
type BudgetReport struct {
	LinesTotal int64  `json:"lines_total"`
	LinesKept  int64  `json:"lines_kept"`
	BytesTotal int64  `json:"bytes_total"`
	BytesKept  int64  `json:"bytes_kept"`
	TokensKept int64  `json:"tokens_kept"`
	Mode       string `json:"mode"`
	OutputID   string `json:"output_id,omitempty"`
}

// Redaction counts the marks of one kind in a result.
type Redaction struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// Job is a background process. JobID names the job that it belongs to.
type Job struct {
	JobID   string `json:"job_id,omitempty"`
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// Waiting is what a command waits for: input that it cannot go on without.
type Waiting struct {
	// On is "stdin" or "tty".
	On string `json:"on"`
	// Kind is "password" when the terminal does not show what is typed, else "confirm", "repl" or "other".
	Kind    string `json:"kind"`
	Prompt  string `json:"prompt"`
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

// JobInfo is a job: a command that was started, or left running, or what a command left in the background.
type JobInfo struct {
	JobID     string `json:"job_id"`
	SessionID string `json:"session_id"`
	Command   string `json:"command"`
	// Kind is "command" or "background"; State is "running" or "ended".
	Kind  string `json:"kind"`
	State string `json:"state"`
	// StartedMS is in Unix milliseconds. ExitCode is known of an ended command alone.
	StartedMS  int64    `json:"started_ms"`
	DurationMS int64    `json:"duration_ms"`
	ExitCode   *int     `json:"exit_code"`
	Waiting    *Waiting `json:"waiting_for_input,omitempty"`
	// Processes is the process tree; Listening holds the TCP ports that it listens on.
	Processes []JobProcess `json:"processes"`
	Listening []int        `json:"listening,omitempty"`
	// Bytes is how much output there is to read, by stream.
	Bytes map[string]int64 `json:"bytes"`
}

// JobProcess is one process of a job.
type JobProcess struct {
	PID         int    `json:"pid"`
	PPID        int    `json:"ppid"`
	Command     string `json:"command"`
	CPUMS       int64  `json:"cpu_ms"`
	MemoryBytes int64  `json:"memory_bytes"`
	Ports       []int  `json:"ports,omitempty"`
}

// JobWaitResult is the result of job.wait; Result is nil while the job runs, and of a background job. Error is an error
// object beside the result of a command that was cancelled: what the call that ran it would have been told.
type JobWaitResult struct {
	Job    JobInfo     `json:"job"`
	Result *ExecResult `json:"result,omitempty"`
	Error  any         `json:"error,omitempty"`
}

// Decision is the policy's verdict on a command.
type Decision struct {
	Decision   string    `json:"decision"`
	Reason     string    `json:"reason,omitempty"`
	Rules      []RuleRef `json:"rules,omitempty"`
	ApprovedBy string    `json:"approved_by,omitempty"`
}

// RuleRef is one rule that matched, with the part of the command that it matched.
type RuleRef struct {
	ID       string `json:"id"`
	Decision string `json:"decision"`
	Reason   string `json:"reason,omitempty"`
	Span     *Span  `json:"span,omitempty"`
}

// Span is a half-open byte range [Start, End) of the command text.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Event is one typed item of a running command (section 6 of the contract).
type Event struct {
	Type string `json:"type"`
	// Data is redacted output text (stdout, stderr, tty); Encoding is "base64" when it is not text.
	Data     string `json:"data,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	// Kind refines waiting_for_input and semantic events.
	Kind   string         `json:"kind,omitempty"`
	Prompt string         `json:"prompt,omitempty"`
	Fields map[string]any `json:"fields,omitempty"`
	// PID is the process of started and job_started events.
	PID    int         `json:"pid,omitempty"`
	Result *ExecResult `json:"result,omitempty"`
	Error  any         `json:"error,omitempty"`
}
