package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

func nobody(context.Context, string) (*party.Access, error) { return nil, ocpi.Unauthorized() }

func TestDoor(t *testing.T) {
	const token = "the-right-token"
	now := time.Now()
	d := newDoor(sha256.Sum256([]byte(token)), nobody, slog.New(slog.DiscardHandler))
	d.now = func() time.Time { return now }
	try := func(host string, authorization ...string) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/api/v1/hub", nil)
		r.RemoteAddr = host + ":1234"
		r.Header["Authorization"] = authorization
		if who, ok := d.open(w, r); ok {
			if !who.operator || who.platform != nil {
				t.Errorf("%q lets %+v in", authorization, who)
			}
			return http.StatusOK
		}
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "3" {
			t.Errorf("Retry-After: got %q, want 3", w.Header().Get("Retry-After"))
		}
		if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
		return w.Code
	}
	for _, right := range []string{"Bearer " + token, "bearer " + token} {
		if got := try("192.0.2.1", right); got != http.StatusOK {
			t.Errorf("%s: got %d", right, got)
		}
	}
	wrong := [][]string{
		nil, {""}, {"Bearer"}, {"Bearer "}, {token}, {"Token " + token}, {"Basic " + token}, {"Bearer  " + token}, {"Bearer " + token + " "},
		{"Bearer " + token + "x"}, {"Bearer the-right-toke"}, {"Bearer " + token, "Bearer " + token}, {"Bearer " + token + "," + token},
	}
	for i := range failuresPerMinute {
		if got := try("192.0.2.2", wrong[i%len(wrong)]...); got != http.StatusUnauthorized {
			t.Errorf("wrong token %d, %q: got %d, want 401", i, wrong[i%len(wrong)], got)
		}
	}
	if got := try("192.0.2.2", "Bearer x"); got != http.StatusTooManyRequests {
		t.Errorf("after %d wrong tokens: got %d, want 429", failuresPerMinute, got)
	}
	if got := try("192.0.2.2", "Bearer "+token); got != http.StatusOK {
		t.Errorf("the right token after many wrong ones: got %d, want 200", got)
	}
	if got := try("192.0.2.3", "Bearer x"); got != http.StatusUnauthorized {
		t.Errorf("another address: got %d, want 401", got)
	}
	now = now.Add(4 * time.Second)
	if got := try("192.0.2.2", "Bearer x"); got != http.StatusUnauthorized {
		t.Errorf("after a pause: got %d, want 401", got)
	}
}

// A flood from many addresses does not fill the memory.
func TestDoorForgets(t *testing.T) {
	d := newDoor([sha256.Size]byte{}, nobody, slog.New(slog.DiscardHandler))
	now := time.Now()
	d.now = func() time.Time { return now }
	for i := range 3 * maxAddresses {
		d.failed(fmt.Sprint(i))
		if len(d.failures) > maxAddresses {
			t.Fatalf("%d addresses are remembered, want at most %d", len(d.failures), maxAddresses)
		}
	}
	d.failed("loud")
	for range failuresPerMinute {
		d.failed("loud")
	}
	now = now.Add(10 * time.Second)
	for len(d.failures) < maxAddresses {
		d.failed(fmt.Sprint("quiet", len(d.failures)))
	}
	now = now.Add(10 * time.Second) // the quiet ones are as new, the loud one is not
	d.failed("one more")
	if d.failures["loud"] == nil {
		t.Error("the address with many failures is forgotten before the quiet ones")
	}
}
