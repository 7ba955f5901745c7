package ingress

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/ocpi"
)

// rig is a hub behind a real HTTP server.
type rig struct {
	*relaytest.Hub
	t         *testing.T
	http      *httptest.Server
	reg       *prometheus.Registry
	cpo, emsp *relaytest.Partner
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	h := relaytest.New(t, true)
	reg := prometheus.NewRegistry()
	signer, err := receipt.NewSigner("hub.example", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	bills := ledger.New(ledger.Options{
		Store: h.Store, Registry: h.Registry, Relay: h.Relay, Signer: signer, Hub: deliverytest.ID, PublicURL: relaytest.PublicURL,
	})
	if err := bills.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := delivery.New(delivery.Options{Store: h.Store, Registry: h.Registry, Egress: h.Egress, Hub: deliverytest.ID})
	o := Options{
		Registry: h.Registry, Relay: h.Relay, Ledger: bills, PublicURL: relaytest.PublicURL, Metrics: reg,
		Catalog: catalog.New(catalog.Options{Store: h.Store, Registry: h.Registry, Delivery: d, SignKey: []byte("k")}),
	}
	for _, c := range change {
		c(&o)
	}
	r := &rig{Hub: h, t: t, http: httptest.NewServer(New(o)), reg: reg}
	t.Cleanup(r.http.Close)
	r.cpo = h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO))
	r.emsp = h.Join(ocpi.V221, deliverytest.Grant("DE-EM1", ocpi.RoleEMSP))
	return r
}

type reply struct {
	*http.Response
	body string
}

// status is the OCPI status; the answer must be an envelope.
func (r *rig) status(a reply) int {
	r.t.Helper()
	env, err := ocpi.ParseEnvelope([]byte(a.body))
	if err != nil {
		r.t.Fatalf("answer %q is no envelope", a.body)
	}
	return env.StatusCode
}

