package wire

// Limits is the result of limits.get: what this version accepts and keeps at most. A session's policy may set lower ones
// for what it judges.
type Limits struct {
	// RequestBytes bounds one request, TimeoutMS every time that a request gives.
	RequestBytes int64 `json:"request_bytes"`
	TimeoutMS    int64 `json:"timeout_ms"`
	// Default are the values that hold where a request gives none.
	Default LimitDefaults `json:"default"`
	Command CommandLimits `json:"command"`
	Output  OutputLimits  `json:"output"`
	File    FileLimits    `json:"file"`
	Live    LiveLimits    `json:"live"`
	Audit   AuditLimits   `json:"audit"`
	// Quotas are those of the session that was asked about, by name.
	Quotas map[string]QuotaUse `json:"quotas,omitempty"`
}

// LimitDefaults are deadlines in milliseconds, and the characters of a result that are kept.
type LimitDefaults struct {
	TimeoutMS         int64 `json:"timeout_ms"`
	ApprovalTimeoutMS int64 `json:"approval_timeout_ms"`
	OutputChars       int64 `json:"output_chars"`
}

// CommandLimits bound a command that a policy judges. What is larger is refused, since it could not be judged in time.
type CommandLimits struct {
	Bytes    int64 `json:"bytes"`
	Depth    int64 `json:"depth"`
	Commands int64 `json:"commands"`
	Words    int64 `json:"words"`
}

// OutputLimits bound what output.read can page through: so many truncated streams of a session, in so many bytes, and one
// call of it.
type OutputLimits struct {
	KeptStreams  int64 `json:"kept_streams"`
	KeptBytes    int64 `json:"kept_bytes"`
	ReadBytes    int64 `json:"read_bytes"`
	MaxReadBytes int64 `json:"max_read_bytes"`
	ReadLines    int64 `json:"read_lines"`
}

// FileLimits bound file.read (without a limit of the request's, and with one), file.write and file.list.
type FileLimits struct {
	ReadBytes    int64 `json:"read_bytes"`
	MaxReadBytes int64 `json:"max_read_bytes"`
	WriteBytes   int64 `json:"write_bytes"`
	ListEntries  int64 `json:"list_entries"`
}

// LiveLimits bound a command that is driven: input that it has not read yet, events that nobody has fetched, the rows and
// columns of its terminal, and how many ended jobs can still be asked for.
type LiveLimits struct {
	QueuedInputBytes int64 `json:"queued_input_bytes"`
	QueuedEventBytes int64 `json:"queued_event_bytes"`
	TTYSize          int64 `json:"tty_size"`
	EndedJobs        int64 `json:"ended_jobs"`
}

// AuditLimits bound what is recorded of a command's text, its input and each stream of its output.
type AuditLimits struct {
	CommandBytes   int64 `json:"command_bytes"`
	StdinBytes     int64 `json:"stdin_bytes"`
	OutputBytes    int64 `json:"output_bytes"`
	MaxOutputBytes int64 `json:"max_output_bytes"`
}

// Capabilities is the result of capabilities.get: what this build can do on this machine.
type Capabilities struct {
	Version  string `json:"version"`
	ABI      int64  `json:"abi"`
	Platform string `json:"platform"`
	// Transports are the schemes of the targets that a session can open on; Shells are those that can be driven on this
	// machine, by name, and where they are.
	Transports []string          `json:"transports"`
	Shells     map[string]string `json:"shells"`
	// Methods are those of the JSON API, Options the fields of session.create, Errors the codes of failures.
	Methods     []string          `json:"methods"`
	Options     []string          `json:"options"`
	Errors      []string          `json:"errors"`
	Enforcement KernelEnforcement `json:"enforcement"`
	// Telemetry says whether this build can send spans and measurements.
	Telemetry bool `json:"telemetry"`
}

// KernelEnforcement is what the kernel of this machine offers to confine a session with. Kernel says that it is enough
// for a fence or a sandbox; Missing names what a newer or differently configured one would add.
type KernelEnforcement struct {
	Kernel   bool     `json:"kernel"`
	Landlock int      `json:"landlock"`
	Seccomp  bool     `json:"seccomp"`
	Missing  []string `json:"missing"`
}

// Quotas is the option quotas of session.create: what the session's commands may use in all. FileBytes bounds each file
// that is written. A quota that is not given is none.
type Quotas struct {
	CPUMS       *int64 `json:"cpu_ms,omitempty"`
	MemoryBytes *int64 `json:"memory_bytes,omitempty"`
	Processes   *int64 `json:"processes,omitempty"`
	FileBytes   *int64 `json:"file_bytes,omitempty"`
	OutputBytes *int64 `json:"output_bytes,omitempty"`
	Commands    *int64 `json:"commands,omitempty"`
	WallMS      *int64 `json:"wall_ms,omitempty"`
}

// LimitsGet is the request of limits.get; with a session it also tells that one's quotas.
type LimitsGet struct {
	SessionID string `json:"session_id,omitempty"`
}

// A QuotaUse is one quota of a session. Used is absent where the kernel holds it without counting.
type QuotaUse struct {
	Limit int64  `json:"limit"`
	Used  *int64 `json:"used,omitempty"`
}
