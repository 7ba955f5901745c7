package soak

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
)

// mode is how a provider treats what comes.
type mode int32

const (
	well   mode = iota // takes it
	slow               // takes it after a while
	broken             // HTTP 500
	cut                // takes it, and the connection ends before it says so
	hang               // says nothing for longer than the hub waits
	gone               // its server is away
)

// payer is an eMSP. It refuses CDRs that are marked, and keeps what it took.
type payer struct {
	blackbox.Party
	token   string // that the hub accepts from it
	count   *billing
	addr    string
	handler http.Handler
	mode    atomic.Int32
	failed  atomic.Int64 // requests that were answered with HTTP 500

	mu     sync.Mutex
	server *http.Server // nil: away
	ended  chan struct{}
	took   map[string]string // SHA-256 of what was taken by "NL-CP1 id"
	twice  int
}

func newPayer(t testing.TB, p blackbox.Party, count *billing) *payer {
	e := &payer{Party: p, count: count, took: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.addr = l.Addr().String()
	mux := http.NewServeMux()
	versions := blackbox.Versions("http://"+e.addr, blackbox.Endpoint{Identifier: "cdrs", Role: "RECEIVER", URL: "/cdrs"})
	mux.Handle("/versions", versions)
	mux.Handle("/2.2.1", versions)
	mux.HandleFunc("POST /cdrs", e.post)
	e.handler = mux
	e.serve(l)
	t.Cleanup(e.leave)
	return e
}

func (e *payer) serve(l net.Listener) {
	e.server, e.ended = &http.Server{Handler: e.handler}, make(chan struct{})
	go func(s *http.Server, ended chan struct{}) {
		defer close(ended)
		_ = s.Serve(l)
	}(e.server, e.ended)
}

// leave closes the server and all its connections.
func (e *payer) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		_ = e.server.Close()
		<-e.ended
		e.server = nil
	}
}

// set changes the mode.
func (e *payer) set(m mode) {
	e.mode.Store(int32(m))
	if m == gone {
		e.leave()
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.server == nil {
		l, err := net.Listen("tcp", e.addr)
		if err != nil { // somebody's connection from the port; it goes away
			time.Sleep(10 * time.Millisecond)
			continue
		}
		e.serve(l)
	}
}

// flap changes the mode now and then until stop is closed.
func (e *payer) flap(stop <-chan struct{}, seed uint64, modes ...mode) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for {
		e.set(modes[rnd.IntN(len(modes))])
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(100+rnd.IntN(1400)) * time.Millisecond):
		}
	}
}

func (e *payer) post(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	m := mode(e.mode.Load())
	switch m {
	case broken:
		e.failed.Add(1)
		blackbox.Answer(w, http.StatusInternalServerError, 3000, nil)
		return
	case hang:
		select {
		case <-q.Context().Done():
		case <-time.After(3 * time.Second):
		}
		return
	case slow:
		time.Sleep(20 * time.Millisecond)
	}
	var c struct {
		ID    string `json:"id"`
		Party string `json:"party_id"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		e.count.wrong.complain("%s was sent %.200q: %v", e.ID, body, err)
	}
	if strings.HasPrefix(c.ID, "BAD") {
		blackbox.Answer(w, http.StatusOK, 2001, nil)
		return
	}
	e.take("NL-"+c.Party+" "+c.ID, body)
	if m == cut {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	w.Header().Set("Location", "http://"+e.addr+"/cdrs/"+c.Party+"/"+c.ID)
	blackbox.Answer(w, http.StatusOK, 1000, nil)
}

// take notes a CDR. One that comes again must be the same.
func (e *payer) take(key string, body []byte) {
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	e.mu.Lock()
	defer e.mu.Unlock()
	if before, again := e.took[key]; again {
		e.twice++
		if before != digest {
			e.count.wrong.complain("%s got %s twice, with other content", e.ID, key)
		}
	}
	e.took[key] = digest
}

func (e *payer) has(key string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.took[key]
}
