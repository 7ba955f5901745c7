package conform

import (
	"net/http"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// checksN: between versions. N09 to N11 are in n_modules.go.
func checksN() []Check {
	return []Check{
		must("N01", "2.3.0 types", "2.3.0 session, total_cost 10 before taxes, one tax of 2 → 2.2.1 eMSP gets excl_vat 10, incl_vat 12", n01),
		must("N02", "2.3.0 types", "2.2.1 CDR, 10 without and 12 with VAT → 2.3.0 eMSP gets before_taxes 10, taxes of 2, no excl_vat", n02),
		must("N03", "2.3.0 11", "2.2.1 tariff → 2.3.0 eMSP gets tax_included NO, min_price and max_price as PriceLimit", n03),
		must("N04", "2.3.0 11", "2.3.0 tariff with tax_included YES, vat 20, price 1.20 → 2.2.1 price 1.00", n04),
		must("N05", "2.3.0 11", "2.3.0 tariff with tax_included YES and no vat → 2.2.1 eMSP never gets the gross price as net", n05),
		must("N06", "2.3.0 10", "tariffs inside a CDR are converted as well; last_updated is the same", n06),
		must("N07", "9.2", "session PATCH with total_cost and last_updated across versions → still PATCH, converted, no other fields", n07),
		should("N08", "2.3.0 12", "TokenType EMAID or unknown → 2.2.1 sees OTHER", n08),
		should("N09", "2.3.0 IR", "invoice reconciliation POST, PUT, GET, DELETE → relayed with path /{cc}/{pid}/{id}", n09),
		should("N10", "bookings", "BookingRequest POST to the CPO, Booking PUT to the eMSP → relayed, not broadcast", n10),
		should("N11", "payments", "terminals POST, PATCH, activate, deactivate; financial advice POST → relayed by TO", n11),
		{ID: "N12", Level: Must, Ref: "2.1.1", Title: "a 2.1.1 partner → raw token accepted, flat credentials, no routing headers and no 4xxx sent to it"},
		{ID: "N13", Level: Should, Ref: "2.1.1", Title: "2.2.1 CDR to a 2.1.1 eMSP → total_cost is a number, auth_id, stop_date_time; a credit CDR is refused"},
	}
}

const taxed = `{"before_taxes":10.00,"taxes":[{"name":"VAT","percentage":20.0,"amount":2.00}]}`

func n01(t *T) {
	t.has230()
	id := t.id()
	body := with(session(t.CPO30, t.EMSP1, id), "total_cost", taxed)
	t.ok(t.send(t.CPO30, put(ocpi.Sessions, t.CPO30, id, body, t.EMSP1)))
	got := t.receives(t.EMSP1, About(id)).json()
	t.number("excl_vat", got.Get("total_cost.excl_vat"), "10")
	t.number("incl_vat", got.Get("total_cost.incl_vat"), "12")
	t.absent(got, "total_cost.before_taxes", "total_cost.taxes")
}

// json is the body.
func (r *Request) json() gjson.Result { return gjson.ParseBytes(r.Body) }

// absent fails when one of the fields is there.
func (t *T) absent(body gjson.Result, paths ...string) {
	for _, p := range paths {
		t.require(!body.Get(p).Exists(), "%s must not be there: %s", p, short(body.Raw))
	}
}

func n02(t *T) {
	t.has230()
	id := t.id()
	t.ok(t.send(t.CPO1, postCDR(cdr(t.CPO1, t.EMSP30, id), t.EMSP30)))
	got := t.receives(t.EMSP30, About(id)).json()
	t.number("before_taxes", got.Get("total_cost.before_taxes"), "10")
	t.require(len(got.Get("total_cost.taxes").Array()) == 1, "taxes: %s", got.Get("total_cost").Raw)
	t.number("tax", got.Get("total_cost.taxes.0.amount"), "2")
	t.require(got.Get("total_cost.taxes.0.name").String() != "", "the tax has no name")
	t.absent(got, "total_cost.excl_vat", "total_cost.incl_vat")
}

func n03(t *T) {
	t.has230()
	id := t.id()
	body := with(tariff(t.CPO1, id), "min_price", `{"excl_vat":0.50,"incl_vat":0.60}`, "max_price", `{"excl_vat":50.00}`)
	t.ok(t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, id, body, t.EMSP30)))
	got := t.receives(t.EMSP30, About(id)).json()
	t.equal("tax_included", got.Get("tax_included").String(), "NO")
	t.number("min_price.before_taxes", got.Get("min_price.before_taxes"), "0.5")
	t.number("min_price.after_taxes", got.Get("min_price.after_taxes"), "0.6")
	t.number("max_price.before_taxes", got.Get("max_price.before_taxes"), "50")
	t.absent(got, "min_price.excl_vat", "max_price.excl_vat", "max_price.after_taxes")
	t.number("price", got.Get("elements.0.price_components.0.price"), "0.25")
}

