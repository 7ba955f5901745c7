package catalog

import (
	"net/url"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// A cursor is good for 24 hours, and until the next full hour.
func TestCursorExpires(t *testing.T) {
	c := New(Options{SignKey: []byte("key")})
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	r := ListRequest{Platform: &party.Platform{ID: "p1"}, Module: ocpi.HubClientInfo}
	r.Query = url.Values{cursorParam: {c.sealCursor(r, 42, now)}}
	for _, at := range []time.Duration{0, 24 * time.Hour} {
		if born, err := c.openCursor(r, now.Add(at)); err != nil || born != 42 {
			t.Errorf("after %s: %d, err %v", at, born, err)
		}
	}
	if later := c.sealCursor(r, 42, now.Add(59*time.Minute)); later != r.Query.Get(cursorParam) {
		t.Error("the cursor is another within the hour")
	}
	if _, err := c.openCursor(r, now.Add(25*time.Hour+time.Second)); ocpi.AsError(err).Status != ocpi.StatusInvalidParameters {
		t.Errorf("after its time: %v", err)
	}
	other := New(Options{SignKey: []byte("another key")})
	if _, err := other.openCursor(r, now); ocpi.AsError(err).Status != ocpi.StatusInvalidParameters {
		t.Errorf("with another key: %v", err)
	}
}
