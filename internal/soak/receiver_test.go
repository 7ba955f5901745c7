package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
)

// receiver is an eMSP that keeps what it is sent, as OCPI says it must.
type receiver struct {
	party  partyID
	truth  *truth
	server *httptest.Server
	slow   time.Duration // before each answer, at most
	away   atomic.Bool   // answers 503

	mu    sync.Mutex
	has   map[cell]value
	deaf  map[cell]bool // says yes and does nothing
	count int
}

func newReceiver(t testing.TB, p partyID, truth *truth) *receiver {
	r := &receiver{party: p, truth: truth, has: map[cell]value{}, deaf: map[cell]bool{}}
	r.server = blackbox.Platform(http.HandlerFunc(r.serve),
		blackbox.Endpoint{Identifier: "locations", Role: "RECEIVER", URL: "/in/locations"},
		blackbox.Endpoint{Identifier: "tariffs", Role: "RECEIVER", URL: "/in/tariffs"})
	t.Cleanup(r.server.Close)
	return r
}

// serve takes what the hub sends.
func (r *receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return // the hub was killed while it wrote
	}
	if r.slow > 0 {
		time.Sleep(rand.N(r.slow))
	}
	if r.away.Load() {
		blackbox.Answer(w, http.StatusServiceUnavailable, 3000, nil)
		return
	}
	known, err := r.take(q, body)
	switch {
	case err != nil:
		r.truth.complain("%s: %s %s: %v", r.party.id, q.Method, q.URL.Path, err)
		blackbox.Answer(w, http.StatusBadRequest, 2001, nil)
	case !known:
		blackbox.Answer(w, http.StatusNotFound, 2003, nil)
	default:
		blackbox.Answer(w, 200, 1000, nil)
	}
}

// thing is what the receiver reads of a body.
type thing struct {
	Name     *string `json:"name"`
	Ref      *string `json:"physical_reference"`
	UID      string  `json:"uid"`
	EVSEs    []thing `json:"evses"`
	Elements []struct {
		Components []struct {
			Price int `json:"price"`
		} `json:"price_components"`
	} `json:"elements"`
}

// revisionIn reads "r17".
func revisionIn(s *string) int {
	if s == nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(*s, "r"))
	return n
}

// read returns what a message says of the cells.
func read(method string, path []string, body []byte) (map[cell]value, error) {
	if len(path) < 4 {
		return nil, fmt.Errorf("the path is too short")
	}
	c := cell{owner: partyID{path[1], path[2]}, kind: path[0], id: path[3]}
	var v thing
	if len(body) > 0 {
		if err := json.Unmarshal(body, &v); err != nil {
			return nil, err
		}
	}
	says := map[cell]value{}
	switch {
	case c.kind == "tariffs" && method == http.MethodDelete:
		says[c] = value{deleted: true}
	case c.kind == "tariffs":
		if len(v.Elements) == 0 || len(v.Elements[0].Components) == 0 {
			return nil, fmt.Errorf("a tariff without elements: %s", body)
		}
		says[c] = value{revision: v.Elements[0].Components[0].Price}
	case len(path) >= 5:
		c.evse = path[4]
		if v.Ref != nil {
			says[c] = value{revision: revisionIn(v.Ref)}
		}
	default:
		if v.Name != nil {
			says[c] = value{revision: revisionIn(v.Name)}
		}
		for _, e := range v.EVSEs {
			d := c
			d.evse = e.UID
			says[d] = value{revision: revisionIn(e.Ref)}
		}
	}
	return says, nil
}

// take applies a message; known is false for a part of what the receiver does
// not have.
func (r *receiver) take(q *http.Request, body []byte) (known bool, err error) {
	path := strings.Split(strings.TrimPrefix(q.URL.Path, "/in/"), "/")
	says, err := read(q.Method, path, body)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if q.Method == http.MethodPatch || len(path) > 5 {
		c := cell{owner: partyID{path[1], path[2]}, kind: path[0], id: path[3]}
		if len(path) > 4 {
			c.evse = path[4]
		}
		if old := r.has[c]; old.revision == 0 || old.deleted {
			return false, nil
		}
	}
	for c, now := range says {
		old, tried := r.has[c], r.truth.attempted(c)
		if now.deleted {
			now.revision = old.revision // a DELETE does not say which it is
		}
		if now.revision < old.revision {
			r.truth.complain("%s: %s: revision %d came after revision %d", r.party.id, c, now.revision, old.revision)
		}
		if now.revision > tried.revision {
			r.truth.complain("%s: %s: revision %d came, the owner has sent %d", r.party.id, c, now.revision, tried.revision)
		}
		if !r.deaf[c] {
			r.has[c] = now
		}
	}
	return true, nil
}

func (r *receiver) holds() map[cell]value {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.has)
}

func (r *receiver) messages() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}
