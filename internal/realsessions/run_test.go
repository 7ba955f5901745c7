package realsessions

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
)

// The ledger finds the faults that were put into real sessions, and nothing else
// of consequence; its sums are those of exact arithmetic.
func TestSample(t *testing.T) { replay(t, "testdata", "testdata") }

// The same with all sessions there are.
func TestAllSessions(t *testing.T) {
	dir := os.Getenv("EROAM_TEST_DATA")
	if dir == "" {
		t.Skip("NOT TESTED ON ALL REAL SESSIONS: EROAM_TEST_DATA does not name a directory with the data")
	}
	replay(t, filepath.Join(dir, "sessions"), filepath.Join(dir, "ocpi-nl"))
}

func replay(t *testing.T, sessions, network string) {
	now := time.Now().UTC().Truncate(time.Second)
	list, unusable := readSessions(t, sessions, now)
	w := &world{t: t, now: now, unusable: unusable, operators: readOperators(t, network), books: newBooks()}
	registers := map[string]int64{}
	for _, s := range list {
		c := &charge{session: s}
		c.place(w.operators, registers)
		w.must(c.bill())
		w.charges = append(w.charges, c)
	}
	w.seeded = seed(w.charges, rand.New(rand.NewPCG(5, 26)))
	for f, days := range map[fault]int{late: lateAfter, veryLate: veryLateAfter} {
		for n, c := range w.seeded[f] {
			c.earlier(now, days+n%spread)
			w.must(c.bill())
		}
	}
	mark(w.charges)
	w.open()
	w.publish()
	w.send()
	w.complete()
	w.report()
}

// earlier moves a session by whole days, so that it ended so many days ago.
func (c *charge) earlier(now time.Time, days int) {
	by := (time.Duration(days)*24*time.Hour - now.Sub(c.end)).Truncate(24 * time.Hour)
	c.start, c.until, c.end = c.start.Add(-by), c.until.Add(-by), c.end.Add(-by)
}

// world is a hub, its partners and what they have done.
type world struct {
	t         *testing.T
	now       time.Time
	unusable  int // sessions that no CDR can be made of
	operators []*operator
	charges   []*charge
	seeded    map[fault][]*charge
	hub       *blackbox.Hub
	cpos      map[string]*blackbox.Partner // by party id
	emsps     map[string]*blackbox.Partner // by "DE-EM1"
	books     *books
	took      time.Duration
}

// known is how long the hub has had the tariffs before the sessions.
const known = 5 * 365 * 24 * time.Hour

// open starts a hub that has had the tariffs for years.
func (w *world) open() {
	dir := w.t.TempDir()
	binary, err := blackbox.Build(dir)
	w.must(err)
	addr, err := blackbox.FreeAddress()
	w.must(err)
	w.hub = &blackbox.Hub{Binary: binary, Data: filepath.Join(dir, "data"), Addr: addr, Settings: []string{"EROAM_LOG_LEVEL=warn"}}
	var tariffs []blackbox.Tariff
	for _, o := range w.operators {
		for _, v := range o.tariffs {
			tariffs = append(tariffs, blackbox.Tariff{Owner: blackbox.Party{Country: "NL", ID: o.id}, ID: v.id, Body: v.body})
		}
	}
	w.must(w.hub.Remember(w.t.Context(), w.now.Add(-known), tariffs))
	_, err = w.hub.Start(w.t.Context())
	w.must(err)
	w.t.Cleanup(func() {
		w.hub.Kill()
		if w.t.Failed() {
			b, _ := os.ReadFile(w.hub.LogFile())
			w.t.Logf("the end of the hub's log:\n%s", b[max(0, len(b)-4000):])
		}
	})
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

const connections = 32

// publish registers everybody, and publishes locations, tariffs and tokens.
func (w *world) publish() {
	ctx := w.t.Context()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	partner := func(name, role string, s string) *blackbox.Partner {
		p := blackbox.Party{Country: name[:2], ID: name[3:], Role: role}
		token, err := w.hub.Register(p, s+"/versions")
		w.must(err)
		return &blackbox.Partner{Party: p, Hub: w.hub, Token: token, Client: client}
	}
	taker := blackbox.Platform(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		blackbox.Answer(rw, http.StatusOK, 1000, nil)
	}), blackbox.Endpoint{Identifier: "cdrs", Role: "RECEIVER", URL: "/cdrs"}, blackbox.Endpoint{Identifier: "sessions", Role: "RECEIVER", URL: "/sessions"})
	w.t.Cleanup(taker.Close)
	giver := blackbox.Platform(nil, blackbox.Endpoint{Identifier: "cdrs", Role: "SENDER", URL: "/cdrs"})
	w.t.Cleanup(giver.Close)
	w.cpos, w.emsps = map[string]*blackbox.Partner{}, map[string]*blackbox.Partner{}
	for _, name := range providers {
		w.emsps[name] = partner(name, "EMSP", taker.URL)
	}
	var puts []func() error
	put := func(p *blackbox.Partner, path string, body []byte) {
		puts = append(puts, func() error {
			_, err := p.Must(ctx, http.MethodPut, path, blackbox.HubParty, body)
			return err
		})
	}
	for _, o := range w.operators {
		cpo := partner("NL-"+o.id, "CPO", giver.URL)
		w.cpos[o.id] = cpo
		for _, l := range o.locations {
			put(cpo, "receiver/locations/NL/"+o.id+"/"+url.PathEscape(l.id), l.body)
		}
		for _, v := range o.tariffs {
			put(cpo, "receiver/tariffs/NL/"+o.id+"/"+url.PathEscape(v.id), v.body)
		}
	}
	tokens := map[string]bool{}
	for _, c := range w.charges {
		if tokens[c.user] {
			continue
		}
		tokens[c.user] = true
		put(w.emsps[c.provider], "receiver/tokens/"+c.provider[:2]+"/"+c.provider[3:]+"/"+c.user+"?type=RFID", encode(map[string]any{
			"country_code": c.provider[:2], "party_id": c.provider[3:], "uid": c.user, "type": "RFID", "contract_id": c.contract(), "issuer": "issuer", "valid": true, "whitelist": "ALLOWED",
			"last_updated": at(w.now.Add(-known)),
		}))
	}
	w.agree(4)
	w.must(together(puts))
}

