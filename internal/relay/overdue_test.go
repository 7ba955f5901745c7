package relay_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

func grace(d time.Duration) func(*relay.Options) {
	return func(o *relay.Options) { o.Grace = d }
}

func (p *pair) results() (out []string) {
	for _, r := range p.emsp.Received() {
		_, result, _ := strings.Cut(r.Body, `"result":"`)
		result, _, _ = strings.Cut(result, `"`)
		out = append(out, result)
	}
	return out
}

// An accepted command without a result is reported as TIMEOUT, once, also when
// the hub was restarted in between; then the URL leads nowhere.
func TestOverdueIsReportedOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t, grace(time.Millisecond))
	first := p.command("START_SESSION", accepted)
	second := p.command("RESERVE_NOW", accepted)
	p.command("STOP_SESSION", `{"result":"REJECTED","timeout":0}`)
	answered := p.command("UNLOCK_CONNECTOR", accepted)
	if _, err := p.call(p.cpo, "POST", answered, `{"result":"ACCEPTED"}`); err != nil {
		t.Fatal(err)
	}
	p.Reopen()
	stop := p.Run()
	deliverytest.Eventually(t, "two TIMEOUTs come", func() bool { return len(p.results()) == 3 })
	got := p.emsp.Received()[1]
	if got.URL != "/result?x=1&y=2" || got.Header.Get("Ocpi-From-Party-Id") != "CP1" || got.Header.Get("Ocpi-To-Party-Id") != "EM1" {
		t.Errorf("the TIMEOUT came as %+v", got)
	}
	time.Sleep(1100 * time.Millisecond) // one more tick
	stop()
	if got := strings.Join(p.results(), " "); got != "ACCEPTED TIMEOUT TIMEOUT" {
		t.Errorf("results: %s", got)
	}
	for _, ours := range []string{first, second} {
		_, err := p.call(p.cpo, "POST", ours, `{"result":"ACCEPTED"}`)
		wantStatus(t, err, 404, 2000)
	}
}

// A result that is on its way when it falls due is not followed by a TIMEOUT.
func TestNoTimeoutBesideAResult(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"START_SESSION", "RESERVE_NOW"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, grace(time.Millisecond), func(o *relay.Options) { o.Timeout = 1500 * time.Millisecond })
			ours := p.command(command, accepted)
			arrived, release := make(chan struct{}), make(chan struct{})
			p.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) {
				close(arrived)
				<-release
				ocpi.WriteEnvelope(w, 200, 1000, "", nil)
			})
			done := make(chan error, 1)
			go func() {
				_, err := p.call(p.cpo, "POST", ours, `{"result":"ACCEPTED"}`)
				done <- err
			}()
			<-arrived
			p.Run()
			time.Sleep(1200 * time.Millisecond) // the result is due, and somebody looks
			p.emsp.Answers(nil)
			close(release)
			if err := <-done; err != nil {
				t.Error(err)
			}
			time.Sleep(2100 * time.Millisecond)
			if got := strings.Join(p.results(), " "); got != "ACCEPTED" {
				t.Errorf("results: %s", got)
			}
		})
	}
}

