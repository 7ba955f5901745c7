package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/bench/wire"
	"github.com/eroam/eroam/internal/blackbox"
)

// inbox plays the providers, and the operators' side that nobody asks. It answers
// at once; the first provider is away when that is set.
type inbox struct {
	traffic net.Listener
	control *httptest.Server
	away    atomic.Bool
	first   atomic.Int64 // CDRs that the first provider has taken
	last    atomic.Int64 // when the latest of them came, Unix ns
	mu      sync.Mutex
	open    map[net.Conn]bool // nil: closed
	all     sync.WaitGroup
}

func listen() (*inbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	in := &inbox{traffic: l, open: map[net.Conn]bool{}}
	in.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if in.keep(c) {
				in.all.Go(func() { in.serve(c) })
			}
		}
	})
	mux := http.NewServeMux()
	in.control = httptest.NewServer(mux)
	mux.HandleFunc("/{n}/{role}/", func(w http.ResponseWriter, r *http.Request) {
		n, role := r.PathValue("n"), r.PathValue("role")
		base, here := "/"+n+"/"+role, "http://"+l.Addr().String()+"/"+n
		versions := blackbox.Versions(in.control.URL+base,
			blackbox.Endpoint{Identifier: "cdrs", Role: role, URL: here + "/cdrs"}, blackbox.Endpoint{Identifier: "sessions", Role: role, URL: here + "/sessions"})
		http.StripPrefix(base, versions).ServeHTTP(w, r)
	})
	return in, nil
}

func (in *inbox) versions(n int, role string) string {
	return in.control.URL + "/" + strconv.Itoa(n) + "/" + role + "/versions"
}

func (in *inbox) keep(c net.Conn) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.open == nil {
		_ = c.Close()
		return false
	}
	in.open[c] = true
	return true
}

func (in *inbox) close() {
	in.control.Close()
	_ = in.traffic.Close()
	in.mu.Lock()
	for c := range in.open {
		_ = c.Close()
	}
	in.open = nil
	in.mu.Unlock()
	in.all.Wait()
}

var (
	fine = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 59\r\n\r\n" +
		`{"status_code":1000,"timestamp":"2026-01-01T00:00:00.000Z"}`)
	broken = []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 59\r\n\r\n" +
		`{"status_code":3000,"timestamp":"2026-01-01T00:00:00.000Z"}`)
)

// serve answers the requests of one connection.
func (in *inbox) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		in.mu.Lock()
		delete(in.open, c)
		in.mu.Unlock()
	}()
	wire.Serve(c, func(request []byte, _ int) []byte { return in.answer(request) })
}

// answer looks at the path: the first provider's is below /0/.
func (in *inbox) answer(request []byte) []byte {
	const first = "POST /0/cdrs "
	if len(request) < len(first) || string(request[:len(first)]) != first {
		return fine
	}
	if in.away.Load() {
		return broken
	}
	in.first.Add(1)
	in.last.Store(time.Now().UnixNano())
	return fine
}
