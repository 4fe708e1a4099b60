package redact

// Peek appends what may be shown of an unfinished line when nothing more came for a while: what the stream holds back
// and then more, up to where a secret might begin. Unlike [Stream.Idle] it lets nothing out of the stream.
func (s *Stream) Peek(dst, more []byte) []byte {
	if s.r.disabled {
		return append(dst, more...)
	}
	if len(s.buf)+len(more) > MaxHold {
		return dst
	}
	ahead := &Stream{r: s.r, rs: s.rs, st: s.st, swallow: s.swallow, sent: s.sent, idle: s.idle, names: s.names}
	ahead.buf = append(append(ahead.buf, s.buf...), more...)
	return ahead.Idle(dst)
}

// Held returns how many bytes the stream holds back of what was written.
func (s *Stream) Held() int { return len(s.buf) }
