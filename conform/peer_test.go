package conform_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/conform"
	"github.com/eroam/eroam/ocpi"
)

// newPeer is a CPO that accepts the token "right".
func newPeer(t *testing.T) *conform.Peer {
	t.Helper()
	p, err := conform.NewPeer("CPO", "127.0.0.1", "", conform.Role{CountryCode: "NL", PartyID: "CP1", Role: ocpi.RoleCPO})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	p.Accept("right")
	return p
}

type answer struct {
	http int
	head http.Header
	ocpi.Envelope
	body string
}

func call(t *testing.T, method, url, token, body string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", ocpi.FormatAuthorization(token, ocpi.EncodingBase64))
	req.Header.Set("X-Request-ID", "r1")
	req.Header.Set("X-Correlation-ID", "c1")
	ocpi.SetRouting(req.Header, ocpi.Claim{CountryCode: "NL", ID: "CP1"}, ocpi.Claim{CountryCode: "DE", ID: "EM1"})
	resp, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	e, _ := ocpi.ParseEnvelope(text)
	return answer{resp.StatusCode, resp.Header, e, string(text)}, nil
}

func mustCall(t *testing.T, method, url, token, body string) answer {
	t.Helper()
	a, err := call(t, method, url, token, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func locationsOf(p *conform.Peer) string {
	return p.EndpointURL(ocpi.V221, ocpi.Locations, ocpi.Sender)
}

func TestPeerListsVersionsAndEndpoints(t *testing.T) {
	p := newPeer(t)
	p.Speak(ocpi.V221, ocpi.V230)
	a := mustCall(t, "GET", p.VersionsURL(), "right", "")
	if !a.Success() || !strings.Contains(string(a.Data), `"url":"`+p.DetailsURL(ocpi.V230)+`"`) {
		t.Errorf("versions: %s", a.body)
	}
	a = mustCall(t, "GET", p.DetailsURL(ocpi.V221), "right", "")
	if !a.Success() || !strings.Contains(string(a.Data), `"url":"`+locationsOf(p)+`"`) {
		t.Errorf("details: %s", a.body)
	}
}

func TestPeerAnswersLikeAPlatform(t *testing.T) {
	p := newPeer(t)
	a := mustCall(t, "GET", locationsOf(p)+"?limit=2", "right", "")
	if a.http != 200 || a.StatusCode != 1000 || string(a.Data) != "[]" || a.head.Get("X-Total-Count") != "0" {
		t.Errorf("list: %d %v %s", a.http, a.head, a.body)
	}
	for name, want := range map[string]string{
		"X-Request-ID": "r1", "X-Correlation-ID": "c1", "OCPI-to-party-id": "EM1", "OCPI-from-party-id": "CP1",
	} {
		if got := a.head.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if a := mustCall(t, "GET", locationsOf(p), "wrong", ""); a.http != 401 || a.StatusCode != 2000 {
		t.Errorf("wrong token: %d %s", a.http, a.body)
	}
	if a := mustCall(t, "GET", p.BaseURL()+"/elsewhere", "right", ""); a.http != 404 {
		t.Errorf("elsewhere: %d %s", a.http, a.body)
	}
}

func TestPeerRecordsRequestsAsTheyCame(t *testing.T) {
	p := newPeer(t)
	target := locationsOf(p) + "/A%2Fb%20c?type=X%26Y"
	mustCall(t, "POST", target, "right", `{"id":"A/b c"}`)
	got, err := p.Wait(t.Context(), 1, time.Second, conform.About("a/B c"))
	if err != nil {
		t.Fatal(err)
	}
	r := got[0]
	if r.Path != "/A%2Fb%20c" || r.Query.Get("type") != "X&Y" || !strings.HasSuffix(target, r.Target) {
		t.Errorf("path %q, query %v, target %q", r.Path, r.Query, r.Target)
	}
	if r.To() != "NL-CP1" || r.From() != "DE-EM1" || r.Token != "right" || !r.Admitted || string(r.Body) != `{"id":"A/b c"}` {
		t.Errorf("TO %s, FROM %s, token %q, admitted %v, body %s", r.To(), r.From(), r.Token, r.Admitted, r.Body)
	}
	if r.Module != ocpi.Locations || r.Interface != ocpi.Sender || r.Version != ocpi.V221 {
		t.Errorf("endpoint %s %s %s", r.Module, r.Interface, r.Version)
	}
	if _, err := p.Wait(t.Context(), 2, 10*time.Millisecond, conform.About("a/B c")); !errors.Is(err, conform.ErrNothing) {
		t.Errorf("waiting for a second one: %v", err)
	}
}

func TestPeerFollowsRules(t *testing.T) {
	p := newPeer(t)
	remove := p.On(conform.Of(ocpi.Locations), func(_ *conform.Request, reply *conform.Reply) {
		reply.HTTP, reply.Status, reply.Message = 404, 2003, "mine"
		reply.Header.Set("X-Request-ID", "other")
	})
	a := mustCall(t, "GET", locationsOf(p), "right", "")
	if a.http != 404 || a.StatusCode != 2003 || a.StatusMessage != "mine" || a.head.Get("X-Request-ID") != "other" {
		t.Errorf("rule: %d %v %s", a.http, a.head, a.body)
	}
	cut := p.On(conform.Of(ocpi.Locations), func(_ *conform.Request, reply *conform.Reply) { reply.Cut = true })
	if a, err := call(t, "GET", locationsOf(p), "right", ""); err == nil {
		t.Errorf("cut: %s", a.body)
	}
	cut()
	remove()
	if a := mustCall(t, "GET", locationsOf(p), "right", ""); a.StatusCode != 1000 {
		t.Errorf("without rules: %s", a.body)
	}
}

func TestPeerStopsAndComesBackOnTheSamePort(t *testing.T) {
	p := newPeer(t)
	where := locationsOf(p)
	p.On(conform.Functional(), func(_ *conform.Request, reply *conform.Reply) { reply.Hang = true })
	hung := make(chan error, 1)
	go func() {
		_, err := call(t, "GET", where, "right", "")
		hung <- err
	}()
	if _, err := p.Wait(t.Context(), 1, 5*time.Second, conform.Functional()); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if err := <-hung; err == nil {
		t.Error("a request that hung was answered")
	}
	if a, err := call(t, "GET", p.VersionsURL(), "right", ""); err == nil {
		t.Errorf("stopped and answers: %s", a.body)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if a := mustCall(t, "GET", p.VersionsURL(), "right", ""); a.StatusCode != 1000 {
		t.Errorf("back: %s", a.body)
	}
}

func TestPeerMoves(t *testing.T) {
	p := newPeer(t)
	before := locationsOf(p)
	p.Move("/v2/here")
	if a := mustCall(t, "GET", before, "right", ""); a.http != 404 {
		t.Errorf("old URL: %d", a.http)
	}
	if a := mustCall(t, "GET", locationsOf(p), "right", ""); a.StatusCode != 1000 {
		t.Errorf("new URL: %s", a.body)
	}
}

func TestPeerTakesARegistration(t *testing.T) {
	p := newPeer(t)
	url := p.EndpointURL(ocpi.V221, ocpi.Credentials, ocpi.Receiver)
	a := mustCall(t, "POST", url, "right", `{"token":"theirs","url":"http://127.0.0.1:1/v","roles":[]}`)
	token, versions, posts := p.Joined()
	if token != "theirs" || versions != "http://127.0.0.1:1/v" || posts != 1 {
		t.Errorf("joined with %q %q %d", token, versions, posts)
	}
	if !strings.Contains(string(a.Data), `"token":"`+p.Mine()+`"`) || p.Mine() == "" {
		t.Errorf("answer: %s", a.body)
	}
	if a := mustCall(t, "GET", p.VersionsURL(), "right", ""); a.http != 401 {
		t.Errorf("the first token still opens: %d", a.http)
	}
	if a := mustCall(t, "GET", p.VersionsURL(), p.Mine(), ""); a.http != 200 {
		t.Errorf("the new token: %d", a.http)
	}
}

func TestManualHandsOutEachSpareOnce(t *testing.T) {
	m := &conform.Manual{
		VersionsURL: "https://hub.example/versions", Platforms: map[string]string{"P1": "A1"},
		Spares: []conform.Invited{{ID: "s", TokenA: "A2", Roles: []conform.Role{{CountryCode: "NL", PartyID: "SP1", Role: ocpi.RoleCPO}}}},
	}
	cpo := conform.Invitation{Name: "any", Roles: []conform.Role{{CountryCode: "XX", PartyID: "YYY", Role: ocpi.RoleCPO}}}
	emsp := conform.Invitation{Name: "any", Roles: []conform.Role{{CountryCode: "XX", PartyID: "YYY", Role: ocpi.RoleEMSP}}}
	if _, err := m.Invite(t.Context(), emsp); !errors.Is(err, conform.ErrByHand) {
		t.Errorf("an eMSP got the spare of a CPO: %v", err)
	}
	got, err := m.Invite(t.Context(), cpo)
	if err != nil || got.TokenA != "A2" || got.Roles[0].PartyID != "SP1" || got.VersionsURL != m.VersionsURL {
		t.Errorf("spare: %+v %v", got, err)
	}
	if _, err := m.Invite(t.Context(), cpo); !errors.Is(err, conform.ErrByHand) {
		t.Errorf("the spare was given out twice: %v", err)
	}
	if got, err := m.Invite(t.Context(), conform.Invitation{Name: "P1"}); err != nil || got.TokenA != "A1" {
		t.Errorf("P1: %+v %v", got, err)
	}
}
