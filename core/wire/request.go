package wire

import "encoding/json"

// SessionCreate is the request of session.create. Every field is optional.
type SessionCreate struct {
	// Transport is a target URL ("local", "ssh://user@host") or the object it stands for ({"type":"ssh","host":…}).
	Transport json.RawMessage `json:"transport,omitempty"`
	// Policy is the policy object; see core/policy. Absent means {"default":"allow","intercept":"ask"}.
	Policy json.RawMessage `json:"policy,omitempty"`
	// NarrowPolicy, if given, must let a command run as well: what an untrusted caller asks for can only take away.
	NarrowPolicy json.RawMessage `json:"narrow_policy,omitempty"`
	// Redact is true, false or an options object; see core/redact.
	Redact json.RawMessage `json:"redact,omitempty"`
	Budget *Budget         `json:"budget,omitempty"`
	// Audit is the path of the log, or an object with the fields of [Audit].
	Audit json.RawMessage `json:"audit,omitempty"`
	// Cwd is the first directory; the host process's own by default.
	Cwd string `json:"cwd,omitempty"`
	// Env is added to the environment; a null value removes a variable.
	Env map[string]*string `json:"env,omitempty"`
	// InheritEnv says whether the session starts from the host process's environment; true by default. The bindings
	// send the host's environment of the moment as HostEnv, since Go copies it when the library is loaded.
	InheritEnv *bool    `json:"inherit_env,omitempty"`
	HostEnv    []string `json:"host_env,omitempty"`
	// Shell is the shell program: a name or an absolute path; bash by default, sh where there is none.
	Shell string `json:"shell,omitempty"`
	// TimeoutMS is the default deadline of a command; 30,000 when absent, 0 for none.
	TimeoutMS *int64 `json:"timeout_ms,omitempty"`
	// IdleTimeoutMS closes the session after this long without a call; 0 for never, the default.
	IdleTimeoutMS int64 `json:"idle_timeout_ms,omitempty"`
	// ApprovalTimeoutMS is how long a question to a person stands; 600,000 when absent or 0.
	// A question of a server stands as long.
	ApprovalTimeoutMS int64 `json:"approval_timeout_ms,omitempty"`
	// Ask says that the caller can answer what a server asks while the session connects: the result is then [Asked] in
	// the place of [SessionInfo] for every question, and session.answer goes on.
	Ask bool `json:"ask,omitempty"`
	// OnExit is "restart" (the default) or "close": what happens when a command ends the shell.
	OnExit    string          `json:"on_exit,omitempty"`
	Workspace json.RawMessage `json:"workspace,omitempty"`
	Quotas    json.RawMessage `json:"quotas,omitempty"`
	SSH       json.RawMessage `json:"ssh,omitempty"`
	Docker    json.RawMessage `json:"docker,omitempty"`
	K8s       json.RawMessage `json:"k8s,omitempty"`
	Sandbox   json.RawMessage `json:"sandbox,omitempty"`
	Reconnect *bool           `json:"reconnect,omitempty"`
	Label     string          `json:"label,omitempty"`
	// Traceparent is the caller's place in a trace, as W3C Trace Context has it.
	Traceparent string `json:"traceparent,omitempty"`
}

// SessionInfo is the result of session.create and an entry of session.list.
type SessionInfo struct {
	SessionID    string         `json:"session_id"`
	Transport    string         `json:"transport"`
	Target       string         `json:"target"`
	Shell        string         `json:"shell"`
	PID          int            `json:"pid"`
	Cwd          string         `json:"cwd"`
	Capabilities []string       `json:"capabilities"`
	Enforcement  map[string]any `json:"enforcement"`
	// Warnings tell what of the policy is probably not meant.
	Warnings []string `json:"warnings,omitempty"`
	Label    string   `json:"label,omitempty"`
	// Busy says whether a command is running; only in session.list.
	Busy bool `json:"busy,omitempty"`
}

// Asked is the result of session.create, snapshot.restore and session.answer where a server asks before the session can
// open. Question has question_id, kind (password, passphrase, keyboard_interactive or host_key), target, text, echo and
// expires_ms.
type Asked struct {
	OpeningID string         `json:"opening_id"`
	Question  map[string]any `json:"question"`
}

// SessionAnswer is the request of session.answer. Without Answer the question is refused; Cancel ends the opening.
type SessionAnswer struct {
	OpeningID  string  `json:"opening_id"`
	QuestionID string  `json:"question_id,omitempty"`
	Answer     *string `json:"answer,omitempty"`
	Cancel     bool    `json:"cancel,omitempty"`
}

// ExecAnswer is the request of exec.answer, for a question event; without Answer the question is refused.
type ExecAnswer struct {
	ExecID     string  `json:"exec_id"`
	QuestionID string  `json:"question_id"`
	Answer     *string `json:"answer,omitempty"`
}

// SessionRef names a session.
type SessionRef struct {
	SessionID string `json:"session_id"`
}

