// Package egresstest plays a partner in a process of its own that costs as little
// as possible, for benchmarks of what the hub's side costs.
package egresstest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// variable tells the process that it is the partner.
const variable = "EROAM_EGRESSTEST_PARTNER"

// Main plays the partner and reports true where Start has started this process.
// The TestMain of a package that calls Start calls it first.
func Main() bool {
	if os.Getenv(variable) == "" {
		return false
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no loopback: nothing here can work
	}
	s := newServer("http://" + l.Addr().String())
	go s.accept(l)
	fmt.Println(s.url)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() { // until the process that started this one is gone
		fmt.Println(s.count.Load())
	}
	return true
}

// Partner is the other process. It answers any request with success; it has the
// versions of a 2.2.1 platform that takes locations.
type Partner struct {
	URL string // http://host:port; its versions are at /versions
	in  io.WriteCloser
	out *bufio.Reader
}

// Start starts the process, which ends with the benchmark.
func Start(b testing.TB) *Partner {
	b.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:gosec // this test binary again
	cmd.Env = append(os.Environ(), variable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	p := &Partner{in: in, out: bufio.NewReader(out)}
	url, err := p.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	p.URL = strings.TrimSpace(url)
	return p
}

// Count returns how many requests have come, those of the handshake left out. It
// belongs to one goroutine.
func (p *Partner) Count(b testing.TB) (n int64) {
	b.Helper()
	if _, err := fmt.Fprintln(p.in); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Fscan(p.out, &n); err != nil {
		b.Fatal(err)
	}
	return n
}

// server is what the partner's process does.
type server struct {
	url                     string
	versions, details, done []byte // whole answers
	count                   atomic.Int64
}

func newServer(url string) *server {
	answer := func(body string) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n%s", len(body), body)
	}
	const success = `"status_code":1000,"timestamp":"2026-01-02T03:04:05Z"}`
	return &server{
		url: url, done: answer("{" + success),
		versions: answer(`{"data":[{"version":"2.2.1","url":"` + url + `/details"}],` + success),
		details: answer(`{"data":{"version":"2.2.1","endpoints":[{"identifier":"credentials","role":"SENDER","url":"` + url + `/credentials"},` +
			`{"identifier":"locations","role":"RECEIVER","url":"` + url + `/locations"}]},` + success),
	}
}

func (s *server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(c)
	}
}

// serve answers the requests of one connection.
func (s *server) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for r := bufio.NewReaderSize(c, 8192); ; {
		answer, length, err := s.readHead(r)
		if err != nil {
			return
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if answer == nil {
			answer = s.done
			s.count.Add(1)
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

var contentLength = []byte("content-length:")

// readHead returns how long the body is, and the answer to a request of the
// handshake, which is nil for any other.
func (s *server) readHead(r *bufio.Reader) (answer []byte, length int, err error) {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, 0, err
		}
		switch {
		case first && bytes.HasPrefix(line, []byte("GET /versions ")):
			answer = s.versions
		case first && bytes.HasPrefix(line, []byte("GET /details ")):
			answer = s.details
		case len(line) == 2:
			return answer, length, nil
		case len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return nil, 0, err
			}
		}
	}
}
