package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

// perSecond is how many CDRs arrive in a second, from all CPOs together; atOnce
// how many may wait for their answers, also of a hub that has just been killed.
const (
	perSecond = 200
	atOnce    = 1000
)

// bills is a hub with CPOs that send CDRs to providers.
type bills struct {
	t      testing.TB
	hub    *hub
	cpos   []*biller
	emsps  []*payer
	count  *billing
	places chan struct{}
	all    sync.WaitGroup
}

func newBills(t testing.TB, h *hub, rnd *rand.Rand) *bills {
	h.Settings = append(h.Settings, "EROAM_FORWARD_TIMEOUT=1s", "EROAM_LOG_LEVEL=warn", fmt.Sprintf("EROAM_LIMITS_CONCURRENT=%d", atOnce))
	b := &bills{t: t, hub: h, count: &billing{}, places: make(chan struct{}, atOnce)}
	b.count.wrong.tried = map[cell]value{}
	h.start(t)
	var emsps []blackbox.Party
	for i := range 4 {
		e := newPayer(t, blackbox.Party{Country: "DE", ID: fmt.Sprintf("EM%d", i+1), Role: "EMSP"}, b.count)
		e.token = b.register(e.Party, "http://"+e.addr+"/versions")
		b.emsps, emsps = append(b.emsps, e), append(emsps, e.Party)
	}
	dir := t.TempDir()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 400}}
	for i := range 3 {
		p := blackbox.Party{Country: "NL", ID: fmt.Sprintf("CP%d", i+1), Role: "CPO"}
		s := blackbox.Platform(nil, blackbox.Endpoint{Identifier: "cdrs", Role: "SENDER", URL: "/cdrs"})
		t.Cleanup(s.Close)
		c := &biller{
			Partner: &blackbox.Partner{Party: p, Hub: h.Hub, Token: b.register(p, s.URL+"/versions"), Client: client}, emsps: emsps,
			journal: openJournal(t, dir, p), count: b.count, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0)),
		}
		b.cpos = append(b.cpos, c)
		for _, e := range emsps {
			err := h.Agree(p, e, map[string]any{"approve_after_seconds": 0, "currency": "EUR", "cdr_checks": map[string]any{
				"severity": map[string]string{"C16": "off"}, // no token is published
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Must(t.Context(), http.MethodPut, "receiver/tariffs/NL/"+p.ID+"/T1", blackbox.HubParty, fmt.Appendf(nil, billTariff, p.ID)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bills) register(p blackbox.Party, versions string) string {
	token, err := b.hub.Register(p, versions)
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// arrive has CDRs arrive until the returned function is called, which waits for
// the last answer.
func (b *bills) arrive() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	b.all.Go(func() {
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			b.send(b.cpos[n%len(b.cpos)])
		}
	})
	return func() {
		cancel()
		b.all.Wait()
	}
}

// send lets a CPO send its next CDR, once there is a place.
func (b *bills) send(c *biller) {
	b.places <- struct{}{}
	b.all.Go(func() {
		defer func() { <-b.places }()
		c.deliver(c.newBill())
	})
}

// flap has the providers come and go until the returned function is called; after
// that all of them are well.
func (b *bills) flap(rnd *rand.Rand) (stop func()) {
	ended, all := make(chan struct{}), sync.WaitGroup{}
	for i, modes := range [][]mode{{well, slow}, {well, well, gone}, {well, well, broken, cut}, {well, well, hang, gone, broken}} {
		e, seed := b.emsps[i], rnd.Uint64()
		all.Go(func() { e.flap(ended, seed, modes...) })
	}
	return func() {
		close(ended)
		all.Wait()
		for _, e := range b.emsps {
			e.set(well)
		}
	}
}

// lives waits until the hub has accepted some CDRs, but not for ever.
func (b *bills) lives(cdrs int64, limit time.Duration) {
	before := b.count.accepted.Load()
	for until := time.Now().Add(limit); b.count.accepted.Load() < before+cdrs && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
}

// waiting returns how many CDRs wait for their delivery.
func (b *bills) waiting() int {
	r := b.ledger()
	defer func() { _ = r.Close() }()
	n := 0
	err := r.EachCDR(b.t.Context(), store.CDRQuery{Mail: ledger.MailWaiting}, func(store.LedgerCDR) error { n++; return nil })
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *bills) ledger() *store.Reader {
	r, err := b.hub.Ledger(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// How long the hub has to deliver what waits, and how long a provider that is
// broken must have been left alone.
const (
	settleBills = 10 * time.Minute
	leftAlone   = 7 * time.Second
)

// settle waits until no CDR waits. A CDR that failed often is due in hours; the hub
// hurries them when a provider that it has given up for the moment is back. So each
// provider fails once more, until the hub leaves it alone.
func (b *bills) settle() {
	for _, e := range b.emsps {
		e.set(broken)
	}
	for range 12 {
		for _, c := range b.cpos {
			b.send(c)
		}
	}
	b.all.Wait()
	for _, e := range b.emsps {
		b.all.Go(func() {
			for last := int64(-1); last != e.failed.Load(); time.Sleep(leftAlone) {
				last = e.failed.Load()
			}
			e.set(well)
		})
	}
	b.all.Wait()
	for until := time.Now().Add(settleBills); ; time.Sleep(200 * time.Millisecond) {
		n := b.waiting()
		if n > 0 && time.Now().After(until) {
			b.t.Errorf("%d CDRs still wait after %v", n, settleBills)
		}
		if n == 0 || time.Now().After(until) {
			return
		}
	}
}

// However often the hub is killed while CDRs arrive and their receivers come and
// go, no CDR is lost that a CPO was told is accepted, none counts twice, and the
// accounts are right to the cent.
func TestCDRsSurviveKills(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		billUnderKills(t, sqlite, rounds(t, "EROAM_SOAK_SQLITE", 2))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		billUnderKills(t, func() string { return storetest.Postgres(t) }, rounds(t, "EROAM_SOAK_POSTGRES", 1))
	})
}

func sqlite() string { return "" }

func billUnderKills(t *testing.T, database func() string, rounds int) {
	if rounds == 0 {
		t.Skip("no rounds were asked for")
	}
	h, rnd := newHub(t, database()), random(t)
	b := newBills(t, h, rnd)
	began := time.Now()
	still, stop := b.flap(rnd), b.arrive()
	for round := range rounds {
		b.lives(100, 30*time.Second)
		time.Sleep(time.Duration(rnd.IntN(1500)) * time.Millisecond)
		h.Kill()
		h.start(t)
		for _, c := range b.cpos {
			b.all.Go(c.sendAgain)
		}
		if round%10 == 9 {
			t.Logf("%d kills, %d CDRs accepted, %d requests repeated, the last start took %v", round+1, b.count.accepted.Load(), b.count.repeats.Load(), h.starts[round+1])
		}
	}
	time.Sleep(500 * time.Millisecond)
	stop()
	took := time.Since(began)
	still()
	settling := time.Now()
	b.settle()
	t.Logf("settled after %v", time.Since(settling).Round(time.Second))
	found := b.audit()
	for _, line := range append(found.wrong, b.count.wrong.complaints()...) {
		t.Error(line)
	}
	restarts := slices.Clone(h.starts[1:])
	slices.Sort(restarts)
	worst, sent := restarts[len(restarts)-1], b.count.accepted.Load()+b.count.refused.Load()
	t.Logf("%d kills; %d CDRs answered (%.0f a second): %d accepted, %d refused; %d requests repeated, %d sent again after their answer, %d with other content; ready again after %v (median), %v (worst)",
		rounds, sent, float64(sent)/took.Seconds(), b.count.accepted.Load(), b.count.refused.Load(), b.count.repeats.Load(), b.count.again.Load(), b.count.conflicts.Load(),
		restarts[len(restarts)/2].Round(time.Millisecond), worst.Round(time.Millisecond))
	t.Logf("repeated because: %v", b.count.why)
	t.Log(found)
	if v := os.Getenv("EROAM_SOAK_READY"); v != "" {
		if limit, err := time.ParseDuration(v); err != nil || worst > limit {
			t.Errorf("a restart took %v, more than %s", worst, v)
		}
	}
	if b.count.repeats.Load() == 0 || b.count.accepted.Load() < int64(20*rounds) {
		t.Error("no request met a dead hub, or hardly a CDR was accepted: that is no load")
	}
}
