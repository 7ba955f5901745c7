package egress

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// inlineBody is the largest body that is sent in one piece with the header.
const inlineBody = 16 << 10

// buffers hold request headers with small bodies while they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

func putBuffer(b *[]byte) {
	if cap(*b) <= 4*inlineBody {
		clear(*b) // it held a token
		buffers.Put(b)
	}
}

var errHeader = errors.New("a request header has a character that it must not have")

// appendRequest appends the request line, the header and a body that is short
// enough to b (RFC 9112 §3). Names and values are checked, so that no caller
// can end a line.
func appendRequest(b []byte, t target, r *Request) ([]byte, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	if !token(method) {
		return b, errors.New("the method is not one")
	}
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, t.path...)
	if r.To != nil {
		b = append(b, r.URL...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, t.authority...)
	b = append(b, "\r\nAccept-Encoding: identity\r\n"...)
	if len(r.Header["User-Agent"]) == 0 {
		b = append(b, "User-Agent: eroam\r\n"...)
	}
	if len(r.Body) > 0 && len(r.Header["Content-Type"]) == 0 {
		b = append(b, "Content-Type: application/json\r\n"...)
	}
	if r.To != nil {
		b = append(b, r.To.lines...)
	}
	for _, f := range r.Fields {
		if ours(f.Name) || !token(f.Name) || !fieldValue(f.Value) {
			return b, errHeader
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	var err error
	if b, err = appendFields(b, r.Header); err != nil {
		return b, err
	}
	if len(r.Body) > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.Body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	if len(r.Body) <= inlineBody {
		b = append(b, r.Body...)
	}
	return b, nil
}

// appendFields appends the header h, but for what belongs to the connection.
func appendFields(b []byte, h http.Header) ([]byte, error) {
	for name, values := range h {
		if ours(name) {
			continue
		}
		if !token(name) {
			return b, errHeader
		}
		for _, v := range values {
			if !fieldValue(v) {
				return b, errHeader
			}
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, v...)
			b = append(b, "\r\n"...)
		}
	}
	return b, nil
}

// ours reports whether a header belongs to the connection and not to the caller.
func ours(name string) bool {
	var which []string
	switch len(name) {
	case 2:
		which = []string{"Te"}
	case 4:
		which = []string{"Host"}
	case 6:
		which = []string{"Expect"}
	case 7:
		which = []string{"Trailer", "Upgrade"}
	case 10:
		which = []string{"Connection", "Keep-Alive"}
	case 14:
		which = []string{"Content-Length"}
	case 15:
		which = []string{"Accept-Encoding"}
	case 16:
		which = []string{"Proxy-Connection"}
	case 17:
		which = []string{"Transfer-Encoding"}
	case 19:
		which = []string{"Proxy-Authorization"}
	}
	for _, w := range which {
		if strings.EqualFold(name, w) {
			return true
		}
	}
	return false
}

// token reports whether s is a token of RFC 9110 §5.6.2.
func token(s string) bool {
	const (
		digits = (1<<10 - 1) << '0'
		upper  = (1<<26 - 1) << ('A' - 64)
		lower  = (1<<26 - 1) << ('a' - 64)
		first  = digits | 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.'
		second = upper | lower | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64)
	)
	for i := range len(s) {
		// A shift by 64 or more gives 0, and c-64 wraps around below 64.
		if c := s[i]; uint64(first)>>c&1|uint64(second)>>(c-64)&1 == 0 {
			return false
		}
	}
	return s != ""
}

// fieldValue reports whether s may be a header value: no control characters.
func fieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
