package simulation

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/simulation/virtualnet"
	"github.com/eroam/eroam/ocpi"
)

// receiver is a partner that takes what the hub sends, keeps it, and looks at
// each message as it comes in.
type receiver struct {
	w        *world
	id       string
	role     ocpi.Role
	version  ocpi.Version
	platform string
	modules  []ocpi.Module
	host     *virtualnet.Host
	latency  time.Duration
	illness  []illness
	picky    bool // its settings change
	// unordered says that markers and times of pushes are not in order.
	unordered bool

	mu       sync.Mutex
	now      illness // what is wrong with it
	since    time.Time
	settings []setting
	refuses  map[objectID]bool
	holds    map[objectID]doc
	infos    map[string]string // connection status by party and role
	order    map[slot]note     // the newest that it was ever sent
	open     map[objectID]int
	answer   map[objectID]answered // the last one
	hold     time.Time             // nothing may come before: Retry-After
	held     time.Time             // … said at
	came     []time.Time           // functional requests, in the present illness
	back     int                   // the marker when it came back; 0 when that is not watched
	backAt   time.Time
	caught   map[objectID]int // successes since then with what was older
	lost     int              // the marker when it lost everything
	lag      time.Duration    // longest time from commit to arrival
	requests int
}

// traced is a receiver whose requests are printed.
var traced = os.Getenv("EROAM_SIM_TRACE")

// answered is how the last request for an object ended.
type answered struct {
	refused bool
	n       int // the newest marker in it
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	segments := strings.Split(strings.Trim(q.URL.Path, "/"), "/")
	switch segments[0] {
	case "versions", "details":
		r.register(w, q, segments[0])
		return
	case string(ocpi.HubClientInfo):
		r.info(w, q, decode(body))
		return
	}
	if len(segments) < 4 {
		r.w.violation("%s got %s %s", r.id, q.Method, q.URL.Path)
		return
	}
	m := message{
		objectID{ocpi.Module(segments[0]), segments[1] + "-" + segments[2], segments[3]},
		q.Method, segments[4:], decode(body), time.Now(),
	}
	ill := r.arrive(m)
	answer := r.treat(w, q, m, ill)
	r.mu.Lock()
	r.open[m.object]--
	r.mu.Unlock()
	answer()
}

// message is a functional request.
type message struct {
	object objectID
	method string
	parts  []string
	body   doc
	at     time.Time
}

func (m message) String() string {
	return fmt.Sprintf("%s %s %v", m.method, m.object, m.parts)
}

// arrive looks at a message as it comes in.
func (r *receiver) arrive(m message) illness {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if traced == r.id {
		fmt.Printf("%s %s <- %s n%d, %s\n", time.Since(r.w.begin), r.id, m, newest(m.object, m.body), r.now.fault)
	}
	r.came = append(r.came, m.at)
	if r.open[m.object]++; r.open[m.object] > 1 {
		r.w.violation("I3: two requests for %s are in flight to %s", m.object, r.id)
	}
	if m.at.After(r.held) && m.at.Before(r.hold) {
		r.w.violation("I6: %s got %s %s before the end of its Retry-After", r.id, m, r.hold.Sub(m.at))
	}
	r.checkPermitted(m)
	r.checkOrder(m)
	return r.now
}

// checkPermitted is I5.
func (r *receiver) checkPermitted(m message) {
	if !r.w.permitted(m.object.module, m.object.owner, r.id, m.at) {
		r.w.violation("I5: %s got %s without an agreement", r.id, m)
	}
	for _, v := range slices.Backward(r.settings) {
		if v.admits(m.object) {
			return
		}
		if v.since.Before(m.at) {
			break
		}
	}
	r.w.violation("I5: %s got %s outside its settings", r.id, m)
}

// checkOrder is I3.
func (r *receiver) checkOrder(m message) {
	if r.unordered {
		return
	}
	if m.method == http.MethodDelete {
		s := slot{object: m.object}
		if last := r.w.lastDelete(m.object); last < r.order[s].n {
			r.w.violation("I3: %s got %s after n%d", r.id, m, r.order[s].n)
		}
		return
	}
	for i, x := range notes(m.object, m.parts, m.body) {
		old, known := r.order[x.slot]
		if known && (x.n < old.n || x.at.Before(old.at)) {
			r.w.violation("I3: %s got %s: %v is n%d of %s after n%d of %s",
				r.id, m, x.slot, x.n, format(x.at), old.n, format(old.at))
			continue
		}
		if i == 0 && x.n > old.n && len(r.illness) == 0 && !r.picky {
			if since, ok := r.w.due(m.object, r.id, x.n); ok {
				r.lag = max(r.lag, m.at.Sub(since))
			}
		}
		r.order[x.slot] = x
	}
}

