package delivery_test

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/ocpi"
)

// N03, N04, N06: receivers get their own version, PATCH stays PATCH, last_updated
// is the owner's, and what has no form in a version is passed over.
func TestVersions(t *testing.T) {
	h := New(t, true)
	old, modern := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V230, one("NL-CP2", ocpi.RoleCPO))
	em221, em230 := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V230, one("DE-EM2", ocpi.RoleEMSP))
	h.Start()
	h.MustPublish(old, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	h.Idle()
	if got := em230.Received(ocpi.Tariffs); len(got) != 1 || gjson.Get(got[0].Body, "tax_included").String() != "NO" || gjson.Get(got[0].Body, "last_updated").String() != t1 {
		t.Errorf("the 2.3.0 receiver got %v", got)
	}
	if got := em221.Received(ocpi.Tariffs); len(got) != 1 || got[0].Body != Tariff("T1", t1) {
		t.Errorf("the 2.2.1 receiver got %v", got)
	}
	em221.Forget()
	// A gross price without VAT cannot be told in 2.2.1 (N05); the next one can.
	gross := strings.NewReplacer(`"CP1"`, `"CP2"`, `"currency"`, `"tax_included":"YES","currency"`, `"vat":20.0,`, ``)
	h.MustPublish(modern, "PUT", ocpi.Tariffs, "NL/CP2/T1", gross.Replace(Tariff("T1", t1)))
	h.Idle()
	wantRequests(t, "the 2.2.1 receiver", em221.Received(ocpi.Tariffs))
	h.MustPublish(modern, "PUT", ocpi.Locations, "NL/CP2/L1", strings.Replace(LocationOf("NL", "CP2", "L1", t1), `"publish":true`, `"publish":true,"help_phone":"+31"`, 1))
	h.Idle()
	h.MustPublish(modern, "PATCH", ocpi.Locations, "NL/CP2/L1", `{"help_phone":"+32","name":"x","last_updated":"`+t2+`"}`)
	h.Idle()
	got := em221.Received(ocpi.Locations)
	wantRequests(t, "the 2.2.1 receiver", got, "PUT /locations/NL/CP2/L1", "PATCH /locations/NL/CP2/L1")
	if len(got) == 2 && (strings.Contains(got[0].Body, "help_phone") || got[1].Body != `{"name":"x","last_updated":"`+t2+`"}`) {
		t.Errorf("the 2.2.1 receiver got %s, then %s", got[0].Body, got[1].Body)
	}
	// N08: a type that 2.2.1 does not know.
	emsp := h.Join(ocpi.V230, one("DE-EM3", ocpi.RoleEMSP))
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM3/U1?type=EMAID", strings.Replace(Token("U1", "EMAID", t1), "EM1", "EM3", 1))
	h.Idle()
	tokens := old.Received(ocpi.Tokens)
	wantRequests(t, "the 2.2.1 CPO", tokens, "PUT /tokens/DE/EM3/U1?type=OTHER")
	if len(tokens) == 1 && gjson.Get(tokens[0].Body, "type").String() != "OTHER" {
		t.Errorf("the 2.2.1 CPO got %s", tokens[0].Body)
	}
	// The same for one that comes later and gets the present state.
	late := h.Join(ocpi.V221, one("NL-CP3", ocpi.RoleCPO))
	Eventually(t, "the late CPO has the token", func() bool { return len(late.Received(ocpi.Tokens)) == 1 })
	wantRequests(t, "the late CPO", late.Received(ocpi.Tokens), "PUT /tokens/DE/EM3/U1?type=OTHER")
}
