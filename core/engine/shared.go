package engine

// What follows is for package remote, which drives shells on other machines: the same text and the same report, over
// streams instead of descriptors.

// A Report is what a shell said about itself after a command.
type Report struct {
	Status     int
	PipeStatus []int
	// Traps and Trace are shell lines that restore the traps DEBUG, ERR and RETURN and the options x and v; Env is the
	// output of export -p.
	Traps, Trace, Env string
}

// ReadReport reads the part of bash's report that follows the status.
func ReadReport(status int, body string) Report {
	r := readBody(status, body)
	return Report{Status: r.status, PipeStatus: r.pipeStatus, Traps: r.traps, Trace: r.trace, Env: r.env}
}

// ParseExports reads the output of export -p.
func ParseExports(text string) map[string]string { return parseExports(text) }

// NewNonce returns a multiple of 1000 of always 19 digits that nobody can guess; a status can be added to it.
func NewNonce() uint64 { return newNonce() }

// BashText returns what bash has to evaluate for a command, in a script that it sources or not, given its last report.
func BashText(c Command, last Report, sourced bool) string {
	return bashText(c, report{status: last.Status, traps: last.Traps, trace: last.Trace}, sourced)
}

// SetsTrap says whether a command may set a trap, which then has to be kept away from the report.
func SetsTrap(command string) bool { return setsTrap(command) }

// ShText returns what dash or busybox has to evaluate for a command, given its last report.
func ShText(c Command, last Report) string {
	return shText(c, report{status: last.Status, trace: last.Trace})
}