// treat has the effect of a message and returns how it is answered, once that
// is due.
func (r *receiver) treat(w http.ResponseWriter, q *http.Request, m message, ill illness) func() {
	wait := r.latency
	switch ill.fault {
	case unavailable:
		if m.at.Unix()%3 == 0 {
			return func() { ocpi.WriteEnvelope(w, http.StatusOK, 3000, "later", nil) }
		}
		return func() { ocpi.WriteEnvelope(w, http.StatusServiceUnavailable, 3000, "later", nil) }
	case throttled:
		after := 20 + m.at.Unix()%200
		r.mu.Lock()
		if hold := m.at.Add(time.Duration(after) * time.Second); hold.After(r.hold) {
			r.hold, r.held = hold, m.at
		}
		r.mu.Unlock()
		return func() {
			w.Header().Set("Retry-After", fmt.Sprint(after))
			ocpi.WriteEnvelope(w, http.StatusTooManyRequests, 3000, "slower", nil)
		}
	case hangs, cuts, garbles:
		if ill.late {
			r.apply(m)
		}
		return r.mistreat(w, q, ill.fault)
	case slow:
		wait = time.Second + time.Duration(m.at.UnixMilli()%12_000)*time.Millisecond
	}
	select {
	case <-time.After(wait):
	case <-q.Context().Done():
		return func() {}
	}
	http, status := r.apply(m)
	return func() { ocpi.WriteEnvelope(w, http, status, "", nil) }
}

func (r *receiver) mistreat(w http.ResponseWriter, q *http.Request, f fault) func() {
	switch f {
	case hangs:
		<-q.Context().Done()
		return func() {}
	case cuts:
		return func() {
			w.Header().Set("Content-Length", "200")
			_, _ = io.WriteString(w, `{"status_code":1000`)
			panic(http.ErrAbortHandler)
		}
	}
	return func() { _, _ = io.WriteString(w, "<html>Bad Gateway</html>") }
}

// apply does what a message says, and how that is answered.
func (r *receiver) apply(m message) (status, code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if traced == r.id {
		defer func() { fmt.Printf("%s %s -> %s: %d %d\n", time.Since(r.w.begin), r.id, m, status, code) }()
	}
	n := 0
	if m.method == http.MethodDelete {
		n = r.w.lastDelete(m.object)
	} else {
		for _, x := range notes(m.object, m.parts, m.body) {
			n = max(n, x.n)
		}
	}
	whole := m.method == http.MethodPut && len(m.parts) == 0
	switch held := r.holds[m.object]; {
	case r.refuses[m.object]:
		r.answer[m.object] = answered{true, n}
		return http.StatusOK, 2001
	case m.method == http.MethodDelete:
		if held == nil {
			r.answer[m.object] = answered{false, n} // what is not there need not be deleted
			return http.StatusNotFound, 2000
		}
		delete(r.holds, m.object)
	case whole:
		r.holds[m.object] = m.body
	case held == nil:
		return http.StatusNotFound, 2003
	default:
		next, v := change(clone(held), m.parts, m.method, m.body, m.at.AddDate(1000, 0, 0))
		if v == refused {
			return http.StatusNotFound, 2003
		}
		r.holds[m.object] = next
	}
	r.answer[m.object] = answered{false, n}
	if r.back > 0 && n <= r.back && r.w.entitledSince(m.object, r.id, r.backAt) {
		if r.caught[m.object]++; r.caught[m.object] > 1 && r.now.fault == well {
			r.w.violation("I8: %s got %s, the %d. with what it had missed of that", r.id, m, r.caught[m.object])
		}
	}
	return http.StatusOK, ocpi.StatusSuccess
}

// info takes the connection status of a party.
func (r *receiver) info(w http.ResponseWriter, q *http.Request, d doc) {
	r.mu.Lock()
	ill := r.now.fault
	if !ill.total() {
		r.infos[fmt.Sprint(d["country_code"], "-", d["party_id"], " ", d["role"])] = fmt.Sprint(d["status"])
	}
	r.mu.Unlock()
	switch {
	case ill == hangs:
		<-q.Context().Done()
	case ill.total():
		ocpi.WriteEnvelope(w, http.StatusServiceUnavailable, 3000, "", nil)
	default:
		ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, "", nil)
	}
}

// register answers for versions and version details.
func (r *receiver) register(w http.ResponseWriter, q *http.Request, what string) {
	r.mu.Lock()
	ill := r.now
	r.mu.Unlock()
	switch {
	case !ill.fault.total() || ill.versions:
	case ill.fault == hangs:
		<-q.Context().Done()
		return
	default:
		ocpi.WriteEnvelope(w, http.StatusServiceUnavailable, 3000, "", nil)
		return
	}
	root := "http://" + r.host.Addr().String()
	var data any = []doc{{"version": string(r.version), "url": root + "/details"}}
	if what == "details" {
		endpoints := []doc{{"identifier": "credentials", "role": "SENDER", "url": root + "/credentials"}}
		for _, m := range r.modules {
			endpoints = append(endpoints, doc{"identifier": string(m), "role": "RECEIVER", "url": root + "/" + string(m)})
		}
		data = doc{"version": string(r.version), "endpoints": endpoints}
	}
	b, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, "", b)
}
