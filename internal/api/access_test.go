package api

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// One platform cannot take all places, and gets its own back.
func TestTurns(t *testing.T) {
	var turns turns
	one, two := caller{platform: &party.Platform{ID: "1"}}, caller{platform: &party.Platform{ID: "2"}}
	var leave []func()
	for range perPlatform {
		l, ok := turns.enter(one)
		if !ok {
			t.Fatalf("no place after %d", len(leave))
		}
		leave = append(leave, l)
	}
	if _, ok := turns.enter(one); ok {
		t.Errorf("more than %d at once", perPlatform)
	}
	for _, c := range []caller{two, {operator: true}} {
		l, ok := turns.enter(c)
		if !ok {
			t.Errorf("%+v has to wait for another", c)
		}
		l()
	}
	leave[0]()
	if l, ok := turns.enter(one); !ok {
		t.Error("a place was not given back")
	} else {
		leave[0] = l
	}
	for _, l := range leave {
		l()
	}
	if len(turns.running) != 0 {
		t.Errorf("still under way: %v", turns.running)
	}
}

// A token that cannot be looked up is not called wrong, and tokens that open only
// the handshake open nothing here.
func TestDoorOfPlatforms(t *testing.T) {
	platform := &party.Platform{ID: "p"}
	for _, c := range []struct {
		access *party.Access
		err    error
		status int
	}{
		{&party.Access{Platform: platform, Kind: party.KindFull}, nil, http.StatusOK},
		{&party.Access{Platform: platform, Kind: party.KindInvite}, nil, http.StatusUnauthorized},
		{&party.Access{Platform: platform, Kind: party.KindPending}, nil, http.StatusUnauthorized},
		{nil, ocpi.Unauthorized(), http.StatusUnauthorized},
		{nil, &ocpi.Error{HTTP: http.StatusServiceUnavailable, Status: ocpi.StatusServerError, Message: "x"}, http.StatusServiceUnavailable},
		{nil, context.Canceled, http.StatusServiceUnavailable},
	} {
		d := newDoor(sha256.Sum256([]byte("x")), func(context.Context, string) (*party.Access, error) { return c.access, c.err }, slog.New(slog.DiscardHandler))
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/cdrs", nil)
		r.Header.Set("Authorization", "Token abc")
		who, ok := d.open(w, r)
		if ok != (c.status == http.StatusOK) || w.Code != c.status || ok && (who.platform != platform || who.operator) {
			t.Errorf("%v, %v: got %v %+v %d, want %d", c.access, c.err, ok, who, w.Code, c.status)
		}
	}
}

// Nobody sees nothing: a request that came in by another way than the door.
func TestNobody(t *testing.T) {
	nobody := callerOf(t.Context())
	if a := nobody.actors(); len(a) != 0 {
		t.Errorf("nobody acts as %+v", a)
	}
	if _, err := nobody.one("", "query.party"); err == nil {
		t.Error("nobody has a party")
	}
	if (actor{}).sees(ocpi.PartyID{}, ocpi.PartyID{}) || (actor{}).owns("emsp:DE-EM1") {
		t.Error("nobody sees something")
	}
}
