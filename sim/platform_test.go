package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

func TestRegistrationRotationAndEnd(t *testing.T) {
	cpo, emsp := pair(t, ocpi.V230, nil, 1, nil)
	ctx := t.Context()
	if !cpo.Registered() || !emsp.Registered() {
		t.Fatal("not registered after the handshake")
	}
	if err := emsp.Register(ctx, cpo.VersionsURL(), "token-a"); err == nil {
		t.Error("a second registration succeeded")
	}
	for range 2 { // either side may rotate
		if err := emsp.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := cpo.Rotate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := cpo.Publish(ctx, nil); err != nil {
			t.Fatal("after a rotation:", err)
		}
		if err := emsp.PublishTokens(ctx); err != nil {
			t.Fatal("after a rotation:", err)
		}
	}
	if err := emsp.Unregister(ctx); err != nil {
		t.Fatal(err)
	}
	if cpo.Registered() || emsp.Registered() {
		t.Error("still registered after the end")
	}
	if err := cpo.Publish(ctx, nil); err == nil {
		t.Error("published to nobody")
	}
}

func TestRegistrationFailsAsAWhole(t *testing.T) {
	cpo, err := sim.NewCPO(sim.CPOConfig{Operators: []sim.Operator{operator(cpoParty, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	defer cpo.Close()
	emsp, err := sim.NewEMSP(sim.EMSPConfig{Config: sim.Config{Version: ocpi.V230}, Party: emspParty})
	if err != nil {
		t.Fatal(err)
	}
	defer emsp.Close()
	cpo.Expect("token-a")
	if err := emsp.Register(t.Context(), cpo.VersionsURL(), "another"); err == nil {
		t.Error("registered with a wrong token")
	}
	if err := emsp.Register(t.Context(), cpo.VersionsURL(), "token-a"); err == nil || !strings.Contains(err.Error(), "does not speak") {
		t.Errorf("registered without a common version: %v", err)
	}
	if cpo.Registered() || emsp.Registered() {
		t.Error("a failed registration left something behind")
	}
	same, err := sim.NewEMSP(sim.EMSPConfig{Party: emspParty})
	if err != nil {
		t.Fatal(err)
	}
	defer same.Close()
	if err := same.Register(t.Context(), cpo.VersionsURL(), "token-a"); err != nil {
		t.Error("the token is used up by a failed registration:", err)
	}
}

// get does a plain GET, as a partner who is not simulated.
func get(t *testing.T, url, authorization string) (*http.Response, []byte) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		rq.Header.Set("Authorization", authorization)
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rs, b
}

func TestTokenAOpensVersionsOnly(t *testing.T) {
	cpo, err := sim.NewCPO(sim.CPOConfig{Operators: []sim.Operator{operator(cpoParty, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	defer cpo.Close()
	cpo.Expect("token-a")
	auth := ocpi.FormatAuthorization("token-a", ocpi.EncodingBase64)
	base := strings.TrimSuffix(cpo.VersionsURL(), "/versions")
	for _, tt := range []struct {
		path, auth string
		want       int
	}{
		{"/versions", auth, 200}, {"/2.2.1", auth, 200}, {"/versions", "", 401}, {"/versions", "Token x", 401},
		{"/2.2.1/sender/locations", auth, 401}, {"/2.3.0", auth, 404}, {"/2.2.1/credentials", auth, 405},
		{"/versions", ocpi.FormatAuthorization("token-a", ocpi.EncodingRaw), 200},
	} {
		rs, body := get(t, base+tt.path, tt.auth)
		if rs.StatusCode != tt.want {
			t.Errorf("GET %s with %q: HTTP %d, want %d", tt.path, tt.auth, rs.StatusCode, tt.want)
		}
		if _, err := ocpi.ParseEnvelope(body); err != nil {
			t.Errorf("GET %s: %v", tt.path, err)
		}
	}
}

// Following Link gives every location once.
func TestListsArePaged(t *testing.T) {
	const token = "peer-token"
	cpo, err := sim.NewCPO(sim.CPOConfig{Operators: []sim.Operator{operator(cpoParty, 120), operator(cpoParty2, 30)}})
	if err != nil {
		t.Fatal(err)
	}
	defer cpo.Close()
	auth := registerRaw(t, cpo, token)
	url := strings.TrimSuffix(cpo.VersionsURL(), "/versions") + "/2.2.1/sender/locations?limit=40"
	seen := make(map[string]bool)
	for pages := 1; url != ""; pages++ {
		rs, body := get(t, url, auth)
		env, err := ocpi.ParseEnvelope(body)
		if err != nil || !env.Success() || rs.Header.Get("X-Total-Count") != "150" || rs.Header.Get("X-Limit") != "100" {
			t.Fatalf("page %d: %v, status %d, headers %v", pages, err, env.StatusCode, rs.Header)
		}
		var list []struct {
			ID    string `json:"id"`
			Party string `json:"party_id"`
		}
		if err := json.Unmarshal(env.Data, &list); err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			if seen[l.Party+l.ID] {
				t.Errorf("%s %s came twice", l.Party, l.ID)
			}
			seen[l.Party+l.ID] = true
		}
		url, _ = ocpi.ParseNextLink(rs.Header.Values("Link"))
	}
	if len(seen) != 150 {
		t.Errorf("%d locations, want 150", len(seen))
	}
}

// registerRaw registers a partner that is a bare HTTP server, and returns the
// Authorization header that opens the platform.
func registerRaw(t *testing.T, cpo *sim.CPO, token string) string {
	t.Helper()
	cpo.Expect("token-a")
	peer, err := sim.NewEMSP(sim.EMSPConfig{Party: emspParty})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	peer.Expect(token)
	body := fmt.Sprintf(`{"token":%q,"url":%q,"roles":[{"role":"EMSP","country_code":"DE","party_id":"NWF","business_details":{"name":"x"}}]}`,
		token, peer.VersionsURL())
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		strings.TrimSuffix(cpo.VersionsURL(), "/versions")+"/2.2.1/credentials", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("Authorization", ocpi.FormatAuthorization("token-a", ocpi.EncodingBase64))
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	env, err := ocpi.ParseEnvelope(b)
	if err != nil || !env.Success() {
		t.Fatalf("registration: %v, %s", err, b)
	}
	var cred struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(env.Data, &cred); err != nil {
		t.Fatal(err)
	}
	return ocpi.FormatAuthorization(cred.Token, ocpi.EncodingBase64)
}

// Each fault shows at the other end as what it is, and nothing is lost: what must
// arrive is sent again, and counts once.
func TestFaultsAreMended(t *testing.T) {
	tests := map[string]sim.Faults{
		"refuse":    {Refuse: 0.5},
		"error":     {Error: 0.5},
		"garbage":   {Garbage: 0.5},
		"truncated": {Truncated: 0.5},
		"slow":      {Slow: 0.5, SlowFor: 20 * time.Millisecond},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			cpo, emsp := pair(t, ocpi.V221, fast(), 3, nil)
			ctx := t.Context()
			if err := cpo.Publish(ctx, nil); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				if _, err := cpo.Tap(ctx, place(i), "CARD1"); err != nil {
					t.Fatal(err)
				}
			}
			emsp.SetFaults(f)
			settle(t, cpo)
			checkSettled(t, cpo, emsp)
			failed := cpo.Journal().Entries(func(e sim.Entry) bool { return e.Sent && !e.Success() })
			if (len(failed) > 0) == (name == "slow") {
				t.Errorf("%d failures in the journal", len(failed))
			}
		})
	}
}

func TestTooManyRequestsIsHeeded(t *testing.T) {
	cpo, emsp := pair(t, ocpi.V221, nil, 1, nil)
	emsp.SetFaults(sim.Faults{TooMany: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := cpo.Publish(ctx, nil); err == nil {
		t.Fatal("published in spite of 429")
	}
	// Retry-After is 1 s: there was time for one attempt per tariff and site only.
	if n := len(cpo.Journal().Entries(func(e sim.Entry) bool { return e.HTTP == http.StatusTooManyRequests })); n == 0 || n > 3 {
		t.Errorf("%d attempts", n)
	}
}

func TestDisappearAndReturn(t *testing.T) {
	cpo, emsp := pair(t, ocpi.V221, fast(), 1, nil)
	ctx := t.Context()
	if err := cpo.Publish(ctx, nil); err != nil {
		t.Fatal(err)
	}
	emsp.Disappear()
	if _, err := cpo.Tap(ctx, place(0), "CARD1"); err == nil {
		t.Fatal("an eMSP that has disappeared answers")
	}
	done := make(chan error)
	go func() { done <- cpo.SetStatus(ctx, place(0), sim.OutOfOrder) }()
	if err := emsp.Return(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal("a status did not arrive after the return:", err)
	}
	if l, _ := emsp.Location(cpoParty, "L0"); l.EVSEs[0].Status != "OUTOFORDER" {
		t.Errorf("the eMSP has %s", l.EVSEs[0].Status)
	}
}

func TestJournalCounts(t *testing.T) {
	cpo, emsp := pair(t, ocpi.V221, nil, 2, nil)
	if err := cpo.Publish(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if sent, got := cpo.Journal().Count(true, ocpi.Locations, "PUT"), emsp.Journal().Count(false, ocpi.Locations, "PUT"); sent != 2 || got != 2 {
		t.Errorf("%d sent, %d received", sent, got)
	}
	// Both ends agree on the ids.
	ids := make(map[string]bool)
	for _, e := range cpo.Journal().Entries(func(e sim.Entry) bool { return e.Sent }) {
		ids[e.RequestID+e.CorrelationID] = true
	}
	for _, e := range emsp.Journal().Entries(func(e sim.Entry) bool { return !e.Sent && e.Module == ocpi.Locations }) {
		if !ids[e.RequestID+e.CorrelationID] {
			t.Errorf("received %s, which nobody sent", e.RequestID)
		}
	}
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(-24 * time.Hour)
		c := sim.NewClock(start, 3600)
		if err := c.Sleep(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := c.Now().Sub(start); got != time.Hour {
			t.Errorf("slept an hour, %s have passed", got)
		}
		// A clock that has caught up is the present, and sleeping still ends.
		if err := c.Sleep(t.Context(), 48*time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := c.Now(); !got.Equal(time.Now()) {
			t.Errorf("the clock says %s at %s", got, time.Now())
		}
		var realTime *sim.Clock
		before := time.Now()
		if err := realTime.Sleep(t.Context(), time.Minute); err != nil || time.Since(before) != time.Minute {
			t.Errorf("a minute took %s, %v", time.Since(before), err)
		}
	})
}
