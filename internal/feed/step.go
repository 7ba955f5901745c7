package feed

import (
	"encoding/binary"
	"errors"
	"net/url"
	"slices"

	"github.com/eroam/eroam/ocpi"
)

// MaxStep bounds an encoded step. A larger change is not kept as a step:
// receivers then get the whole object.
const MaxStep = 2 << 10

// Step is a change of one object as its owner pushed it, or as the hub put it
// into words. It is kept beside the object until the next change, so that every
// process, also after a restart, can pass just this on.
type Step struct {
	Method        string
	Path          []string // unescaped, below the endpoint: country code, party id, id…
	Query         url.Values
	Version       ocpi.Version // of Body
	Body          []byte       // as written; empty for DELETE
	CorrelationID string
	FromHub       bool // came in through another hub
}

// stepFormat is the first byte of an encoded step.
const stepFormat = 1

// Encode returns s in a form that [Decode] reads, or nil when it would take more
// than [MaxStep] bytes.
func (s *Step) Encode() []byte {
	query := s.Query.Encode()
	size := 16 + len(s.Method) + len(query) + len(s.Version) + len(s.CorrelationID) + len(s.Body)
	for _, p := range s.Path {
		size += len(p) + 2
	}
	if size > MaxStep {
		return nil
	}
	b := append(make([]byte, 0, size), stepFormat, flag(s.FromHub))
	for _, text := range [...]string{s.Method, string(s.Version), s.CorrelationID, query} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Path)))
	for _, p := range s.Path {
		b = appendText(b, p)
	}
	if b = append(b, s.Body...); len(b) > MaxStep {
		return nil
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

var errStep = errors.New("not an encoded step")

// Decode is the inverse of [Step.Encode]. The body of the result is a part of b.
func Decode(b []byte) (Step, error) {
	if len(b) < 2 || b[0] != stepFormat || b[1] > 1 {
		return Step{}, errStep
	}
	s := Step{FromHub: b[1] == 1}
	r := stepReader{b[2:], true}
	s.Method, s.Version, s.CorrelationID = r.text(), ocpi.Version(r.text()), r.text()
	query := r.text()
	n := r.number()
	for range min(n, uint64(len(r.rest))) {
		s.Path = append(s.Path, r.text())
	}
	if !r.ok || uint64(len(s.Path)) != n {
		return Step{}, errStep
	}
	if query != "" {
		var err error
		if s.Query, err = url.ParseQuery(query); err != nil {
			return Step{}, errStep
		}
	}
	s.Body = slices.Clip(r.rest)
	return s, nil
}

// stepReader takes values off the front of rest until one is malformed.
type stepReader struct {
	rest []byte
	ok   bool
}

func (r *stepReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || !r.ok {
		r.ok = false
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *stepReader) text() string {
	n := r.number()
	if !r.ok || n > uint64(len(r.rest)) {
		r.ok = false
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}
