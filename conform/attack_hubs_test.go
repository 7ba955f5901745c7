package conform_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/conform"
	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// TestT20HubsDoNotLoop connects two hubs, each of which believes that a party
// is behind the other, and a third, careless one behind both that sends back
// everything. A message passes each hub once at most, and its sender is told.
func TestT20HubsDoNotLoop(t *testing.T) {
	binary := build(t)
	a, b := attack(t, binary, ""), attack(t, binary, "", "EROAM_HUB=DE*HBB")
	lost := conform.Role{CountryCode: a.EMSP9.CountryCode, PartyID: a.EMSP9.ID, Role: ocpi.RoleEMSP}
	cpo := conform.Role{CountryCode: a.CPO9.CountryCode, PartyID: a.CPO9.ID, Role: ocpi.RoleCPO}
	careless := conform.Role{CountryCode: a.HUB2.CountryCode, PartyID: a.HUB2.ID, Role: ocpi.RoleHub}

	// a: CPO9 behind the careless hub, EMSP9 behind b.
	// b: CPO9 behind a, EMSP9 behind the careless hub, which sends on to a.
	grant(t, a, a.EMSP9.Platform.ID, careless, cpo)
	grant(t, b, b.EMSP9.Platform.ID, careless, lost)
	atA, err := a.admin.Invite(t.Context(), conform.Invitation{Name: "b", Roles: []conform.Role{{CountryCode: "DE", PartyID: "HBB", Role: ocpi.RoleHub}, lost}})
	if err != nil {
		t.Fatal(err)
	}
	atB, err := b.admin.Invite(t.Context(), conform.Invitation{Name: "a", Roles: []conform.Role{{CountryCode: "DE", PartyID: "HUB", Role: ocpi.RoleHub}, cpo}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.admin.Connect(t.Context(), atB.ID, atA.VersionsURL, atA.TokenA); err != nil {
		t.Fatal(err)
	}
	for _, keepVia := range []bool{true, false} {
		stop := b.EMSP9.Platform.On(conform.Functional(), func(r *conform.Request, reply *conform.Reply) {
			sendBack(t, a, r, reply, keepVia)
		})
		id := fmt.Sprintf("T20-%v", keepVia)
		r := loopOnce(t, a, id)
		if status := r.Get("status_code").Int(); status/1000 != 4 {
			t.Errorf("via kept: %v: want a 4xxx status, got %s", keepVia, r.Raw)
		}
		if n := len(b.EMSP9.Platform.Seen(conform.About(id))); n != 1 {
			t.Errorf("via kept: %v: the careless hub got the message %d times", keepVia, n)
		}
		stop()
	}

	// Now b believes that EMSP9 is behind a: the two list each other.
	grant(t, b, b.EMSP9.Platform.ID, careless)
	grant(t, b, atB.ID, conform.Role{CountryCode: "DE", PartyID: "HUB", Role: ocpi.RoleHub}, cpo, lost)
	if r := loopOnce(t, a, "T20-mutual"); r.Get("status_code").Int()/1000 != 4 {
		t.Errorf("two hubs that list each other: want a 4xxx status, got %s", r.Raw)
	}
	broadcast := message{
		from: a.CPO9, to: a.Hub, method: http.MethodPut, module: ocpi.Locations, iface: ocpi.Receiver,
		path: a.CPO9.Path("T20-all"), body: place("T20-all", a.CPO9), correlation: "T20-all",
	}
	if _, r, err := send(t.Context(), broadcast); err != nil || r.Get("status_code").Int() != ocpi.StatusSuccess {
		t.Errorf("broadcast: %s %v", r.Raw, err)
	}
	time.Sleep(1500 * time.Millisecond) // the trace is written within a second
	before := traffic(t, a, b)
	time.Sleep(1500 * time.Millisecond)
	if after := traffic(t, a, b); after != before {
		t.Errorf("the traffic goes on: %s, then %s", before, after)
	}
	t.Logf("messages at the two hubs: %s", before)
}

func grant(t *testing.T, hub *attacked, platform string, roles ...conform.Role) {
	t.Helper()
	if err := hub.admin.Grant(t.Context(), platform, roles); err != nil {
		t.Fatal(err)
	}
}

func place(id string, owner *conform.Party) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"publish":true,"address":"x","city":"y","country":"NLD",`+
		`"coordinates":{"latitude":"52.370216","longitude":"4.895168"},"time_zone":"Europe/Amsterdam","last_updated":"2024-01-01T00:00:00Z"}`,
		owner.CountryCode, owner.ID, id)
}

// loopOnce lets CPO9 push a location to EMSP9 through a.
func loopOnce(t *testing.T, a *attacked, id string) gjson.Result {
	t.Helper()
	_, r, err := send(t.Context(), message{
		from: a.CPO9, to: a.EMSP9, method: http.MethodPut, module: ocpi.Locations, iface: ocpi.Receiver,
		path: a.CPO9.Path(id), body: place(id, a.CPO9), correlation: id,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sendBack posts what a careless hub got to the hub a again, with the token
// that it has there.
func sendBack(t *testing.T, a *attacked, r *conform.Request, reply *conform.Reply, keepVia bool) {
	endpoint, _ := a.CPO9.Platform.HubEndpoint(r.Module, r.Interface)
	req, err := http.NewRequestWithContext(t.Context(), r.Method, endpoint+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		t.Error(err)
		return
	}
	for name, v := range r.Header {
		if strings.HasPrefix(name, "Ocpi-") && (keepVia || name != "Ocpi-Hub-Via") || strings.HasPrefix(name, "X-") || name == "Content-Type" {
			req.Header[name] = v
		}
	}
	req.Header.Set("Authorization", ocpi.FormatAuthorization(a.CPO9.Platform.Token(), ocpi.EncodingBase64))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	reply.HTTP, reply.Body = resp.StatusCode, string(body)
}

// traffic is how many messages of this test each hub has recorded.
func traffic(t *testing.T, hubs ...*attacked) string {
	t.Helper()
	out := ""
	for _, h := range hubs {
		for _, id := range []string{"T20-true", "T20-false", "T20-mutual", "T20-all"} {
			n := len(gjson.GetBytes(get(t, h.url+"/api/v1/messages?limit=1000&correlation_id="+id), "items").Array())
			out += fmt.Sprintf(" %s:%d", id, n)
		}
	}
	return out
}
