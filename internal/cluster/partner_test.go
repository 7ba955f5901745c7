//go:build linux

package cluster

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// partner is a platform with one party. It takes everything and remembers it.
type partner struct {
	c           *cluster
	id, role    string // "NL-CP1", "CPO"
	platform    string
	server      *httptest.Server
	token       string       // that it sends
	delay       atomic.Int64 // nanoseconds before it answers a push
	noCDRs      atomic.Bool  // it answers CDRs with 503
	mu          sync.Mutex
	received    []received
	state       map[string]int // the last that came, by object
	flying      map[string]int // requests in hand, by path
	overlapping int            // requests that came while another for the same path was in hand
}

// received is a request that came.
type received struct {
	at           time.Time
	pid          int // of the process that sent it; 0: unknown
	method, path string
	body         string
}

const partnerToken = "partner-token-0123456789"

type pidKey struct{}

func (c *cluster) partner(id, role string) *partner {
	p := &partner{c: c, id: id, role: role, flying: map[string]int{}, state: map[string]int{}}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, pidKey{}, c.sender(conn.RemoteAddr()))
	}
	p.server.Start()
	c.t.Cleanup(p.server.Close)
	return p
}

func (p *partner) url() string { return p.server.URL }

func (p *partner) country() string { return p.id[:2] }
func (p *partner) party() string   { return p.id[3:] }

func (p *partner) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	pid, _ := r.Context().Value(pidKey{}).(int)
	push := strings.HasPrefix(r.URL.Path, "/2.2.1/push/")
	p.mu.Lock()
	got := received{time.Now(), pid, r.Method, r.URL.Path, string(body)}
	p.received = append(p.received, got)
	if push {
		p.state[got.path[strings.LastIndexByte(got.path, '/')+1:]] = stateOf(got)
		if p.flying[r.URL.Path]++; p.flying[r.URL.Path] > 1 {
			p.overlapping++
		}
	}
	p.mu.Unlock()
	if push {
		time.Sleep(time.Duration(p.delay.Load()))
		p.mu.Lock()
		p.flying[r.URL.Path]--
		p.mu.Unlock()
	}
	var data any
	switch r.URL.Path {
	case "/versions":
		data = []any{map[string]string{"version": "2.2.1", "url": p.url() + "/2.2.1"}}
	case "/2.2.1":
		data = map[string]any{"version": "2.2.1", "endpoints": p.endpoints()}
	case "/2.2.1/credentials":
		data = p.credentials()
	case "/2.2.1/commands/START_SESSION":
		data = map[string]any{"result": "ACCEPTED", "timeout": 0}
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/2.2.1/cdrs" && p.noCDRs.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(envelope(data)) // the hub has gone away
}

func envelope(data any) map[string]any {
	e := map[string]any{"status_code": 1000, "timestamp": time.Now().UTC().Format(time.RFC3339)}
	if data != nil {
		e["data"] = data
	}
	return e
}

func (p *partner) endpoints() (list []map[string]string) {
	add := func(module, role, path string) {
		list = append(list, map[string]string{"identifier": module, "role": role, "url": p.url() + "/2.2.1/" + path})
	}
	add("credentials", "SENDER", "credentials")
	if p.role == "CPO" {
		add("commands", "RECEIVER", "commands")
		add("locations", "SENDER", "locations")
		add("cdrs", "SENDER", "cdrs")
	} else {
		add("locations", "RECEIVER", "push/locations")
		add("cdrs", "RECEIVER", "cdrs")
		add("commands", "SENDER", "results")
	}
	return list
}

func (p *partner) credentials() map[string]any {
	return map[string]any{
		"token": partnerToken, "url": p.url() + "/versions",
		"roles": []any{map[string]any{
			"role": p.role, "country_code": p.country(), "party_id": p.party(), "business_details": map[string]string{"name": p.id},
		}},
	}
}

// register has the partner register: it is invited at one process and posts its
// credentials at another.
func (p *partner) register(invitedAt, registersAt *node) {
	p.c.t.Helper()
	var invited struct {
		ID     string `json:"id"`
		TokenA string `json:"token_a"`
	}
	invitedAt.api("POST", "/platforms", map[string]any{"name": p.id, "parties": []any{map[string]string{
		"country_code": p.country(), "party_id": p.party(), "role": p.role, "name": p.id,
	}}}, &invited)
	p.platform, p.token = invited.ID, invited.TokenA
	body, err := json.Marshal(p.credentials())
	must(p.c.t, err)
	data, err := p.call(registersAt, "POST", "/ocpi/2.2.1/credentials", "", body)
	must(p.c.t, err)
	var got struct {
		Token string `json:"token"`
	}
	must(p.c.t, json.Unmarshal(data, &got))
	p.token = got.Token
}

// call sends a request to a process of the hub and returns the data of a success.
func (p *partner) call(n *node, method, path, to string, body []byte) ([]byte, error) {
	h := http.Header{
		"Authorization": {"Token " + base64.StdEncoding.EncodeToString([]byte(p.token))},
		"X-Request-Id":  {strconv.FormatInt(time.Now().UnixNano(), 36)}, "X-Correlation-Id": {strconv.FormatInt(time.Now().UnixNano(), 36)},
	}
	if to != "" {
		h["Ocpi-From-Country-Code"], h["Ocpi-From-Party-Id"] = []string{p.country()}, []string{p.party()}
		h["Ocpi-To-Country-Code"], h["Ocpi-To-Party-Id"] = []string{to[:2]}, []string{to[3:]}
	}
	_, answer, err := do(method, n.url+path, h, body)
	if err != nil {
		return nil, err
	}
	var e struct {
		Status int             `json:"status_code"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(answer, &e); err != nil {
		return nil, err
	}
	if e.Status/1000 != 1 {
		return nil, fmt.Errorf("%w: %s", errNoSuccess, answer)
	}
	return e.Data, nil
}

func (p *partner) all() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]received(nil), p.received...)
}

// pushed returns the pushes of locations that came.
func (p *partner) pushed() (out []received) {
	for _, r := range p.all() {
		if strings.HasPrefix(r.path, "/2.2.1/push/") {
			out = append(out, r)
		}
	}
	return out
}

// has reports whether the last states that came are those of truth, or later
// ones: an owner whose request was broken off does not know that it was accepted.
func (p *partner) has(truth map[string]int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, state := range truth {
		if p.state[id] < state {
			return false
		}
	}
	return true
}

func (p *partner) stateOf(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state[id]
}

// sender finds the process that has a connection, by its local port.
func (c *cluster) sender(addr net.Addr) int {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return 0
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0
	}
	port := fmt.Sprintf(":%04X", tcp.Port)
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 10 || !strings.HasSuffix(f[1], port) || f[9] == "0" {
			continue
		}
		for _, n := range c.nodes {
			if n.has("socket:[" + f[9] + "]") {
				return int(n.pid.Load())
			}
		}
	}
	return 0
}

// has reports whether the process has a socket open.
func (n *node) has(socket string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", n.pid.Load())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if to, err := os.Readlink(dir + "/" + e.Name()); err == nil && to == socket {
			return true
		}
	}
	return false
}
