package clean

// Peek appends the line that is not finished yet, such as a prompt, as it would read if nothing more came. It changes
// nothing: a carriage return may still take the line back.
func (c *Cleaner) Peek(dst []byte) []byte { return append(dst, c.line...) }
