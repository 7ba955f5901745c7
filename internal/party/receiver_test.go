package party

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/ocpi"
)

// settingsOf returns the delivery settings of NL-CP1 as EMSP.
func settingsOf(t *testing.T, r *rig) DeliverySettings {
	t.Helper()
	parties := r.Snapshot().Parties(ocpi.PartyID{CountryCode: "NL", ID: "CP1"})
	for _, p := range parties {
		if p.Role == "EMSP" {
			return p.Delivery
		}
	}
	t.Fatal("the party is gone")
	return DeliverySettings{}
}

func TestDeliverySettingsAreKept(t *testing.T) {
	r := newRig(t)
	invited := r.invite(grantOf("NLCP1", "EMSP"), grantOf("NLCP1", "CPO"))
	if s := settingsOf(t, r); !cmp.Equal(s, DeliverySettings{}) || !s.Pushes() {
		t.Errorf("at first: %+v", s)
	}
	id, off := ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, false
	err := r.SetDelivery(t.Context(), id, "EMSP", DeliverySettings{
		Push: &off, Rate: 2.5, InFlight: 3, Countries: []string{"nl", "DE", "NL"}, Parties: []string{"nl*cp1", "DEABC"},
		BBox: &[4]float64{3.3, 50.7, 7.3, 53.6}, PublishOnly: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	off = true // the caller's variable is not ours
	no := false
	want := DeliverySettings{
		Push: &no, Rate: 2.5, InFlight: 3, Countries: []string{"DE", "NL"}, Parties: []string{"DE-ABC", "NL-CP1"},
		BBox: &[4]float64{3.3, 50.7, 7.3, 53.6}, PublishOnly: true,
	}
	same := func(when string) {
		t.Helper()
		if d := cmp.Diff(want, settingsOf(t, r)); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	same("at once")
	r.reopen()
	same("after a restart")
	// What else happens to the party leaves them alone; its other role has its own.
	list := []Grant{grantOf("NLCP1", "EMSP"), grantOf("NLCP1", "CPO")}
	stop := true
	if err := r.Update(t.Context(), invited.ID, Update{Parties: &list, Suspended: &stop}); err != nil {
		t.Fatal(err)
	}
	same("after a change of the platform")
	for _, p := range r.Snapshot().Parties(id) {
		if p.Role == "CPO" && !cmp.Equal(p.Delivery, DeliverySettings{}) {
			t.Errorf("the other role has %+v", p.Delivery)
		}
	}
	want = DeliverySettings{}
	if err := r.SetDelivery(t.Context(), id, "EMSP", want); err != nil {
		t.Fatal(err)
	}
	same("after they were taken back")
}

func TestDeliverySettingsNameTheField(t *testing.T) {
	r := newRig(t)
	r.invite(grantOf("NLCP1", "EMSP"))
	id := ocpi.PartyID{CountryCode: "NL", ID: "CP1"}
	for field, s := range map[string]DeliverySettings{
		"rate":         {Rate: -1},
		"rate ":        {Rate: math.NaN()},
		"rate  ":       {Rate: maxDeliveryRate + 1},
		"in_flight":    {InFlight: -1},
		"in_flight ":   {InFlight: maxInFlight + 1},
		"countries[1]": {Countries: []string{"NL", "NLD"}},
		"countries[0]": {Countries: []string{"N1"}},
		"countries":    {Countries: make([]string, maxDeliveryNames+1)},
		"parties[0]":   {Parties: []string{"NL-CP12"}},
		"bbox[0]":      {BBox: &[4]float64{-181, 0, 1, 1}},
		"bbox[3]":      {BBox: &[4]float64{0, 0, 1, 91}},
		"bbox[2]":      {BBox: &[4]float64{0, 0, math.NaN(), 1}},
		"bbox":         {BBox: &[4]float64{5, 0, 5, 1}},
		"bbox ":        {BBox: &[4]float64{0, 2, 5, 1}},
	} {
		err := r.SetDelivery(context.Background(), id, "EMSP", s)
		bad, ok := errors.AsType[*InvalidField](err)
		if !ok || bad.Field != strings.TrimSpace(field) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if s := settingsOf(t, r); !cmp.Equal(s, DeliverySettings{}) {
		t.Errorf("what was refused left %+v", s)
	}
	if err := r.SetDelivery(t.Context(), id, "CPO", DeliverySettings{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a role that is not granted: %v", err)
	}
}