// call sends a request; headers are pairs of name and value, of which "" drops.
func (r *rig) call(by *relaytest.Partner, method, path string, body io.Reader, headers ...string) reply {
	r.t.Helper()
	q, err := http.NewRequest(method, r.http.URL+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if by != nil {
		q.Header.Set("Authorization", relaytest.Bearer(by.TokenC))
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{res, string(b)}
}

func (r *rig) want(a reply, httpStatus, status int) {
	r.t.Helper()
	if got := r.status(a); a.StatusCode != httpStatus || got != status {
		r.t.Errorf("%d and %d, want %d and %d: %s", a.StatusCode, got, httpStatus, status, a.body)
	}
}

const push = "/ocpi/2.2.1/receiver/locations/NL/CP1/L"

var toEMSP = []string{"OCPI-to-country-code", "DE", "OCPI-to-party-id", "EM1", "OCPI-from-country-code", "NL", "OCPI-from-party-id", "CP1"}

func object(s string) io.Reader { return strings.NewReader(s) }

// Nothing that fails at the door is forwarded, and each failure says what it is.
func TestDoor(t *testing.T) {
	r := newRig(t)
	seq, err := r.Store.Seq(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	with := func(more ...string) []string { return append(append([]string{}, toEMSP...), more...) }
	for name, c := range map[string]struct {
		by           *relaytest.Partner
		method, path string
		body         string
		headers      []string
		http, status int
	}{
		"no token":                  {nil, "PUT", push, `{}`, toEMSP, 401, 2000},
		"wrong token":               {nil, "PUT", push, `{}`, with("Authorization", "Token abc"), 401, 2000},
		"two tokens":                {r.cpo, "PUT", push, `{}`, with("Authorization", relaytest.Bearer(r.cpo.TokenC)), 401, 2000},
		"no token, half a TO":       {nil, "PUT", push, `{}`, []string{"OCPI-to-party-id", "EM1"}, 401, 2000},
		"half a TO":                 {r.cpo, "PUT", push, `{}`, []string{"OCPI-to-party-id", "EM1"}, 200, 2001},
		"two TOs":                   {r.cpo, "PUT", push, `{}`, with("OCPI-to-party-id", "EM2"), 400, 2001},
		"unknown path":              {r.cpo, "PUT", "/ocpi/2.2.1/other", `{}`, toEMSP, 404, 2000},
		"the other version":         {r.cpo, "PUT", strings.Replace(push, "2.2.1", "2.3.0", 1), `{}`, toEMSP, 200, 3002},
		"DELETE of a location":      {r.cpo, "DELETE", push, ``, toEMSP, 405, 2000},
		"OPTIONS":                   {r.cpo, "OPTIONS", push, ``, toEMSP, 405, 2000},
		"custom method":             {r.cpo, "PURGE", "/ocpi/2.2.1/receiver/acme-x", ``, toEMSP, 405, 2000},
		"custom module not agreed":  {r.cpo, "POST", "/ocpi/2.2.1/receiver/acme-x", `{}`, toEMSP, 200, 4001},
		"foreign FROM":              {r.cpo, "PUT", push, `{}`, []string{"OCPI-from-country-code", "DE", "OCPI-from-party-id", "EM1"}, 200, 2001},
		"wrong side":                {r.emsp, "PUT", "/ocpi/2.2.1/receiver/locations/DE/EM1/L", `{}`, nil, 200, 2001},
		"foreign path":              {r.cpo, "PUT", "/ocpi/2.2.1/receiver/locations/DE/EM1/L", `{}`, toEMSP, 200, 2001},
		"foreign body":              {r.cpo, "PUT", push, `{"country_code":"NL","party_id":"CP2"}`, toEMSP, 200, 2001},
		"other id":                  {r.cpo, "PUT", push, `{"id":"M"}`, toEMSP, 200, 2001},
		"future":                    {r.cpo, "PUT", push, `{"last_updated":"2999-01-01T00:00:00Z"}`, toEMSP, 200, 2001},
		"long id":                   {r.cpo, "PUT", push + strings.Repeat("x", 36), `{}`, toEMSP, 200, 2001},
		"no body":                   {r.cpo, "PUT", push, ``, toEMSP, 400, 2001},
		"not JSON":                  {r.cpo, "PUT", push, `{`, toEMSP, 400, 2001},
		"a name twice":              {r.cpo, "PUT", push, `{"a":1,"a":2}`, toEMSP, 400, 2001},
		"a list":                    {r.cpo, "PUT", push, `[]`, toEMSP, 200, 2001},
		"too large":                 {r.cpo, "PUT", push, `{"a":"` + strings.Repeat("x", 5<<20) + `"}`, toEMSP, 413, 2001},
		"compressed":                {r.cpo, "PUT", push, `{}`, with("Content-Encoding", "gzip"), 415, 2001},
		"a form":                    {r.cpo, "PUT", push, `{}`, with("Content-Type", "application/x-www-form-urlencoded"), 415, 2001},
		"a broken query":            {r.cpo, "PUT", push + "?a=1;b=2", `{}`, toEMSP, 200, 2001},
		"unknown receiver":          {r.cpo, "PUT", push, `{}`, []string{"OCPI-to-country-code", "ZZ", "OCPI-to-party-id", "ZZZ"}, 200, 4001},
		"a result on the endpoint":  {r.cpo, "POST", "/ocpi/2.2.1/sender/commands/x", `{}`, toEMSP, 200, 2001},
		"versions with POST":        {r.cpo, "POST", "/ocpi/versions", `{}`, nil, 405, 2000},
		"a capability of nobody":    {r.cpo, "GET", "/ocpi/c/AAAAAAAAAAAAAAAAAAAAAAAAAA", ``, nil, 404, 2000},
		"a party of another hub":    {r.cpo, "PUT", "/ocpi/2.2.1/receiver/hubclientinfo/NL/CP1", `{}`, nil, 405, 2000},
		"a message that came round": {r.cpo, "PUT", push, `{}`, with("OCPI-Hub-Via", "DE-HUB"), 200, 4000},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.t = t
			a := r.call(c.by, c.method, c.path, object(c.body), append([]string{"X-Request-ID", "req", "X-Correlation-ID", "cor"}, c.headers...)...)
			r.want(a, c.http, c.status)
			if a.Header.Get("X-Request-ID") != "req" || a.Header.Get("X-Correlation-ID") != "cor" || a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", a.Header)
			}
			if c.http == 401 && a.Header.Get("WWW-Authenticate") != "Token" {
				t.Errorf("401 without WWW-Authenticate")
			}
		})
	}
	if n := len(r.emsp.Received()); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
	if n, err := r.Store.Seq(t.Context()); err != nil || n != seq {
		t.Errorf("something was stored: seq %d, then %d (%v)", seq, n, err)
	}
}