// agree makes the agreements: CDRs are approved when they are delivered.
func (w *world) agree(missingHours int) {
	for _, cpo := range w.cpos {
		for _, emsp := range w.emsps {
			w.must(w.hub.Agree(cpo.Party, emsp.Party, map[string]any{
				"approve_after_seconds": 0, "currency": "EUR",
				"cdr_checks": map[string]any{"late_warn_days": lateDays, "late_hold_days": holdDays, "missing_cdr_hours": missingHours},
			}))
		}
	}
}

// together does all of them, some at a time, and returns the first error.
func together(all []func() error) error {
	next := make(chan func() error)
	failed := make(chan error, connections)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for do := range next {
				if err := do(); err != nil {
					failed <- err
					for range next { // nobody waits for us
					}
					return
				}
			}
		})
	}
	for _, do := range all {
		next <- do
	}
	close(next)
	wg.Wait()
	close(failed)
	return errors.Join(<-failed)
}

// send has everything sent, sessions before their CDRs, in any other order.
func (w *world) send() {
	var sessions, cdrs []func() error
	for _, c := range w.charges {
		if c.fault != sessionLater {
			sessions = append(sessions, func() error { return w.putSession(c, c.end.Add(30*time.Second)) })
		}
		cdrs = append(cdrs, func() error { return w.way(c) })
	}
	w.must(together(sessions))
	rand.New(rand.NewPCG(7, 7)).Shuffle(len(cdrs), func(i, j int) { cdrs[i], cdrs[j] = cdrs[j], cdrs[i] })
	began := time.Now()
	w.must(together(cdrs))
	w.took = time.Since(began)
}

func (w *world) putSession(c *charge, updated time.Time) error {
	cpo := w.cpos[c.operator.id]
	_, err := cpo.Must(w.t.Context(), http.MethodPut, "receiver/sessions/NL/"+c.operator.id+"/S-"+c.id, w.emsps[c.provider].Party, c.sessionBody(updated))
	return err
}

// complete has every session updated once more, as its last, under agreements that
// leave no time for CDRs: those without one are missing one.
func (w *world) complete() {
	w.agree(0)
	var sessions []func() error
	for _, c := range w.charges {
		sessions = append(sessions, func() error { return w.putSession(c, later(c.end.Add(2*time.Minute), w.now)) })
	}
	w.must(together(sessions))
	w.hub.Kill() // a hub looks at once when it starts, and then now and then
	_, err := w.hub.Start(w.t.Context())
	w.must(err)
	r, err := w.hub.Ledger(w.t.Context())
	w.must(err)
	defer func() { _ = r.Close() }()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		due, err := r.DueSessions(w.t.Context(), time.Now().UnixMicro(), 1)
		w.must(err)
		if len(due) == 0 {
			return
		}
	}
	w.t.Error("the sessions were not looked at")
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// way is what the operator sends of a session.
func (w *world) way(c *charge) error {
	original := c.cdr
	c.alter()
	switch c.fault {
	case missing:
		return nil
	case creditUnknown:
		if err := w.post(c, creditOf(original, c.id+"-C"), "C05"); err != nil {
			return err
		}
	}
	if err := w.post(c, c.cdr, ""); err != nil {
		return err
	}
	rebill := func(id string) map[string]any {
		v := copied(c.cdr)
		v["id"] = id
		return v
	}
	credit := creditOf(copied(c.cdr), c.id+"-C")
	var then []func() error
	add := func(cdr map[string]any, refused string) {
		then = append(then, func() error { return w.post(c, cdr, refused) })
	}
	switch c.fault {
	case again:
		add(c.cdr, "")
	case conflict:
		add(plus(c.cdr, 10), "C03")
		add(c.cdr, "")
	case second:
		add(rebill(c.id+"-2"), "")
	case credited:
		add(credit, "")
	case corrected:
		add(credit, "")
		add(rebill(c.id+"-2"), "")
	case badCredit:
		add(plus(credit, 1), "C05")
	case creditTwice:
		add(credit, "")
		twice := copied(credit)
		twice["id"] = c.id + "-C2"
		add(twice, "C05")
	case creditUnknown:
		add(credit, "")
	case creditCredit:
		add(credit, "")
		of := creditOf(credit, c.id+"-C2")
		add(of, "C05")
	case sessionLater:
		then = append(then, func() error { return w.putSession(c, c.end.Add(30*time.Second)) })
	}
	for _, do := range then {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// post sends a CDR. Refused is the check that is to refuse it.
func (w *world) post(c *charge, cdr map[string]any, refused string) error {
	r, err := w.cpos[c.operator.id].Send(w.t.Context(), http.MethodPost, "receiver/cdrs", w.emsps[c.provider].Party, encode(cdr))
	if err != nil {
		return err
	}
	said, _, _ := strings.Cut(strings.TrimPrefix(r.Message, "id: "), ":")
	if r.Accepted() != (refused == "") || refused != "" && (r.Status != 2001 || said != refused) {
		w.books.complain(fmt.Sprintf("%s %s (%s): %s, want %q", c.key(), cdr["id"], c.fault, &r, refused))
	}
	w.books.note(c, cdr, r.Accepted(), said)
	return nil
}