// What is learned from traffic is there after a restart, under the key that
// open routing asks for.
func TestOwnersAreLearned(t *testing.T) {
	p := newPair(t)
	cpo, emsp := p.cpo.Party(ocpi.RoleCPO), p.emsp.Party(ocpi.RoleEMSP)
	send := func(from, to *relaytest.Partner, data string, m ocpi.Module, i ocpi.Interface, method, path, body string, c routing.Content) {
		t.Helper()
		if data == "" {
			to.Answers(nil)
		} else {
			to.Data(data)
		}
		f, target := cpo, emsp
		if from == p.emsp {
			f, target = emsp, cpo
		}
		x := exchange(f, target, m, i, method, path, body)
		x.Request.Content = c
		if _, err := p.Relay.Forward(context.Background(), x); err != nil {
			t.Fatal(err)
		}
	}
	const S, R = ocpi.Sender, ocpi.Receiver
	url := `{"response_url":"` + p.emsp.URL + `/x"}`
	send(p.cpo, p.emsp, "", ocpi.Sessions, R, "PUT", "nl/cp1/S1", `{}`, routing.Content{})
	send(p.cpo, p.emsp, "", ocpi.Locations, R, "PUT", "NL/CP1/L1", `{}`, routing.Content{})
	send(p.emsp, p.cpo, "", ocpi.Tokens, R, "PUT", "DE/EM1/T1", `{}`, routing.Content{TokenType: "APP_USER"})
	send(p.cpo, p.emsp, `{"allowed":"ALLOWED"}`, ocpi.Tokens, S, "POST", "T2/authorize", ``, routing.Content{})
	send(p.cpo, p.emsp, `{"allowed":"BLOCKED"}`, ocpi.Tokens, S, "POST", "T3/authorize", ``, routing.Content{})
	send(p.emsp, p.cpo, accepted, ocpi.Commands, R, "POST", "RESERVE_NOW", url, routing.Content{ReservationID: "R1"})
	send(p.emsp, p.cpo, `{"result":"REJECTED"}`, ocpi.Commands, R, "POST", "RESERVE_NOW", url, routing.Content{ReservationID: "R2"})
	send(p.emsp, p.cpo, accepted, ocpi.ChargingProfiles, R, "PUT", "S1", url, routing.Content{})
	p.Reopen()
	for key, want := range map[routing.Key]string{
		{Kind: routing.KindSession, ID: ocpi.FoldID("S1")}:             "NL-CP1",
		routing.DriverKey([]string{"NL", "CP1", "S1"}):                 "DE-EM1",
		{Kind: routing.KindLocation, ID: ocpi.FoldID("l1")}:            "NL-CP1",
		{Kind: routing.KindToken, ID: ocpi.TokenKey("T1", "APP_USER")}: "DE-EM1",
		{Kind: routing.KindToken, ID: ocpi.TokenKey("T1", "RFID")}:     "",
		{Kind: routing.KindToken, ID: ocpi.TokenKey("t2", "")}:         "DE-EM1",
		{Kind: routing.KindToken, ID: ocpi.TokenKey("T3", "")}:         "",
		routing.ReservationKey(emsp.ID, "R1"):                          "NL-CP1",
		routing.ReservationKey(emsp.ID, "R2"):                          "",
		routing.ProfileKey(cpo.ID, "S1"):                               "DE-EM1",
	} {
		owners, err := p.Relay.Owners(context.Background(), key)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, o := range owners {
			got += o.String()
		}
		if got != want {
			t.Errorf("%v is owned by %q, want %q", key, got, want)
		}
	}
}

// A page, or a posted CDR, is given out only while the agreement covers its
// module; a result only while there is an agreement.
func TestCapabilityEndsWithTheAgreement(t *testing.T) {
	h := relaytest.New(t, false)
	p := &pair{h, t, h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, deliverytest.Grant("DE-EM1", ocpi.RoleEMSP))}
	agree := func(scope ...party.Scope) {
		t.Helper()
		if err := p.Registry.PutAgreement(context.Background(), party.Agreement{
			ID: "a", CPO: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, EMSP: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}, Scope: scope,
		}); err != nil {
			t.Fatal(err)
		}
	}
	agree()
	p.cpo.Answers(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", `</s/locations?2>; rel="next"`)
		ocpi.WriteEnvelope(w, 200, 1000, "", []byte(`[]`))
	})
	a, err := p.Relay.Forward(context.Background(), exchange(p.emsp.Party(ocpi.RoleEMSP), p.cpo.Party(ocpi.RoleCPO), ocpi.Locations, ocpi.Sender, "GET", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	ours, late := p.command("START_SESSION", accepted), p.command("START_SESSION", accepted)
	agree("cdrs")
	n := len(p.cpo.Received())
	_, err = p.call(p.emsp, "GET", a.Link, "")
	wantStatus(t, err, 404, 2000)
	if len(p.cpo.Received()) != n {
		t.Error("a page was fetched though the agreement no longer covers it")
	}
	if _, err := p.call(p.cpo, "POST", ours, `{"result":"ACCEPTED"}`); err != nil {
		t.Errorf("a result of a command that was allowed: %v", err)
	}
	if err := p.Registry.DeleteAgreement(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	_, err = p.call(p.cpo, "POST", late, `{"result":"ACCEPTED"}`)
	wantStatus(t, err, 404, 2000)
	agree()
	if err := p.Registry.Remove(context.Background(), p.emsp.ID); err != nil {
		t.Fatal(err)
	}
	_, err = p.call(p.cpo, "POST", late, `{"result":"ACCEPTED"}`)
	wantStatus(t, err, 404, 2000)
	if n := len(p.results()); n != 1 {
		t.Errorf("%d results were delivered, want 1", n)
	}
}