// Exec is the request of session.exec and exec.start.
type Exec struct {
	SessionID string `json:"session_id"`
	Command   string `json:"command"`
	// TimeoutMS is the deadline of this command; the session's default when absent, 0 for none.
	TimeoutMS *int64 `json:"timeout_ms,omitempty"`
	// Stdin is fed to the command and closed; absent is end of file at once. StdinOpen keeps it open for exec.write, as does
	// the word "open" as Stdin of exec.start (the text "open" goes there as stdin_b64).
	Stdin     *string `json:"stdin,omitempty"`
	StdinB64  *string `json:"stdin_b64,omitempty"`
	StdinOpen bool    `json:"stdin_open,omitempty"`
	Budget    *Budget `json:"budget,omitempty"`
	// TTY runs the command on a terminal. YieldMS, for session.exec, returns after this time with what there is and leaves
	// the command running as a job. StdinOpen and TTY need exec.start or YieldMS.
	TTY     *TTY   `json:"tty,omitempty"`
	YieldMS *int64 `json:"yield_ms,omitempty"`
	// Cwd and Env hold for this command only.
	Cwd string             `json:"cwd,omitempty"`
	Env map[string]*string `json:"env,omitempty"`
	// Raw returns the bytes as they came, base64-encoded, uncleaned; redaction still applies.
	Raw bool `json:"raw,omitempty"`
	// Approve, for exec.start alone, asks with an approval_required event what the policy wants a person to decide;
	// exec.approve answers.
	Approve bool `json:"approve,omitempty"`
	// Ask, for exec.start alone, puts what a server asks while the session reconnects for the command into a question
	// event; exec.answer answers. The session needs ask too.
	Ask bool `json:"ask,omitempty"`
	// Traceparent is the caller's place in a trace, as W3C Trace Context has it.
	Traceparent string `json:"traceparent,omitempty"`
}

// ExecApprove is the request of exec.approve. Command is an edited command to run instead, which is judged again; Who
// names the person; RememberMS lets the same command run again in the same place without asking, for so long.
type ExecApprove struct {
	ExecID     string  `json:"exec_id"`
	ApprovalID string  `json:"approval_id"`
	Approve    bool    `json:"approve"`
	Command    *string `json:"command,omitempty"`
	Who        string  `json:"who,omitempty"`
	RememberMS int64   `json:"remember_ms,omitempty"`
}

// ExecStarted is the result of exec.start.
type ExecStarted struct {
	ExecID string `json:"exec_id"`
}

// ExecRef names a running command.
type ExecRef struct {
	ExecID string `json:"exec_id"`
}

// ExecEvents is the request of exec.events: it waits up to TimeoutMS for the first event and returns what there is,
// up to about MaxBytes of data.
type ExecEvents struct {
	ExecID    string `json:"exec_id"`
	TimeoutMS *int64 `json:"timeout_ms,omitempty"`
	MaxBytes  int    `json:"max_bytes,omitempty"`
}

// ExecEventsResult is its result; Done says that the finished event was delivered and the id is gone.
type ExecEventsResult struct {
	Events []Event `json:"events"`
	Done   bool    `json:"done"`
}

// TTY is the size of a terminal; 0 is 24 rows, 80 columns.
type TTY struct {
	Rows int `json:"rows"`
	Cols int `json:"cols"`
}

// ExecWrite is the request of exec.write. Data is text, DataB64 bytes; Key is a named key ("ctrl-c"), Keys several.
// To is "stdin" or "tty"; absent is the command's input. Secret input is not echoed and is hidden from then on. TimeoutMS
// is how long to wait for a command that does not read; 30,000 when absent. With YieldMS the reply is what session.exec
// gives with it: what came until the command ended, waited for input or the time was over. Close closes the input after.
type ExecWrite struct {
	ExecID    string   `json:"exec_id"`
	Data      string   `json:"data,omitempty"`
	DataB64   *string  `json:"data_b64,omitempty"`
	Key       string   `json:"key,omitempty"`
	Keys      []string `json:"keys,omitempty"`
	To        string   `json:"to,omitempty"`
	Secret    bool     `json:"secret,omitempty"`
	Close     bool     `json:"close,omitempty"`
	TimeoutMS *int64   `json:"timeout_ms,omitempty"`
	YieldMS   *int64   `json:"yield_ms,omitempty"`
}

// ExecSignal is the request of exec.signal; Signal is an RFC 4254 name without SIG ("INT", "TERM", "KILL").
type ExecSignal struct {
	ExecID string `json:"exec_id"`
	Signal string `json:"signal"`
}

// ExecSignalResult is its result: how many processes the signal reached.
type ExecSignalResult struct {
	Reached int `json:"reached"`
}

// SessionInterrupt is the request of session.interrupt; Signal is INT when absent.
type SessionInterrupt struct {
	SessionID string `json:"session_id"`
	Signal    string `json:"signal,omitempty"`
}