// T1: of the token, the header, the path and the body any may name a stranger;
// only where all four agree is anything forwarded.
func TestSixteenIdentities(t *testing.T) {
	r := newRig(t)
	other := r.Join(ocpi.V221, deliverytest.Grant("BE-CP2", ocpi.RoleCPO))
	for n := range 16 {
		pick := func(bit int) (cc, id string) {
			if n>>bit&1 == 1 {
				return "BE", "CP2"
			}
			return "NL", "CP1"
		}
		by := r.cpo
		if n&1 == 1 {
			by = other
		}
		fromCC, from := pick(1)
		pathCC, path := pick(2)
		bodyCC, body := pick(3)
		before := len(r.emsp.Received())
		a := r.call(by, "PUT", "/ocpi/2.2.1/receiver/locations/"+pathCC+"/"+path+"/L",
			object(fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":"L"}`, bodyCC, body)),
			"OCPI-to-country-code", "DE", "OCPI-to-party-id", "EM1", "OCPI-from-country-code", fromCC, "OCPI-from-party-id", from)
		want, forwarded := 2001, 0
		if n == 0 || n == 15 {
			want, forwarded = 1000, 1
		}
		if got := r.status(a); got != want || len(r.emsp.Received())-before != forwarded {
			t.Errorf("case %04b: status %d, want %d; %d requests forwarded", n, got, want, len(r.emsp.Received())-before)
		}
	}
}

// E02: what the answer carries, and what of the partner's it does not.
func TestHeadersOfAnAnswer(t *testing.T) {
	r := newRig(t)
	r.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range []string{"Set-Cookie", "Server", "X-Evil", "Authorization", "Retry-After"} {
			w.Header().Set(h, "x")
		}
		w.Header().Set("X-Request-Id", "theirs")
		w.Header().Set("Ocpi-To-Party-Id", "EVL")
		ocpi.WriteEnvelope(w, 200, 2001, "no", nil)
	})
	a := r.call(r.cpo, "PUT", push, object(`{}`), append([]string{"X-Request-ID", "req", "X-Correlation-ID", "cor"}, toEMSP...)...)
	r.want(a, 200, 2001)
	for name, want := range map[string]string{
		"X-Request-Id": "req", "X-Correlation-Id": "cor", "Ocpi-To-Country-Code": "NL", "Ocpi-To-Party-Id": "CP1",
		"Ocpi-From-Country-Code": "DE", "Ocpi-From-Party-Id": "EM1", "Content-Type": "application/json",
		"Set-Cookie": "", "Server": "", "X-Evil": "", "Authorization": "", "Retry-After": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(families); !strings.Contains(text, `2xxx`) || strings.Contains(text, `1xxx`) {
		t.Errorf("a refusal of the partner is counted as %s", text)
	}
}

