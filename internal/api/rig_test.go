package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

const adminToken = "an-admin-token-for-tests"

// rig is the API on a real database, without the rest of the hub.
type rig struct {
	t      *testing.T
	server *httptest.Server
	store  *store.Store
	trace  *trace.Recorder
}

func newRig(t *testing.T, more ...func(*api.Options)) *rig {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	db, err := store.Open(ctx, store.Options{Dir: dir})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	recorder, err := trace.Open(ctx, trace.Options{Path: filepath.Join(dir, "trace.db"), Keep: time.Hour, MaxBody: 1 << 10})
	check(t, err)
	t.Cleanup(func() { check(t, recorder.Close()) })
	out := egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(func() { out.Close() })
	registry, err := party.Open(ctx, party.Options{
		Store: db, Egress: out, Hub: ocpi.PartyID{CountryCode: "DE", ID: "HUB"}, HubName: "Test",
		PublicURL: "https://hub.example.com", SealKey: bytes.Repeat([]byte{7}, 32),
	})
	check(t, err)
	o := api.Options{
		Registry: registry, Store: db, Trace: recorder, AdminToken: sha256.Sum256([]byte(adminToken)),
		Hub: api.Hub{CountryCode: "DE", PartyID: "HUB", Name: "Test", VersionsURL: registry.VersionsURL(), Agreements: "required", Version: "test"},
	}
	for _, f := range more {
		f(&o)
	}
	h, err := api.New(o)
	check(t, err)
	r := &rig{t: t, server: httptest.NewServer(h), store: db, trace: recorder}
	t.Cleanup(r.server.Close)
	return r
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// call sends a request with the admin token; body is JSON text, a value to be
// written as JSON, or nil.
func (r *rig) call(method, path string, body any) answer {
	r.t.Helper()
	return r.send(method, path, body, http.Header{"Authorization": {"Bearer " + adminToken}})
}

func (r *rig) send(method, path string, body any, h http.Header) answer {
	r.t.Helper()
	var in io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		check(r.t, err)
		in = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(context.Background(), method, r.server.URL+path, in)
	check(r.t, err)
	q.Header = h.Clone()
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	a, err := r.server.Client().Do(q)
	check(r.t, err)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	check(r.t, err)
	return answer{r.t, a.StatusCode, a.Header, string(text)}
}

// want checks the status and returns the answer.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("got %d %s, want %d", a.status, a.body, status)
	}
	if status >= 400 && a.header.Get("Content-Type") != "application/problem+json" {
		a.t.Errorf("%d with Content-Type %q, want problem details", status, a.header.Get("Content-Type"))
	}
	return a
}

// get returns the value at a path of gjson.
func (a answer) get(path string) string { return gjson.Get(a.body, path).String() }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
