package conform_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/conform"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// These tests attack the process of a hub: they kill it, read its files and its
// log, and look at its memory. What only needs HTTP is a check of the T series.

// attacked is a hub with the platforms of the fixture.
type attacked struct {
	*process
	*conform.Suite
	admin *conform.Admin
}

func attack(t *testing.T, binary, database string, env ...string) *attacked {
	t.Helper()
	a := &attacked{process: &process{binary: binary, data: t.TempDir(), database: database, listen: "127.0.0.1:0", env: env}}
	if err := a.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.kill)
	a.admin = conform.NewAdmin(a.url, adminToken)
	var err error
	a.Suite, err = conform.Open(t.Context(), conform.Options{
		Operator: a.admin, ForwardTimeout: forwardTimeout, StillAlive: stillAlive, CommandGrace: commandGrace,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Suite.Close)
	return a
}

// message is a request of a party. An empty module stands for the url.
type message struct {
	from, to    *conform.Party
	method      string
	module      ocpi.Module
	iface       ocpi.Interface
	path, url   string
	body        string
	token       string // instead of the platform's
	correlation string
}

// send makes the request and returns the HTTP status and the body.
func send(ctx context.Context, m message) (int, gjson.Result, error) {
	u := m.url
	if u == "" {
		base, _ := m.from.Platform.HubEndpoint(m.module, m.iface)
		u = base + m.path
	}
	req, err := http.NewRequestWithContext(ctx, m.method, u, strings.NewReader(m.body))
	if err != nil {
		return 0, gjson.Result{}, err
	}
	if m.token == "" {
		m.token = m.from.Platform.Token()
	}
	req.Header.Set("Authorization", "Token "+base64.StdEncoding.EncodeToString([]byte(m.token)))
	if m.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if m.correlation != "" {
		req.Header.Set("X-Correlation-ID", m.correlation)
	}
	req.Header.Set("OCPI-from-country-code", m.from.CountryCode)
	req.Header.Set("OCPI-from-party-id", m.from.ID)
	if m.to != nil {
		req.Header.Set("OCPI-to-country-code", m.to.CountryCode)
		req.Header.Set("OCPI-to-party-id", m.to.ID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, gjson.Result{}, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, gjson.ParseBytes(out), err
}

// TestT08RotationSurvivesKill kills the hub at every step of PUT credentials.
// The old token works until the new one has been used, whatever was lost.
func TestT08RotationSurvivesKill(t *testing.T) {
	binary := build(t)
	t.Run("SQLite", func(t *testing.T) { killRotations(t, attack(t, binary, "")) })
	t.Run("PostgreSQL", func(t *testing.T) { killRotations(t, attack(t, binary, storetest.Postgres(t))) })
}

func killRotations(t *testing.T, hub *attacked) {
	p := hub.CPO1.Platform
	credentials, _ := p.HubEndpoint(ocpi.Credentials, ocpi.Receiver)
	works := func(token string) bool {
		status, _, err := send(t.Context(), message{from: hub.CPO1, method: http.MethodGet, url: credentials, token: token})
		return err == nil && status == http.StatusOK
	}
	old := p.Token()
	// When it is killed: at the first call-back, at the second, some time later,
	// after the answer.
	for i, after := range []time.Duration{-1, 0, 0, 500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, -2} {
		b := conform.NewToken()
		p.AlsoAccept(b)
		reached := make(chan struct{})
		var once sync.Once
		stop := p.On(func(r *conform.Request) bool { return r.Token == b }, func(r *conform.Request, _ *conform.Reply) {
			if r.Module != ocpi.VersionsModule || after == -1 {
				once.Do(func() { close(reached) })
			}
		})
		fresh := make(chan string, 1)
		go func() {
			_, r, err := send(t.Context(), message{
				from: hub.CPO1, method: http.MethodPut, url: credentials, token: old, body: p.CredentialsBody(b),
			})
			if err != nil {
				fresh <- ""
				return
			}
			fresh <- r.Get("data.token").String()
		}()
		got := ""
		if after == -2 {
			got = <-fresh
		} else {
			<-reached
			time.Sleep(max(0, after))
		}
		if err := hub.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if after != -2 {
			got = <-fresh
		}
		if !works(old) {
			t.Fatalf("kill %d: the old token opens nothing, and the new one was never used", i)
		}
		if got != "" {
			if !works(got) {
				t.Fatalf("kill %d: the new token was handed out and opens nothing", i)
			}
			if works(old) {
				t.Fatalf("kill %d: the old token still opens the hub after the new one was used", i)
			}
			old = got
		}
	}
}

// canary is what must not show up anywhere but where it belongs.
const (
	canaryUID      = "CANARY0UID7F3A9"
	canaryContract = "DE-CANARY-CONTRACT-1"
	canaryVIN      = "WVWCANARY00000042"
)

// TestT42NoSecretLeaves runs checks with all their failures at debug level, and
// then looks for tokens and drivers in log, metrics, trace and database.
func TestT42NoSecretLeaves(t *testing.T) {
	hub := attack(t, build(t), "", "EROAM_LOG_LEVEL=debug", "EROAM_METRICS_LISTEN=127.0.0.1:0", "EROAM_LOG_FORMAT=json")
	suite, err := conform.Open(t.Context(), conform.Options{
		Operator: conform.NewAdmin(hub.url, adminToken), ForwardTimeout: forwardTimeout, StillAlive: stillAlive, CommandGrace: commandGrace,
		Only: []string{"A*", "D0*", "E1*", "J*", "T02", "T05", "T38"},
	})
	if err != nil {
		t.Fatal(err)
	}
	hub.Suite.Close() // the new fixture has taken its place
	hub.Suite = suite
	t.Cleanup(suite.Close)
	for _, r := range suite.Run(t.Context()).Results {
		if r.Outcome == conform.Fail {
			t.Logf("%s failed: %s", r.ID, r.Reason) // it is judged by TestHub
		}
	}
	drivers(t, hub)
	var trace bytes.Buffer
	for _, id := range []string{"canary", "canary-error", "canary-offline"} {
		trace.Write(get(t, hub.url+"/api/v1/messages?limit=1000&correlation_id="+id))
	}
	if !strings.Contains(trace.String(), `"hmac:`) {
		t.Errorf("the trace holds no redacted body, so this test proves nothing: %s", tail(trace.Bytes(), 2000))
	}
	text, err := os.ReadFile(hub.addresses())
	if err != nil {
		t.Fatal(err)
	}
	metrics := get(t, "http://"+gjson.GetBytes(text, "metrics_listen").String()+"/metrics")
	all := get(t, hub.url+"/api/v1/messages?limit=1000")
	hub.kill() // so that nothing is written meanwhile
	log := hub.log.Bytes()
	if !bytes.Contains(log, []byte("level\":\"DEBUG\"")) && !bytes.Contains(log, []byte("request refused")) {
		t.Error("the log holds neither debug lines nor refusals, so this test proves nothing")
	}

	secrets := tokenPatterns(hub)
	people := []string{canaryUID, canaryContract, canaryVIN, strings.ToLower(canaryUID)}
	for name, text := range map[string][]byte{"log": log, "metrics": metrics} {
		absent(t, name, text, secrets...)
		absent(t, name, text, literal(people...)...)
	}
	absent(t, "answer of /api/v1/messages", append(trace.Bytes(), all...), append(secrets, literal(canaryUID, canaryContract)...)...)
	files, err := filepath.Glob(filepath.Join(hub.data, "*.db*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("no database files: %v %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		absent(t, filepath.Base(f), text, secrets...)
		if strings.HasPrefix(filepath.Base(f), "trace") {
			absent(t, filepath.Base(f), text, literal(canaryUID, canaryContract)...)
		}
	}
}

// drivers sends everything that names a driver or a car, also to receivers that
// refuse, fail and do not exist, and with bodies that are refused.
func drivers(t *testing.T, hub *attacked) {
	token := func(p *conform.Party) string {
		return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"uid":%q,"type":"RFID","contract_id":%q,"issuer":"x","valid":true,`+
			`"whitelist":"NEVER","x_vin":%q,"last_updated":"2024-01-01T00:00:00Z"}`, p.CountryCode, p.ID, canaryUID, canaryContract, canaryVIN)
	}
	e, c := hub.EMSP1, hub.CPO1
	command := func(to *conform.Party) message {
		return message{from: e, to: to, method: http.MethodPost, module: ocpi.Commands, iface: ocpi.Receiver, path: "/START_SESSION",
			body: `{"response_url":"` + e.Platform.EndpointURL(ocpi.V221, ocpi.Commands, ocpi.Sender) + `/x","location_id":"L","token":` + token(e) + `}`}
	}
	authorize := func(to *conform.Party) message {
		return message{from: c, to: to, method: http.MethodPost, module: ocpi.Tokens, iface: ocpi.Sender,
			path: "/" + canaryUID + "/authorize?type=RFID", body: `{"location_id":"` + canaryVIN + `"}`}
	}
	push := func(to *conform.Party, body string) message {
		return message{from: e, to: to, method: http.MethodPut, module: ocpi.Tokens, iface: ocpi.Receiver, path: e.Path(canaryUID), body: body}
	}
	nobody := &conform.Party{CountryCode: "ZZ", ID: "ZZZ"}
	list := []message{
		push(hub.Hub, token(e)), push(c, token(e)), push(nobody, token(e)), push(c, token(e)+"x"), push(c, token(hub.EMSP2)),
		push(c, strings.Replace(token(e), `"uid"`, `"UID":"`+canaryUID+`","uid"`, 1)), push(hub.Hub, `{"uid":"`+canaryUID+`","contract_id":7}`),
		authorize(e), authorize(nil), authorize(nobody), command(c), command(nobody), command(nil),
		{from: c, to: e, method: http.MethodPost, module: ocpi.Tokens, iface: ocpi.Sender, path: "/%2e%2e%2f" + canaryUID + "/authorize"},
		{from: c, to: e, method: http.MethodGet, module: ocpi.Tokens, iface: ocpi.Receiver, path: e.Path(canaryUID)},
	}
	for i, m := range list {
		m.correlation = "canary"
		if _, _, err := send(t.Context(), m); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	// The receiver answers with the token that it got, as an error and as garbage, and never.
	for _, change := range []func(r *conform.Request, reply *conform.Reply){
		func(r *conform.Request, reply *conform.Reply) {
			reply.HTTP, reply.Status, reply.Message = 500, 3000, "refused: "+r.Header.Get("Authorization")
		},
		func(r *conform.Request, reply *conform.Reply) {
			reply.HTTP, reply.Status, reply.Message = 200, 2000, "unknown token "+r.Token
		},
		func(r *conform.Request, reply *conform.Reply) {
			reply.HTTP, reply.Body = 200, "<"+r.Target+string(r.Body)+r.Token
		},
		func(_ *conform.Request, reply *conform.Reply) { reply.Cut = true },
	} {
		undo := []func(){c.Platform.On(conform.Functional(), change), e.Platform.On(conform.Functional(), change)}
		for _, m := range []message{push(c, token(e)), authorize(e), command(c)} {
			m.correlation = "canary-error"
			_, r, err := send(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			absent(t, "answer to the sender", []byte(r.Raw), tokenPatterns(hub)...)
		}
		for _, f := range undo {
			f()
		}
	}
	for _, p := range []*conform.Party{c, e} {
		p.Platform.Stop()
	}
	for _, m := range []message{push(c, token(e)), authorize(e), command(c)} {
		m.correlation = "canary-offline"
		if _, _, err := send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(1500 * time.Millisecond) // the trace is written within a second
}

// tokenPatterns match every credentials token of the run, and the admin token,
// as they are and in Base64 at any offset.
func tokenPatterns(hub *attacked) []*regexp.Regexp {
	out := []*regexp.Regexp{
		regexp.MustCompile(`conform-[A-Z2-7]{20}`), regexp.MustCompile(`(?i)eroam_[A-Z2-7]{20}`),
		regexp.MustCompile(`Y29uZm9ybS[A-Za-z0-9+/]{20}`), regexp.MustCompile(`ZXJvYW1f[A-Za-z0-9+/]{20}`),
		regexp.MustCompile(`(?i)Token [A-Za-z0-9+/]{20}`),
	}
	var literals []string
	for _, p := range hub.Platforms {
		literals = append(literals, p.Token(), p.TokenA)
	}
	literals = append(literals, adminToken)
	for _, s := range literals {
		out = append(out, literal(s, base64.StdEncoding.EncodeToString([]byte(s)))...)
	}
	return out
}

func literal(list ...string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, s := range list {
		if s != "" {
			out = append(out, regexp.MustCompile(regexp.QuoteMeta(s)))
		}
	}
	return out
}

func absent(t *testing.T, where string, text []byte, patterns ...*regexp.Regexp) {
	t.Helper()
	for _, p := range patterns {
		if at := p.FindIndex(text); at != nil {
			t.Errorf("%s holds %s: … %q …", where, p, text[max(0, at[0]-200):min(len(text), at[1]+100)])
		}
	}
}

// get reads a URL with the admin token.
func get(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: HTTP %d %s %v", url, resp.StatusCode, out, err)
	}
	return out
}
