package wire

// FileRead is the request of file.read. Path is absolute or relative to the session's directory. Offset and Limit count
// bytes of the redacted content; Limit is 1 MiB when absent.
type FileRead struct {
	SessionID string `json:"session_id"`
	Path      string `json:"path"`
	Offset    int64  `json:"offset,omitempty"`
	Limit     int64  `json:"limit,omitempty"`
}

// FileContent is its result. Content is text, or base64 where Encoding says so; NextOffset is where to go on. Bytes is the
// size of the file itself.
type FileContent struct {
	Path       string      `json:"path"`
	Content    string      `json:"content"`
	Encoding   string      `json:"encoding"`
	Bytes      int64       `json:"bytes"`
	Offset     int64       `json:"offset"`
	NextOffset int64       `json:"next_offset"`
	EOF        bool        `json:"eof"`
	Redactions []Redaction `json:"redactions,omitempty"`
}

// FileWrite is the request of file.write: the file is replaced as a whole, or not at all. One of Content and ContentB64 is
// given. Mode is octal; that of the old file, or 0644, when absent. Exclusive fails where the file exists, and Parents
// makes missing directories.
type FileWrite struct {
	SessionID  string  `json:"session_id"`
	Path       string  `json:"path"`
	Content    *string `json:"content,omitempty"`
	ContentB64 *string `json:"content_b64,omitempty"`
	Mode       string  `json:"mode,omitempty"`
	Exclusive  bool    `json:"exclusive,omitempty"`
	Parents    bool    `json:"parents,omitempty"`
}

// FileWritten is its result.
type FileWritten struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Created bool   `json:"created"`
}

// FileRef is the request of file.stat and file.list. Limit bounds the entries of a list; 1,000 when absent.
type FileRef struct {
	SessionID string `json:"session_id"`
	Path      string `json:"path"`
	Limit     int    `json:"limit,omitempty"`
}

// FileInfo is the result of file.stat and an entry of file.list. Kind is file, directory, symbolic link or other.
type FileInfo struct {
	Path
	Kind       string `json:"kind"`
	Mode       string `json:"mode"`
	Bytes      int64  `json:"bytes"`
	ModifiedMS int64  `json:"modified_ms"`
	UID        uint32 `json:"uid"`
	GID        uint32 `json:"gid"`
	// Target is where a symbolic link leads; it is not followed.
	Target string `json:"target,omitempty"`
}

// FileList is the result of file.list, sorted by name; the paths are names in the directory.
type FileList struct {
	Path      string     `json:"path"`
	Entries   []FileInfo `json:"entries"`
	Truncated bool       `json:"truncated"`
}
