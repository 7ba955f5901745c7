package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/bench/wire"
	"github.com/eroam/eroam/internal/blackbox"
)

const receiveCommand = "play-receivers"

// lagSlots bounds how many lags are kept.
const lagSlots = 1 << 22

// inbox plays any number of receivers: each has a path of its own, /r/NUMBER.
// It counts what comes and how old it is, and answers at once, but for the
// receivers that hang.
type inbox struct {
	total   atomic.Int64
	hung    atomic.Int64 // requests that are not answered
	last    atomic.Int64 // when the latest came, Unix ns
	hanging atomic.Int64 // receivers with a lower number hang
	counted atomic.Int64 // receivers with a lower number do not count
	lags    []uint32     // µs
	lagged  atomic.Int64
	mu      sync.Mutex
	waiting []net.Conn // of hanging receivers
}

// receive is the child's main function.
func receive() error {
	traffic, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	in := &inbox{lags: make([]uint32, lagSlots)}
	go func() {
		for {
			c, err := traffic.Accept()
			if err != nil {
				fmt.Fprintln(os.Stderr, "receivers:", err)
				os.Exit(1)
			}
			go in.serve(c)
		}
	}()
	if err := json.NewEncoder(os.Stdout).Encode(ports{traffic.Addr().String(), control.Addr().String()}); err != nil {
		return err
	}
	s := &http.Server{Handler: in.control(control.Addr().String(), traffic.Addr().String()), ReadHeaderTimeout: 10 * time.Second}
	return s.Serve(control)
}

var fine = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 59\r\n\r\n" +
	`{"status_code":1000,"timestamp":"2026-01-01T00:00:00.000Z"}`)

// serve answers the requests of one connection.
func (in *inbox) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	wire.Serve(c, func(request []byte, head int) []byte {
		if !in.take(c, request, head) {
			return nil
		}
		return fine
	})
}

var stampName = []byte(`"last_updated":"`)

// take counts a request; false when its receiver hangs until it is released.
func (in *inbox) take(c net.Conn, request []byte, head int) bool {
	now := time.Now()
	number, ok := receiver(request)
	if ok && number < in.hanging.Load() {
		in.hung.Add(1)
		in.mu.Lock()
		in.waiting = append(in.waiting, c)
		in.mu.Unlock()
		var one [1]byte
		_, _ = c.Read(one[:]) // until the hub gives up
		return false
	}
	if ok && number < in.counted.Load() {
		return true
	}
	in.total.Add(1)
	in.last.Store(now.UnixNano())
	if i := bytes.Index(request[head:], stampName); i >= 0 && len(request)-head < 200 {
		s := request[head+i+len(stampName):]
		if len(s) >= len(stampFormat) {
			if t, err := time.Parse(stampFormat, string(s[:len(stampFormat)])); err == nil {
				in.lags[(in.lagged.Add(1)-1)%lagSlots] = uint32(min(max(0, now.Sub(t).Microseconds()), math.MaxUint32))
			}
		}
	}
	return true
}

// receiver reads the number in METHOD /r/NUMBER/….
func receiver(request []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(request[:min(len(request), 40)], []byte(" /r/"))
	n := int64(0)
	for i, d := range rest {
		if d < '0' || d > '9' {
			return n, ok && i > 0
		}
		n = 10*n + int64(d-'0')
	}
	return 0, false
}

// tally is what the inbox has counted.
type tally struct {
	Total  int64   `json:"total"`
	Hung   int64   `json:"hung"`
	Last   int64   `json:"last"`
	Lagged int64   `json:"lagged"`
	P50    float64 `json:"p50"` // ms
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

func (in *inbox) tally() tally {
	t := tally{Total: in.total.Load(), Hung: in.hung.Load(), Last: in.last.Load(), Lagged: in.lagged.Load()}
	lags := slices.Clone(in.lags[:min(t.Lagged, lagSlots)])
	if len(lags) == 0 {
		return t
	}
	slices.Sort(lags)
	at := func(q int) float64 { return float64(result.Percentile(lags, q)) / 1000 }
	t.P50, t.P99, t.Max = at(50), at(99), at(100)
	return t
}

// control serves the handshake of the receivers and the counters.
func (in *inbox) control(self, traffic string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/v/{n}/", func(w http.ResponseWriter, r *http.Request) {
		n := r.PathValue("n")
		versions := blackbox.Versions("http://"+self+"/v/"+n, blackbox.Endpoint{Identifier: "locations", Role: "RECEIVER", URL: "http://" + traffic + "/r/" + n + "/locations"})
		http.StripPrefix("/v/"+n, versions).ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(in.total.Load())
	})
	mux.HandleFunc("GET /tally", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(in.tally()) })
	mux.HandleFunc("POST /reset", func(_ http.ResponseWriter, r *http.Request) {
		number := func(name string) int64 {
			n, _ := strconv.ParseInt(r.FormValue(name), 10, 64)
			return n
		}
		in.hanging.Store(number("hanging"))
		in.counted.Store(number("uncounted"))
		in.total.Store(0)
		in.hung.Store(0)
		in.lagged.Store(0)
		in.mu.Lock()
		defer in.mu.Unlock()
		for _, c := range in.waiting {
			_ = c.Close()
		}
		in.waiting = nil
	})
	return mux
}
