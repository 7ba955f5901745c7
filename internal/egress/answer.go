package egress

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
)

// Memory for reading is taken when there is something to read and given back with
// the answer: what the last answer was read into is still in the processor's
// cache, and thousands of connections that wait hold none.
var (
	pieces  = sync.Pool{New: func() any { b := make([]byte, readBuffer); return &b }}
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}
)

// first sends what is to be sent, waits for the answer and returns its first
// bytes, valid until drop.
func (c *conn) first() ([]byte, error) {
	n, err := 0, error(nil)
	if len(c.out) > 0 {
		n, err = c.next(nil) // into a piece that is taken when the answer has come
	}
	if n == 0 && err == nil { // not swapped, or not sent in one go
		c.takePiece()
		n, err = c.next(*c.piece)
	}
	if err != nil {
		return nil, err
	}
	return (*c.piece)[:n], nil
}

func (c *conn) takePiece() { c.piece, _ = pieces.Get().(*[]byte) }

// drop gives back what first took.
func (c *conn) drop() {
	if c.piece != nil {
		pieces.Put(c.piece)
		c.piece, c.early = nil, nil
	}
}

// simpleAnswer reads an answer that is there as a whole and of the commonest
// form: HTTP/1.1, Content-Length, nothing about connection or coding. Anything
// else is not ok, and left to net/http.
func simpleAnswer(b []byte, limit int64) (resp Response, ok bool) {
	const version = "HTTP/1.1 "
	line, at, ok := cutLine(b, 0)
	if !ok || len(line) < len(version)+3 || string(line[:len(version)]) != version || !fieldValue(string(line)) {
		return resp, false
	}
	code, rest := line[len(version):len(version)+3], line[len(version)+3:]
	status, ok := digits(code)
	if !ok || len(rest) > 0 && rest[0] != ' ' || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified {
		return resp, false
	}
	length := -1
	for {
		if line, at, ok = cutLine(b, at); !ok {
			return resp, false
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !token(string(name)) || !fieldValue(string(value)) {
			return resp, false
		}
		if value = bytes.Trim(value, " \t"); !plainField(string(name), string(value)) {
			return resp, false
		}
		if len(name) == len("Content-Length") && strings.EqualFold(string(name), "Content-Length") {
			n, ok := digits(value)
			if !ok || length >= 0 {
				return resp, false
			}
			length = n
		}
	}
	if length < 0 || length > len(b)-at || int64(length) > limit {
		return resp, false
	}
	own := bytes.Clone(b[:at+length])
	return Response{Status: status, Body: own[at:], head: own[:at:at]}, true
}

// cutLine returns the line at a place of b and where the next begins.
func cutLine(b []byte, at int) (line []byte, next int, ok bool) {
	n := bytes.IndexByte(b[at:], '\n')
	if n < 1 || b[at+n-1] != '\r' {
		return nil, at, false
	}
	return b[at : at+n-1], at + n + 1, true
}

// digits reads a number of at most seven digits.
func digits(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 7 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// plainField reports whether a field says nothing about how to read the answer,
// or about the connection, that net/http would have to look at.
func plainField(name, value string) bool {
	switch len(name) {
	case 7:
		return !strings.EqualFold(name, "Trailer") && !strings.EqualFold(name, "Upgrade")
	case 10:
		return !strings.EqualFold(name, "Keep-Alive") && (!strings.EqualFold(name, "Connection") || strings.EqualFold(value, "keep-alive"))
	case 16:
		return !strings.EqualFold(name, "Content-Encoding") && !strings.EqualFold(name, "Proxy-Connection")
	case 17:
		return !strings.EqualFold(name, "Transfer-Encoding")
	}
	return true
}

// Fields returns the header, also of an answer to a Lean request.
func (r *Response) Fields() http.Header {
	if r.Header == nil && len(r.head) > 0 {
		in := textproto.NewReader(bufio.NewReader(bytes.NewReader(r.head)))
		if _, err := in.ReadLine(); err == nil {
			h, _ := in.ReadMIMEHeader() // it was checked
			r.Header = http.Header(h)
		}
	}
	return r.Header
}
