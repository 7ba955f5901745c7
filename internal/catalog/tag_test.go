package catalog_test

import (
	"strings"
	"testing"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/ocpi"
)

// The tag of a page is another whenever objects, total, link, version or filter
// are, and the same otherwise, also after a restart.
func TestTags(t *testing.T) {
	h := New(t, false)
	cpo, other := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	old, modern := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V230, one("DE-EM2", ocpi.RoleEMSP))
	for _, e := range []string{"DE-EM1", "DE-EM2"} {
		h.Agree("NL-CP1", e)
	}
	for _, id := range []string{"A", "B", "C"} {
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, Location(id, t1))
	}
	h.MustPublish(other, "PUT", ocpi.Locations, "NL/CP2/D", LocationOf("NL", "CP2", "D", t1))
	seen := map[string]string{}
	tag := func(why string, p *Partner, query string) string {
		t.Helper()
		r := mustList(t, h, p, ocpi.Locations, query)
		if again := mustList(t, h, p, ocpi.Locations, query); again.Tag != r.Tag {
			t.Errorf("%s: the tag changes by itself", why)
		}
		if before, ok := seen[r.Tag]; ok {
			t.Errorf("%s has the tag of %s", why, before)
		}
		seen[r.Tag] = why
		return r.Tag
	}
	tag("all", old, "")
	tag("in the other version", modern, "")
	tag("the first", old, "limit=1")
	tag("the second", old, "limit=1&offset=1")
	last := tag("the third", old, "limit=1&offset=2")
	tag("the first since a date", old, "limit=1&date_from=2025-01-01T00:00:00Z") // another link
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/A/E1", `{"status":"CHARGING","last_updated":"`+t2+`"}`)
	tag("all after a change", old, "")
	tag("the first after a change", old, "limit=1")
	if r := mustList(t, h, old, ocpi.Locations, "limit=1&offset=2"); r.Tag != last {
		t.Error("the third has another tag after a change of the first")
	}
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/A/E1", `{"status":"CHARGING","last_updated":"`+t3+`"}`)
	tag("all after a new time", old, "")
	h.Agree("NL-CP2", "DE-EM1")
	tag("all with another owner", old, "")
	tag("the third, of four now", old, "limit=1&offset=2")
	first := mustList(t, h, old, ocpi.Locations, "limit=1")
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/F", Location("F", t1))
	if tag("the first, of five", old, "limit=1") == first.Tag {
		t.Error("another total has the same tag")
	}
	all := tag("all five", old, "")
	h.Reopen()
	if r := mustList(t, h, old, ocpi.Locations, ""); r.Tag != all || !strings.HasPrefix(r.Tag, `W/"`) {
		t.Errorf("the tag is %s after a restart, was %s", r.Tag, all)
	}
}

// The hub passes on what may not be shown to everybody (OCPI 2.2.1 §8.3.1):
// whom it may be shown to is for the eMSP or NSP to obey, which needs the
// object for that.
func TestUnpublishedIsListed(t *testing.T) {
	h := New(t, true)
	cpo, emsp, nsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-NS1", ocpi.RoleNSP))
	body := strings.Replace(Location("LOC1", t1), `"publish":true`, `"publish":false,"publish_allowed_to":[{"visual_number":"1","issuer":"EM1"}]`, 1)
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", body)
	for _, p := range []*Partner{emsp, nsp} {
		if got := string(mustList(t, h, p, ocpi.Locations, "").Data()); got != "["+body+"]" {
			t.Errorf("%s sees %s", p.Platform, got)
		}
		if got, err := get(h, p, ocpi.Locations, ocpi.Sender, "LOC1"); err != nil || got != body {
			t.Errorf("%s gets %s, err %v", p.Platform, got, err)
		}
	}
}

// Who may see what follows agreements at once, and by the clock.
func TestEntitlementIsOfNow(t *testing.T) {
	h := New(t, false)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	sees := func() int { return mustList(t, h, emsp, ocpi.Locations, "").Total }
	if sees() != 0 {
		t.Error("seen without an agreement")
	}
	id := h.Agree("NL-CP1", "DE-EM1")
	for range 2 { // the second time as it is remembered
		if sees() != 1 {
			t.Error("not seen with an agreement")
		}
	}
	if err := h.Registry.DeleteAgreement(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if sees() != 0 {
		t.Error("still seen after the agreement")
	}
}
