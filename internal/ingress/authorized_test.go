package ingress

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// What gives a driver the right to charge is kept before the answer goes out;
// what does not is not.
func TestAuthorisationsAreKept(t *testing.T) {
	r := newRig(t)
	em1 := ocpi.PartyID{CountryCode: "DE", ID: "EM1"}
	kept := func(token string) []store.Authorization {
		t.Helper()
		list, err := r.Store.Authorizations(t.Context(), em1, ocpi.TokenKey(token, "RFID"), 0, time.Now().Add(time.Hour).UnixMicro(), 100)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	authorize := func(uid, allowed string) {
		t.Helper()
		r.emsp.Data(`{"allowed":"` + allowed + `","token":{"uid":"` + uid + `","contract_id":"C-` + uid + `"},"authorization_reference":"Ref-` + uid + `"}`)
		a := r.call(r.cpo, http.MethodPost, "/ocpi/2.2.1/sender/tokens/"+uid+"/authorize", strings.NewReader(`{"location_id":"LOC1"}`), toEMSP...)
		if s := r.status(a); s != ocpi.StatusSuccess {
			t.Fatalf("status %d: %s", s, a.body)
		}
	}
	authorize("U1", "ALLOWED")
	authorize("U2", "BLOCKED")
	if got := kept("U1"); len(got) != 1 || got[0].Reference != "ref-u1" || got[0].Contract != "C-U1" || got[0].Location != "loc1" || got[0].Method != "AUTH_REQUEST" || got[0].CPO.ID != "CP1" {
		t.Errorf("kept %+v", got)
	}
	if got := kept("U2"); len(got) != 0 {
		t.Errorf("kept %+v of a driver who was refused", got)
	}
	// The operator may act on a command and its answer never come.
	r.cpo.Answers(func(w http.ResponseWriter, _ *http.Request) {
		if got := kept("U3"); len(got) != 1 || got[0].Reference != "app-u3" || got[0].Method != "COMMAND" || got[0].CPO.ID != "CP1" {
			t.Errorf("kept %+v when the operator has the command", got)
		}
		panic(http.ErrAbortHandler)
	})
	body := `{"response_url":"` + r.emsp.URL + `/results/1","token":{"country_code":"DE","party_id":"EM1","uid":"U3","type":"RFID","contract_id":"C-U3",` +
		`"issuer":"x","valid":true,"whitelist":"NEVER","last_updated":"2026-01-01T00:00:00Z"},"location_id":"LOC1","authorization_reference":"App-U3"}`
	a := r.call(r.emsp, http.MethodPost, "/ocpi/2.2.1/receiver/commands/START_SESSION", strings.NewReader(body), toCPO...)
	if s := r.status(a); s != ocpi.StatusHubTimeout {
		t.Fatalf("status %d: %s", s, a.body)
	}
	if got := kept("U3"); len(got) != 1 {
		t.Errorf("kept %+v", got)
	}
}

var toCPO = []string{"OCPI-to-country-code", "NL", "OCPI-to-party-id", "CP1", "OCPI-from-country-code", "DE", "OCPI-from-party-id", "EM1"}
