package trace

import (
	"encoding/binary"
	"errors"
	"time"
)

// coder writes messages to buf, or reads them from it: one description of the
// layout serves both ways. Fields follow each other without tags; a change of
// the layout needs another format number in chunks.
type coder struct {
	buf     []byte
	reading bool
	bad     bool
}

var errChunk = errors.New("a chunk of the message trace is damaged")

func (c *coder) message(m *Message) {
	c.time(&m.Time)
	c.text(&m.Way)
	c.text(&m.Mode)
	c.text(&m.RequestID)
	c.text(&m.CorrelationID)
	c.text(&m.OutRequestID)
	c.text(&m.FromPlatform)
	c.text(&m.ToPlatform)
	c.text(&m.From)
	c.text(&m.To)
	c.text(&m.Version)
	c.text(&m.Module)
	c.text(&m.Interface)
	c.text(&m.Method)
	c.text(&m.Object)
	c.int(&m.HTTPStatus)
	c.int(&m.OCPIStatus)
	c.int(&m.PartnerHTTP)
	c.int(&m.PartnerOCPI)
	c.int64(&m.HubMicros)
	c.int64(&m.PartnerMicros)
	c.texts(&m.Losses)
	c.text(&m.Error)
	c.bytes(&m.RequestBody)
	c.bytes(&m.ResponseBody)
}

func (c *coder) int64(v *int64) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, *v)
		return
	}
	x, n := binary.Varint(c.buf)
	if n <= 0 {
		c.bad, c.buf = true, nil
		return
	}
	*v, c.buf = x, c.buf[n:]
}

func (c *coder) int(v *int) {
	x := int64(*v)
	c.int64(&x)
	*v = int(x)
}

// time keeps microseconds; the zero time is 0.
func (c *coder) time(t *time.Time) {
	var us int64
	if !c.reading && !t.IsZero() {
		us = t.UnixMicro()
	}
	c.int64(&us)
	if c.reading && us != 0 {
		*t = time.UnixMicro(us).UTC()
	}
}

// take reads a length and so many bytes, which belong to buf.
func (c *coder) take() []byte {
	var n int64
	c.int64(&n)
	if n < 0 || n > int64(len(c.buf)) {
		c.bad, c.buf = true, nil
		return nil
	}
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

func (c *coder) text(s *string) {
	if c.reading {
		*s = string(c.take())
		return
	}
	c.buf = binary.AppendVarint(c.buf, int64(len(*s)))
	c.buf = append(c.buf, *s...)
}

func (c *coder) bytes(b *[]byte) {
	if c.reading {
		if t := c.take(); len(t) > 0 {
			*b = t
		}
		return
	}
	c.buf = binary.AppendVarint(c.buf, int64(len(*b)))
	c.buf = append(c.buf, *b...)
}

func (c *coder) texts(list *[]string) {
	n := len(*list)
	c.int(&n)
	if c.reading {
		if n < 0 || n > len(c.buf) {
			c.bad = true
			return
		}
		*list = nil
		if n > 0 {
			*list = make([]string, n)
		}
	}
	for i := range *list {
		c.text(&(*list)[i])
	}
}

// decode returns the messages of an unpacked chunk.
func decode(b []byte) ([]Message, error) {
	c := coder{buf: b, reading: true}
	var out []Message
	for len(c.buf) > 0 {
		var m Message
		if c.message(&m); c.bad {
			return out, errChunk
		}
		out = append(out, m)
	}
	return out, nil
}

// Kinds of keys under which messages are found.
const (
	byCorrelation = 'c'
	byRequest     = 'r'
	byParty       = 'p'
)

// keyOf maps what a message is found by to 64 bits: FNV-1a and a final mix, so
// that the upper bits are even. Different values may share a key; whoever looks
// something up compares the messages themselves.
func keyOf(kind byte, value string) uint64 {
	h := (uint64(14695981039346656037) ^ uint64(kind)) * 1099511628211
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// appendKeys appends the keys under which m is to be found.
func appendKeys(keys []uint64, m *Message) []uint64 {
	add := func(kind byte, v string) {
		if v != "" {
			keys = append(keys, keyOf(kind, v))
		}
	}
	add(byCorrelation, m.CorrelationID)
	add(byRequest, m.RequestID)
	if m.OutRequestID != m.RequestID {
		add(byRequest, m.OutRequestID)
	}
	add(byParty, m.From)
	add(byParty, m.To)
	return keys
}