// ExecResize is the request of exec.resize.
type ExecResize struct {
	ExecID string `json:"exec_id"`
	Rows   int    `json:"rows"`
	Cols   int    `json:"cols"`
}

// ExecScreen is the request of exec.screen; Format is "text", the default, or "png".
type ExecScreen struct {
	ExecID string `json:"exec_id"`
	Format string `json:"format,omitempty"`
}

// ExecScreenResult is what a terminal shows, redacted. Text has a line for each row, without the blanks at its end;
// CursorRow and CursorCol count from 0. PNG is base64.
type ExecScreenResult struct {
	Rows          int    `json:"rows"`
	Cols          int    `json:"cols"`
	Text          string `json:"text"`
	CursorRow     int    `json:"cursor_row"`
	CursorCol     int    `json:"cursor_col"`
	CursorVisible bool   `json:"cursor_visible"`
	Title         string `json:"title,omitempty"`
	// Alternate says that a full-screen program has taken the screen over.
	Alternate bool     `json:"alternate,omitempty"`
	PNG       string   `json:"png,omitempty"`
	Waiting   *Waiting `json:"waiting_for_input,omitempty"`
}

// JobRef names a job of any session.
type JobRef struct {
	JobID string `json:"job_id"`
}

// JobOutput is the request of job.output: a part of a job's output, by a byte offset or a line counted from 1.
type JobOutput struct {
	JobID  string `json:"job_id"`
	Stream string `json:"stream,omitempty"`
	Offset *int64 `json:"offset,omitempty"`
	Line   *int64 `json:"line,omitempty"`
	Limit  int64  `json:"limit,omitempty"`
}

// JobWait is the request of job.wait; TimeoutMS is 30,000 when absent.
type JobWait struct {
	JobID     string `json:"job_id"`
	TimeoutMS *int64 `json:"timeout_ms,omitempty"`
}

// JobKill is the request of job.kill. Without a Signal the job is made to end: interrupted, terminated, killed.
type JobKill struct {
	JobID  string `json:"job_id"`
	Signal string `json:"signal,omitempty"`
}

// Budget bounds what a result returns of each stream. Max* are hard caps, markers included; 0 means the default.
type Budget struct {
	MaxTokens int64       `json:"max_tokens,omitempty"`
	MaxChars  int64       `json:"max_chars,omitempty"`
	MaxLines  int64       `json:"max_lines,omitempty"`
	Keep      *BudgetKeep `json:"keep,omitempty"`
	Grep      *BudgetGrep `json:"grep,omitempty"`
	Compress  string      `json:"compress,omitempty"`
	Stream    string      `json:"stream,omitempty"`
}

// BudgetKeep chooses which part of a stream is kept: "all", "head", "tail" or "head_tail"; the numbers are lines.
type BudgetKeep struct {
	Mode string `json:"mode,omitempty"`
	N    int64  `json:"n,omitempty"`
	Head int64  `json:"head,omitempty"`
	Tail int64  `json:"tail,omitempty"`
}

// BudgetGrep keeps the lines that match an RE2 pattern, with Context lines around each.
type BudgetGrep struct {
	Pattern string `json:"pattern"`
	Context int64  `json:"context,omitempty"`
}

// OutputRead is the request of output.read: a part of a stream that a budget left out. Offset counts bytes, Line
// counts lines from 1; one of them may be given. Limit is in the same unit.
type OutputRead struct {
	OutputID string `json:"output_id"`
	Stream   string `json:"stream,omitempty"`
	Offset   *int64 `json:"offset,omitempty"`
	Line     *int64 `json:"line,omitempty"`
	Limit    int64  `json:"limit,omitempty"`
}

// OutputReadResult is its result. NextOffset is where to go on; EOF says that nothing follows. Skipped counts the
// bytes before Offset that the bounded spool no longer holds.
type OutputReadResult struct {
	Text       string `json:"text"`
	Encoding   string `json:"encoding"`
	Offset     int64  `json:"offset"`
	NextOffset int64  `json:"next_offset"`
	BytesTotal int64  `json:"bytes_total"`
	LinesTotal int64  `json:"lines_total"`
	Skipped    int64  `json:"skipped,omitempty"`
	EOF        bool   `json:"eof"`
}

// SessionState is the result of session.state, redacted. LastExitCode is null before the first command, Options are
// those of set -o that are on, and Shopt bash's own. Incomplete names what the shell cannot tell.
type SessionState struct {
	Cwd          string            `json:"cwd"`
	Env          map[string]string `json:"env"`
	LastExitCode *int              `json:"last_exit_code"`
	Functions    []string          `json:"functions"`
	Aliases      map[string]string `json:"aliases"`
	Options      []string          `json:"options"`
	Umask        string            `json:"umask"`
	Jobs         []Job             `json:"jobs"`
	Shell        string            `json:"shell"`
	Shopt        []string          `json:"shopt,omitempty"`
	Incomplete   []string          `json:"incomplete,omitempty"`
}
