package egress

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"testing"
)

// Whatever simpleAnswer reads, net/http reads the same, and keeps the connection.
func FuzzSimpleAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200\r\nDate: x\r\ncontent-length:2 \r\nConnection: Keep-Alive\r\n\r\n{}",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n X: folded\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\nRetry-After: 8\r\n\r\n{}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := simpleAnswer(b, 1000)
		if !ok {
			return
		}
		r := bufio.NewReaderSize(bytes.NewReader(b), 1<<20)
		want, err := http.ReadResponse(r, &http.Request{Method: "PUT"})
		if err != nil {
			t.Fatalf("net/http: %v", err)
		}
		body, err := io.ReadAll(want.Body)
		if err != nil {
			t.Fatalf("net/http: %v", err)
		}
		if want.Close || got.Status != want.StatusCode || !bytes.Equal(got.Body, body) || !reflect.DeepEqual(got.Fields(), want.Header) {
			t.Errorf("read %d %v %q, net/http %d %v %q, close %v", got.Status, got.Fields(), got.Body, want.StatusCode, want.Header, body, want.Close)
		}
		if rest := len(b) - len(got.head) - len(got.Body); rest != r.Buffered() {
			t.Errorf("%d bytes are left, with net/http %d", rest, r.Buffered())
		}
	})
}

func TestSimpleAnswer(t *testing.T) {
	for text, want := range map[string]bool{
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}": true,
		"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}":    true,
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}":                                   false,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}":              false,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: br\r\n\r\n{}":           false,
	} {
		if _, ok := simpleAnswer([]byte(text), 100); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
	if _, ok := simpleAnswer([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), 1); ok {
		t.Error("an answer longer than allowed was read")
	}
}
