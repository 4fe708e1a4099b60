//go:build portable

package oracle

// far says that the sessions' shells are driven as those on other machines are.
const far = true
