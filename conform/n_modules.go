package conform

import (
	"fmt"
	"net/http"

	"github.com/eroam/eroam/ocpi"
)

// relayed sends a call and compares what arrives with it.
func (t *T) relayed(from *Party, c Call, id string) {
	t.ok(t.send(from, c))
	got := t.receives(c.To, About(id), With(c.Method), At(c.Module, c.Interface), func(r *Request) bool { return r.Path == c.Path })
	t.equal("FROM", got.From(), from.String())
	if c.Body == "" {
		t.require(len(got.Body) == 0, "a body was added: %s", short(string(got.Body)))
		return
	}
	t.same("body", string(got.Body), c.Body)
}

func n09(t *T) {
	t.has230()
	id := t.id()
	record := fmt.Sprintf(`{"country_code":"NL","party_id":"C30","id":%q,"cdrs":["CDR1","CDR2"],"invoice_number":"2024-17",`+
		`"total_cost":%s,"last_updated":%q}`, id, taxed, lastUpdated)
	module := func(method, path, body string) Call {
		return Call{Method: method, Module: ocpi.InvoiceReconciliation, Interface: ocpi.Receiver, Path: path, Body: body, To: t.EMSP30}
	}
	t.on(t.EMSP30, All(About(id), With(http.MethodGet)), func(_ *Request, reply *Reply) {
		reply.HTTP, reply.Status, reply.Data = http.StatusOK, ocpi.StatusSuccess, record
	})
	path := t.CPO30.Path(id)
	t.relayed(t.CPO30, module(http.MethodPost, "", record), id)
	t.relayed(t.CPO30, module(http.MethodPut, path, record), id)
	t.relayed(t.CPO30, module(http.MethodGet, path, ""), id)
	t.relayed(t.CPO30, module(http.MethodDelete, path, ""), id)
}

func n10(t *T) {
	t.has230()
	id := t.id()
	request := fmt.Sprintf(`{"country_code":"DE","party_id":"E30","request_id":%q,"location_id":"LOC1","booking_location_id":"BL1",`+
		`"booking_tokens":[{"country_code":"DE","party_id":"E30","uid":"U1","type":"APP_USER","contract_id":"C1"}],`+
		`"period":{"start_from":"2030-01-01T10:00:00Z","end_before":"2030-01-01T11:00:00Z"}}`, id)
	t.relayed(t.EMSP30, Call{Method: http.MethodPost, Module: ocpi.Bookings, Interface: ocpi.Sender, Body: request, To: t.CPO30}, id)

	booking := fmt.Sprintf(`{"country_code":"NL","party_id":"C30","id":%q,"request_id":%q,"location_id":"LOC1",`+
		`"period":{"start_from":"2030-01-01T10:00:00Z","end_before":"2030-01-01T11:00:00Z"},`+
		`"reservation_status":"RESERVED","last_updated":%q}`, id, id, lastUpdated)
	t.relayed(t.CPO30, Call{
		Method: http.MethodPut, Module: ocpi.Bookings, Interface: ocpi.Receiver, Path: t.CPO30.Path(id), Body: booking, To: t.EMSP30,
	}, id)
	for _, p := range t.Platforms {
		if p != t.CPO30.Platform && p != t.EMSP30.Platform {
			t.nothingSoFar(About(id), p)
		}
	}
	t.pause(quiet)
}

func n11(t *T) {
	t.has230()
	t.has(t.PTP1)
	id := t.id()
	terminal := fmt.Sprintf(`{"terminal_id":%q,"country_code":"NL","party_id":"C30","location_ids":["LOC1"],"last_updated":%q}`, id, lastUpdated)
	cpo := func(method, path, body string) Call { // towards the CPO
		return Call{Method: method, Module: ocpi.Payments, Interface: ocpi.Receiver, Path: path, Body: body, To: t.CPO30}
	}
	ptp := func(method, path, body string) Call { // towards the terminal provider
		return Call{Method: method, Module: ocpi.Payments, Interface: ocpi.Sender, Path: path, Body: body, To: t.PTP1}
	}
	t.relayed(t.PTP1, cpo(http.MethodPost, "/terminals", terminal), id)
	t.relayed(t.CPO30, ptp(http.MethodPatch, "/terminals/"+id, `{"location_ids":["LOC2"],"last_updated":"`+lastUpdated+`"}`), id)
	t.relayed(t.CPO30, ptp(http.MethodPost, "/terminals/activate", terminal), id)
	t.relayed(t.CPO30, ptp(http.MethodPost, "/terminals/"+id+"/deactivate", ""), id)
	advice := fmt.Sprintf(`{"id":%q,"authorization_reference":"AR-1","total_costs":%s,"currency":"EUR","eft_data":["x"],`+
		`"capture_status_code":"SUCCESS","last_updated":%q}`, id, taxed, lastUpdated)
	t.relayed(t.PTP1, cpo(http.MethodPost, "/financial-advice-confirmations", advice), id)
}
