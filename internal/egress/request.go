// Package egress sends HTTP requests to partners. See [Client] for what it
// guarantees.
package egress

import (
	"net/http"
	"time"
)

// Request is one request to a partner. URL must be absolute; Header holds only
// what goes out (the hub never copies a whole inbound header).
type Request struct {
	Platform string // platform id: whose bulkhead and connection pool is used
	Method   string
	URL      string
	Header   http.Header
	Body     []byte
	Timeout  time.Duration // of the whole exchange, reading the body included
	// NotAfter ends the exchange, like Timeout, and guarantees in addition that
	// no byte of it is given to the system at or after that time, however long
	// this process was stopped before: the time is asked for immediately before
	// each write. What was not begun then fails as Busy. Zero: no bound.
	NotAfter time.Time
	// Permit, unless nil, is asked on a connection that is ready, immediately
	// before the first byte is written; with an error the exchange fails as
	// Withdrawn and nothing is sent. It must not block.
	Permit func() error
	// Lean leaves Response.Header empty where that saves time; see
	// [Response.Fields].
	Lean bool
	// Lasting says that the context is that of many requests: connections stay
	// bound to it between them, and when it ends they are closed. That saves
	// binding and loosening them each time.
	Lasting bool
	// To, unless nil, says where to and has what is the same in many requests:
	// URL is then only what follows its URL, beginning with a slash, and Header
	// and Fields what is particular to this one.
	To     *Recipient
	Fields []Field // of the header, besides Header
}

// Field is a header field.
type Field struct{ Name, Value string }

// Response is what a partner answered: whole, bounded and within the deadline.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	head []byte // status line and header as they came, where Header is not set
}

// Failure says in which of the ways that a sender can tell apart an exchange
// failed.
type Failure uint8

// The failures.
const (
	// Unreachable: nothing was sent: no address, refused, TLS failed, or the
	// address is one we do not connect to. OCPI 4003.
	Unreachable Failure = iota + 1
	// TimedOut: the request may have arrived; no whole answer came in time. OCPI 4002.
	TimedOut
	// Broken: the request may have arrived; the answer was cut off, over-long or not HTTP. OCPI 4002.
	Broken
	// Busy: the partner's bulkhead is full, no connection is left, or NotAfter is over; nothing was sent. OCPI 4003.
	Busy
	// Withdrawn: Permit refused; nothing was sent.
	Withdrawn
)

// outcome is the label of f in the metrics; 0 is success.
func (f Failure) outcome() string {
	switch f {
	case 0:
		return "ok"
	case Unreachable:
		return "unreachable"
	case TimedOut:
		return "timeout"
	case Broken:
		return "broken"
	case Busy:
		return "busy"
	case Withdrawn:
		return "withdrawn"
	}
	return "unknown"
}

// String is fit for a partner: it tells no more than the failure, so that a
// refused connection, a closed port and a blocked address read the same.
func (f Failure) String() string {
	switch f {
	case Unreachable:
		return "the receiver cannot be reached"
	case TimedOut:
		return "the receiver did not answer in time"
	case Broken:
		return "the receiver's answer was broken off or cannot be read"
	case Busy:
		return "too many requests to the receiver are waiting"
	case Withdrawn:
		return "the request was withdrawn before it was sent"
	}
	return "unknown failure"
}

// Error is how every failed exchange is reported. Its text is for logs: it says
// what happened at which address. Partners are told the Failure only.
type Error struct {
	Failure Failure
	Err     error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }
