package catalog_test

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// Viewers read in their own version; what has no form in it is left out of the
// page and counted in the total.
func TestVersionsOfLists(t *testing.T) {
	h := New(t, true)
	old, modern := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V230, one("NL-CP2", ocpi.RoleCPO))
	em221, em230 := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V230, one("DE-EM2", ocpi.RoleEMSP))
	h.MustPublish(old, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	gross := strings.NewReplacer(`"CP1"`, `"CP2"`, `"currency"`, `"tax_included":"YES","currency"`, `"vat":20.0,`, ``)
	h.MustPublish(modern, "PUT", ocpi.Tariffs, "NL/CP2/T2", gross.Replace(Tariff("T2", t1)))
	r := mustList(t, h, em221, ocpi.Tariffs, "")
	wantIDs(t, "a 2.2.1 viewer", r, "NL-CP1/T1")
	if r.Total != 2 {
		t.Errorf("total %d, want 2", r.Total)
	}
	r = mustList(t, h, em230, ocpi.Tariffs, "")
	wantIDs(t, "a 2.3.0 viewer", r, "NL-CP1/T1", "NL-CP2/T2")
	if got := gjson.GetBytes(r.Data(), "0.tax_included").String(); got != "NO" {
		t.Errorf("tax_included %q in %s", got, r.Data())
	}
	if got, err := get(h, em230, ocpi.Tariffs, ocpi.Receiver, "NL/CP1/T1"); err != nil || gjson.Get(got, "tax_included").String() != "NO" {
		t.Errorf("GET: %s, err %v", got, err)
	}
	_, err := get(h, em221, ocpi.Tariffs, ocpi.Receiver, "NL/CP2/T2")
	wantError(t, err, 200, 3000, "the object has no form")
}

// An owner that speaks another version now patches what it published before.
func TestOwnerChangesVersion(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V230, []party.Grant{Grant("NL-CP1", ocpi.RoleCPO)})
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", strings.Replace(Location("LOC1", t1), `"publish":true`, `"publish":true,"help_phone":"+31"`, 1))
	cpo.Version = ocpi.V221
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"`+t2+`"}`)
	got := stored(t, h, "locations", cp1, "loc1")
	if strings.Contains(got, "help_phone") || !strings.Contains(got, "CHARGING") {
		t.Errorf("stored %s", got)
	}
}
