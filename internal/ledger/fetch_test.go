package ledger_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/ocpi"
)

// suspend stops the provider's platform, or lets it go on.
func (r *rig) suspend(stop bool) {
	r.t.Helper()
	if err := r.Registry.Update(r.t.Context(), r.emsp.ID, party.Update{Suspended: &stop}); err != nil {
		r.t.Fatal(err)
	}
}

// A provider that has no interface to be sent CDRs reads the list: nothing waits
// for it, also while it cannot be reached.
func TestProviderThatFetches(t *testing.T) {
	for name, away := range map[string]func(*rig){
		"connected": func(*rig) {},
		"offline":   func(r *rig) { r.offline(true) },
		"suspended": func(r *rig) { r.suspend(true) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.agree(normal)
			r.emsp.Lacks(ocpi.CDRs, ocpi.Receiver)
			away(r)
			r.accept(cdr("C1"))
			c := r.is("C1", ledger.StatePresented, ledger.MailNone)
			if days := time.Until(time.UnixMicro(c.Deadline)).Hours() / 24; days < 9.9 {
				t.Errorf("it is approved in %v days", days)
			}
			r.accept(creditOf(cdr("C1"), "C1", "K1"))
			r.is("K1", ledger.StateApproved, ledger.MailNone)
			if n := len(r.emsp.Received()); n != 0 {
				t.Errorf("%d requests", n)
			}
			r.sound()
		})
	}
}

// What waits for a provider that turns out to read the list waits no longer; who
// has told nothing about itself may take it yet.
func TestProviderBeginsToFetch(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	body := cdr("C1")
	r.accept(body)
	r.accept(creditOf(body, "C1", "K1"))
	r.answers(http.StatusOK, ocpi.StatusUnknownLocation, "")
	r.is("C1", ledger.StateValid, ledger.MailWaiting)
	r.run()
	r.emsp.Lacks(ocpi.CDRs, ocpi.Receiver)
	r.eventually("available", func() bool { return r.cdr("K1").Mail == ledger.MailNone })
	r.is("C1", ledger.StateResolved, ledger.MailNone)
	r.is("K1", ledger.StateApproved, ledger.MailNone)
	if k := r.kinds("C1"); k != "received presented credited" {
		t.Errorf("events %s", k)
	}
	r.accept(body)
	r.sound()
}

// A provider that was disconnected may come back with any interface: what it is
// owed waits.
func TestDisconnectedProvider(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	a, err := r.Registry.Authenticate(t.Context(), relaytest.Bearer(r.emsp.TokenC))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Registry.Credentials(t.Context(), a, ocpi.V221, http.MethodDelete, nil); err != nil {
		t.Fatal(err)
	}
	r.accept(cdr("C1"))
	r.is("C1", ledger.StateValid, ledger.MailWaiting)
	r.sound()
}
