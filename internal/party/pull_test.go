package party

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/ocpi"
)

func TestPullSettings(t *testing.T) {
	r := newRig(t)
	id := r.invite(grantOf("NLCP1", "CPO")).ID
	of := func() PullSettings { return r.Snapshot().Platform(id).Pull }
	if s := of(); !cmp.Equal(s, PullSettings{}) || s.Every() != 5*time.Minute || s.Full() != 7*24*time.Hour || !s.Asks(testHub) {
		t.Errorf("at first: %+v", s)
	}
	in := PullSettings{Modules: []ocpi.Module{"Tariffs", "locations", "tariffs"}, Parties: []string{"nl*cp1"}, EverySeconds: 60, FullSeconds: 7200}
	want := PullSettings{Modules: []ocpi.Module{"locations", "tariffs"}, Parties: []string{"NL-CP1"}, EverySeconds: 60, FullSeconds: 7200}
	if err := r.Update(t.Context(), id, Update{Pull: &in}); err != nil {
		t.Fatal(err)
	}
	name := "other"
	if err := r.Update(t.Context(), id, Update{Name: &name}); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if d := cmp.Diff(want, of()); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
	if s := of(); s.Every() != time.Minute || s.Full() != 2*time.Hour || s.Asks(testHub) || !s.Asks(ocpi.PartyID{CountryCode: "NL", ID: "CP1"}) {
		t.Errorf("%+v", s)
	}
	for field, bad := range map[string]PullSettings{
		"pull.modules[1]":         {Modules: []ocpi.Module{"locations", "cdrs"}},
		"pull.parties[0]":         {Parties: []string{"x"}},
		"pull.every_seconds":      {EverySeconds: 29},
		"pull.full_every_seconds": {FullSeconds: -1},
	} {
		err := r.Update(t.Context(), id, Update{Pull: &bad, Name: &field})
		if e, ok := errors.AsType[*InvalidField](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if d := cmp.Diff(want, of()); d != "" {
		t.Errorf("what was refused changed them (-want +got):\n%s", d)
	}
}
