package otlp

import (
	"encoding/binary"
	"iter"
	"math"
)

// A message is a protobuf message that is being written. Its methods take field numbers of opentelemetry-proto 1.
type message []byte

const (
	varint  = 0
	fixed64 = 1
	bytesOf = 2
)

func (m *message) tag(field, kind int) { *m = binary.AppendUvarint(*m, uint64(field)<<3|uint64(kind)) }

func (m *message) uint(field int, v uint64) {
	m.tag(field, varint)
	*m = binary.AppendUvarint(*m, v)
}

func (m *message) fixed(field int, v uint64) {
	m.tag(field, fixed64)
	*m = binary.LittleEndian.AppendUint64(*m, v)
}

func (m *message) double(field int, v float64) { m.fixed(field, math.Float64bits(v)) }

func (m *message) bytes(field int, v []byte) {
	m.tag(field, bytesOf)
	*m = append(binary.AppendUvarint(*m, uint64(len(v))), v...)
}

func (m *message) text(field int, v string) { m.bytes(field, []byte(v)) }

// sub writes a message as a field of this one.
func (m *message) sub(field int, write func(*message)) {
	var inner message
	write(&inner)
	m.bytes(field, inner)
}

// appendFixed and appendDouble write an element of a packed list.
func appendFixed(m message, v uint64) message { return binary.LittleEndian.AppendUint64(m, v) }

func appendDouble(m message, v float64) message { return appendFixed(m, math.Float64bits(v)) }

// A field is one of a message that was read. value is set for a varint, bytes for what has a length.
type field struct {
	number int
	value  uint64
	bytes  []byte
}

// fields reads a message up to its end or to what is no field of the kinds above.
func fields(m []byte) iter.Seq[field] {
	return func(yield func(field) bool) {
		for len(m) > 0 {
			tag, n := binary.Uvarint(m)
			if n <= 0 {
				return
			}
			m = m[n:]
			f := field{number: int(tag >> 3)}
			switch tag & 7 {
			case varint, bytesOf:
				if f.value, n = binary.Uvarint(m); n <= 0 {
					return
				}
				m = m[n:]
				if tag&7 == bytesOf {
					if f.value > uint64(len(m)) {
						return
					}
					f.bytes, m = m[:f.value], m[f.value:]
				}
			case fixed64:
				if len(m) < 8 {
					return
				}
				m = m[8:]
			default:
				return
			}
			if !yield(f) {
				return
			}
		}
	}
}