// A platform above its rate gets 429 and Retry-After, others do not; bad
// requests count as well.
func TestRateLimit(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits = party.Limits{RequestsPerSecond: 0.01} })
	r.want(r.call(r.cpo, "GET", "/ocpi/2.2.1/nothing", nil), 404, 2000)
	a := r.call(r.cpo, "GET", "/ocpi/versions", nil)
	r.want(a, 429, 2000)
	if a.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	r.want(r.call(r.emsp, "GET", "/ocpi/versions", nil), 200, 1000)
}

// A platform with as many requests under way as it may have gets 429 for the next.
func TestConcurrencyLimit(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits = party.Limits{Concurrent: 1} })
	arrived, release := make(chan struct{}), make(chan struct{})
	r.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		ocpi.WriteEnvelope(w, 200, 1000, "", nil)
	})
	first := make(chan reply, 1)
	go func() { first <- r.call(r.cpo, "PUT", push, object(`{}`), toEMSP...) }()
	<-arrived
	r.want(r.call(r.cpo, "GET", "/ocpi/versions", nil), 429, 2000)
	r.want(r.call(r.emsp, "GET", "/ocpi/versions", nil), 200, 1000)
	close(release)
	r.want(<-first, 200, 1000)
	r.want(r.call(r.cpo, "GET", "/ocpi/versions", nil), 200, 1000)
}

func TestMergeLimits(t *testing.T) {
	defaults := withDefaults(party.Limits{})
	for _, c := range []struct{ own, want party.Limits }{
		{party.Limits{}, party.Limits{RequestsPerSecond: 1000, Burst: 2000, Concurrent: 256}},
		{party.Limits{RequestsPerSecond: 5}, party.Limits{RequestsPerSecond: 5, Burst: 10, Concurrent: 256}},
		{party.Limits{RequestsPerSecond: 0.1}, party.Limits{RequestsPerSecond: 0.1, Burst: 1, Concurrent: 256}},
		{party.Limits{Burst: 7, Concurrent: 3}, party.Limits{RequestsPerSecond: 1000, Burst: 7, Concurrent: 3}},
	} {
		if got := merge(c.own, defaults); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.own, got, c.want)
		}
	}
}

// T34: a body that drips is cut off with 408, announced or chunked.
func TestSlowBody(t *testing.T) {
	r := newRig(t, func(o *Options) { o.BodyTimeout = 50 * time.Millisecond })
	for _, head := range []string{"Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.http.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nOCPI-to-country-code: DE\r\nOCPI-to-party-id: EM1\r\n%s",
			push, relaytest.Bearer(r.cpo.TokenC), head)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		r.want(reply{res, string(b)}, 408, 2000)
	}
	if n := len(r.emsp.Received()); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
}

// Bodies pass byte for byte up to their bound, chunked or not, and not above.
func TestBodyBounds(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxBody = 1000 })
	for _, c := range []struct {
		size    int
		chunked bool
		http    int
	}{{4000, false, 200}, {4000, true, 200}, {4001, false, 413}, {4001, true, 413}} {
		body := []byte(`{"a":"` + strings.Repeat("x", c.size-8) + `"}`)
		var reader io.Reader = bytes.NewReader(body)
		if c.chunked {
			reader = io.MultiReader(reader)
		}
		n := len(r.emsp.Received())
		a := r.call(r.cpo, "PUT", push, reader, toEMSP...)
		if a.StatusCode != c.http {
			t.Errorf("%d bytes, chunked %v: %d, want %d", c.size, c.chunked, a.StatusCode, c.http)
		}
		if got := r.emsp.Received()[n:]; c.http == 200 && (len(got) != 1 || got[0].Body != string(body)) {
			t.Error("the body did not arrive as it was sent")
		}
	}
	a := r.call(r.cpo, "PUT", "/ocpi/2.2.1/receiver/sessions/NL/CP1/S", object(`{"a":"`+strings.Repeat("x", 1000)+`"}`), toEMSP...)
	r.want(a, 413, 2001)
}
