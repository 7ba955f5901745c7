// Package wire speaks HTTP/1.1 for the benchmarks at the least cost that Go allows.
package wire

import (
	"bytes"
	"errors"
	"net"
	"strconv"
	"time"
)

// Conn is an HTTP/1.1 connection that costs as little as Go allows: requests
// are bytes that were put together before, and of an answer only the status,
// the length and the body are looked at.
type Conn struct {
	net.Conn
	in []byte
}

// Dial connects.
func Dial(addr string) (*Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, in: make([]byte, 0, 16<<10)}, nil
}

// answerLimit bounds one exchange.
const answerLimit = 60 * time.Second

// Do sends a request and returns the status and the body of the answer; the
// body is valid until the next call.
func (c *Conn) Do(request []byte) (status int, body []byte, err error) {
	if err := c.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return 0, nil, err
	}
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	c.in = c.in[:0]
	head, length := -1, 0
	for head < 0 || len(c.in) < head+length {
		if len(c.in) == cap(c.in) {
			c.in = append(c.in, 0)[:len(c.in)]
		}
		n, err := c.Read(c.in[len(c.in):cap(c.in)])
		if err != nil {
			return 0, nil, err
		}
		c.in = c.in[:len(c.in)+n]
		if head < 0 {
			if head, length, err = Frame(c.in); err != nil {
				return 0, nil, err
			}
		}
	}
	status, err = strconv.Atoi(string(c.in[9:12]))
	return status, c.in[head : head+length], err
}

var (
	endOfHead     = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// Frame returns where the body of a message begins and how long it is; -1 while
// the head is not complete.
func Frame(b []byte) (head, length int, err error) {
	i := bytes.Index(b, endOfHead)
	if i < 0 {
		return -1, 0, nil
	}
	j := bytes.Index(b[:i+2], contentLength)
	if j < 0 {
		return 0, 0, errors.New("an answer without Content-Length")
	}
	for _, d := range b[j+len(contentLength) : i+2] {
		if d < '0' || d > '9' {
			break
		}
		length = 10*length + int(d-'0')
	}
	return i + len(endOfHead), length, nil
}

// AppendBody completes a request whose head ends behind "Content-Length: ".
func AppendBody(b, body []byte) []byte {
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, endOfHead...), body...)
}

var success = []byte(`"status_code":1000`)

// Accepted reports whether the hub has taken what was sent.
func Accepted(status int, body []byte) bool {
	return (status == 200 || status == 201) && bytes.Contains(body, success)
}

// Serve reads requests from a connection and writes what answer returns for each,
// until the connection ends or answer returns nil. head is where the body begins;
// the request is valid until answer returns.
func Serve(c net.Conn, answer func(request []byte, head int) []byte) {
	b := make([]byte, 0, 16<<10)
	head, length := -1, 0
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := c.Read(b[len(b):cap(b)])
		if err != nil {
			return
		}
		b = b[:len(b)+n]
		if head < 0 {
			if head, length, err = Frame(b); err != nil {
				return
			}
		}
		if head < 0 || len(b) < head+length {
			continue
		}
		out := answer(b[:head+length], head)
		if out == nil {
			return
		}
		b, head = b[:copy(b, b[head+length:])], -1
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}