// gross is a 2.3.0 tariff whose prices include taxes.
func gross(owner *Party, id, component string) string {
	return with(tariff(owner, id), "tax_included", `"YES"`, "elements", `[{"price_components":[`+component+`]}]`)
}

func n04(t *T) {
	t.has230()
	id := t.id()
	body := gross(t.CPO30, id, `{"type":"ENERGY","price":1.20,"vat":20.0,"step_size":1}`)
	t.ok(t.send(t.CPO30, put(ocpi.Tariffs, t.CPO30, id, body, t.EMSP1)))
	got := t.receives(t.EMSP1, About(id)).json()
	t.number("price", got.Get("elements.0.price_components.0.price"), "1")
	t.number("vat", got.Get("elements.0.price_components.0.vat"), "20")
	t.absent(got, "tax_included")
}

// n05 accepts that the tariff is refused, withheld from a broadcast, or sent
// without a price.
func n05(t *T) {
	t.has230()
	for _, to := range []*Party{t.EMSP1, t.Hub} {
		id := t.id()
		body := gross(t.CPO30, id, `{"type":"ENERGY","price":1.23,"step_size":1}`)
		r := t.send(t.CPO30, put(ocpi.Tariffs, t.CPO30, id, body, to))
		if to == t.EMSP1 && r.Status == ocpi.StatusSuccess {
			t.receives(t.EMSP1, About(id))
		}
		t.pause(2 * quiet)
		for _, r := range t.EMSP1.Platform.Seen(About(id)) {
			t.notef("  hub → EMSP1: %s", r)
			for _, e := range r.json().Get("elements").Array() {
				for _, c := range e.Get("price_components").Array() {
					t.require(!sameNumber(orZero(c.Get("price").Raw), "1.23"), "the gross price arrived as a net price: %s", r)
				}
			}
		}
	}
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

func n06(t *T) {
	t.has230()
	id := t.id()
	inner := with(tariff(t.CPO1, "T-"+id[:3]), "min_price", `{"excl_vat":1.00}`)
	t.ok(t.send(t.CPO1, postCDR(with(cdr(t.CPO1, t.EMSP30, id), "tariffs", "["+inner+"]"), t.EMSP30)))
	up := t.receives(t.EMSP30, About(id)).json()
	t.equal("tariffs.0.tax_included", up.Get("tariffs.0.tax_included").String(), "NO")
	t.number("tariffs.0.min_price.before_taxes", up.Get("tariffs.0.min_price.before_taxes"), "1")
	t.equal("last_updated", up.Get("last_updated").String(), lastUpdated)
	t.equal("tariffs.0.last_updated", up.Get("tariffs.0.last_updated").String(), lastUpdated)

	id = t.id()
	inner = gross(t.CPO30, "T-"+id[:3], `{"type":"ENERGY","price":1.20,"vat":20.0,"step_size":1}`)
	body := with(cdr(t.CPO30, t.EMSP1, id), "total_cost", taxed, "tariffs", "["+inner+"]")
	t.ok(t.send(t.CPO30, postCDR(body, t.EMSP1)))
	down := t.receives(t.EMSP1, About(id)).json()
	t.number("price", down.Get("tariffs.0.elements.0.price_components.0.price"), "1")
	t.number("excl_vat", down.Get("total_cost.excl_vat"), "10")
	t.absent(down, "tariffs.0.tax_included")
	t.equal("last_updated", down.Get("last_updated").String(), lastUpdated)
}

func n07(t *T) {
	t.has230()
	id := t.id()
	t.ok(t.send(t.CPO30, Call{
		Method: http.MethodPatch, Module: ocpi.Sessions, Interface: ocpi.Receiver, Path: t.CPO30.Path(id), To: t.EMSP1,
		Body: `{"total_cost":` + taxed + `,"last_updated":"` + lastUpdated + `"}`,
	}))
	got := t.receives(t.EMSP1, About(id))
	t.equal("method", got.Method, http.MethodPatch)
	t.same("body", string(got.Body), `{"total_cost":{"excl_vat":10,"incl_vat":12},"last_updated":"`+lastUpdated+`"}`)
}

func n08(t *T) {
	t.has230()
	for _, kind := range []string{"EMAID", "RETINA_SCAN"} {
		uid := t.id()
		c := put(ocpi.Tokens, t.EMSP30, uid, with(token(t.EMSP30, uid), "type", quote(kind)), t.CPO1)
		c.Query = "type=" + kind
		t.ok(t.send(t.EMSP30, c))
		t.equal("type", jsonField(t.receives(t.CPO1, About(uid)), "type"), "OTHER")
	}
}
