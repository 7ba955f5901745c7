package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"
)

// conn is an HTTP/1.1 connection that costs as little as Go allows: requests
// are bytes that were put together before, and of an answer only the status,
// the length and the body are looked at.
type conn struct {
	net.Conn
	in []byte
}

func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, in: make([]byte, 0, 16<<10)}, nil
}

// answerLimit bounds one exchange.
const answerLimit = 60 * time.Second

// do sends a request and returns the status and the body of the answer; the
// body is valid until the next call.
func (c *conn) do(request []byte) (status int, body []byte, err error) {
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
			if head, length, err = frame(c.in); err != nil {
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

// frame returns where the body of a message begins and how long it is; -1 while
// the head is not complete.
func frame(b []byte) (head, length int, err error) {
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

// appendHead appends the head of a request of an owner to the hub, up to the
// length of the body.
func appendHead(b []byte, method, host string, o owner, token string, path ...string) []byte {
	b = append(append(b, method...), " /ocpi/2.2.1/receiver/locations"...)
	for _, p := range append([]string{o.country, o.id}, path...) {
		b = append(append(b, '/'), url.PathEscape(p)...)
	}
	return fmt.Appendf(b, " HTTP/1.1\r\nHost: %s\r\nAuthorization: Token %s\r\nX-Request-ID: b6f0a2d2e6b54b3f8f6d2f0a\r\nX-Correlation-ID: c6f0a2d2e6b54b3f8f6d2f0a\r\n"+
		"OCPI-from-country-code: %s\r\nOCPI-from-party-id: %s\r\nOCPI-to-country-code: US\r\nOCPI-to-party-id: HUB\r\nContent-Type: application/json\r\nContent-Length: ",
		host, token, o.country, o.id)
}

// appendBody completes a request.
func appendBody(b, body []byte) []byte {
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, endOfHead...), body...)
}

var success = []byte(`"status_code":1000`)

// accepted reports whether the hub has taken what was sent.
func accepted(status int, body []byte) bool {
	return (status == 200 || status == 201) && bytes.Contains(body, success)
}
