package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/internal/blackbox"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// lab is a hub with operators and providers.
type lab struct {
	o       options
	hub     *blackbox.Hub
	metrics string // host:port of the hub's metrics and profiles
	inbox   *inbox
	cpos    []operator
	emsps   []provider
	list    *tariff.PriceList
	next    int // number of the next CDR
	rows    []row
	began   time.Time
}

type operator struct {
	blackbox.Party
	token, tariff string
}

type provider struct {
	blackbox.Party
	token string
}

// How large the network is. Drivers and EVSEs are chosen so that none has two
// sessions at a time.
const (
	operators   = 4
	providers   = 16
	drivers     = 10_000 // of all providers
	stations    = 500    // of each operator: an EVSE has a session or two in a few hours
	evsesOfEach = 10
)

// theTariff has prices by the time of day, for parking after an hour, and a fee.
const theTariff = `{"country_code":"NL","party_id":%q,"id":"T1","currency":"EUR","type":"REGULAR","elements":[` +
	`{"price_components":[{"type":"ENERGY","price":0.38,"vat":21,"step_size":1}],"restrictions":{"start_time":"07:00","end_time":"23:00"}},` +
	`{"price_components":[{"type":"ENERGY","price":0.29,"vat":21,"step_size":1}]},` +
	`{"price_components":[{"type":"PARKING_TIME","price":3,"vat":21,"step_size":60}],"restrictions":{"min_duration":3600}},` +
	`{"price_components":[{"type":"FLAT","price":0.35,"vat":21,"step_size":1},{"type":"TIME","price":0.06,"vat":21,"step_size":60}]}],` +
	`"last_updated":"2026-01-01T00:00:00Z"}`

func newLab(ctx context.Context, o options) (*lab, error) {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w (make build)", err)
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return nil, err
	}
	l := &lab{o: o, began: time.Now()}
	if l.metrics, err = blackbox.FreeAddress(); err != nil {
		return nil, err
	}
	addr, err := blackbox.FreeAddress()
	if err != nil {
		return nil, err
	}
	l.hub = &blackbox.Hub{
		Binary: binary, Data: filepath.Join(o.dir, "hub"), Addr: addr,
		// Four operators send what hundreds would.
		Settings: []string{"EROAM_METRICS_LISTEN=" + l.metrics, "EROAM_LOG_LEVEL=warn", "EROAM_LIMITS_CONCURRENT=2048", "EROAM_DATABASE=" + o.database},
	}
	var tariffs []blackbox.Tariff
	for i := range operators {
		p := blackbox.Party{Country: "NL", ID: fmt.Sprintf("CP%d", i+1), Role: "CPO"}
		body := fmt.Sprintf(theTariff, p.ID)
		l.cpos = append(l.cpos, operator{Party: p, tariff: body})
		tariffs = append(tariffs, blackbox.Tariff{Owner: p, ID: "T1", Body: []byte(body)})
	}
	parsed, _, err := tariff.ParseTariffs(ocpi.V221, tariffs[0].Body)
	if err != nil {
		return nil, err
	}
	if l.list, err = tariff.Compile(parsed...); err != nil {
		return nil, err
	}
	if l.inbox, err = listen(); err != nil {
		return nil, err
	}
	if err := l.hub.Remember(ctx, time.Now().Add(-365*24*time.Hour), tariffs); err != nil {
		l.inbox.close()
		return nil, err
	}
	if _, err := l.hub.Start(ctx); err != nil {
		l.inbox.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) stop() {
	l.hub.Stop()
	l.inbox.close()
	_ = os.RemoveAll(l.o.dir)
}

// connect registers everybody through the handshake.
func (l *lab) connect(context.Context) (err error) {
	for i := range l.cpos {
		c := &l.cpos[i]
		if c.token, err = l.hub.Register(c.Party, l.inbox.versions(0, "SENDER")); err != nil {
			return err
		}
	}
	for i := range providers {
		p := provider{Party: blackbox.Party{Country: "DE", ID: fmt.Sprintf("E%02d", i), Role: "EMSP"}}
		if p.token, err = l.hub.Register(p.Party, l.inbox.versions(i, "RECEIVER")); err != nil {
			return err
		}
		l.emsps = append(l.emsps, p)
	}
	return nil
}

// check makes sure that nothing was found wrong with the CDRs: otherwise something
// else was measured.
func (l *lab) check(ctx context.Context) error {
	r, err := l.hub.Ledger(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	held := 0
	yes := true
	if err := r.EachCDR(ctx, store.CDRQuery{Held: &yes}, func(store.LedgerCDR) error { held++; return nil }); err != nil {
		return err
	}
	one, err := r.CDRs(ctx, store.CDRQuery{Limit: 1})
	if err != nil || len(one) == 0 {
		return fmt.Errorf("no CDR in the ledger: %w", err)
	}
	evidence, err := r.CDREvidence(ctx, one[0].Evidence)
	if err != nil {
		return err
	}
	if held > 0 || !strings.Contains(string(evidence), `"findings":[]`) || !strings.Contains(string(evidence), `"basis":"hub"`) {
		return fmt.Errorf("%d CDRs are held; the first was judged so: %.500s", held, evidence)
	}
	return nil
}

// row is a result with what it should be.
type row struct {
	result.Line
	Most, Least float64 // the target; 0: none
}

func (l *lab) add(r row) {
	l.rows = append(l.rows, r)
	fmt.Println("  " + r.text())
}

func (r row) text() string {
	target, verdict := "", ""
	say := map[bool]string{true: "met", false: "NOT MET"}
	switch {
	case r.Most != 0:
		target, verdict = fmt.Sprintf("<= %g", r.Most), say[r.Value <= r.Most]
	case r.Least != 0:
		target, verdict = fmt.Sprintf(">= %g", r.Least), say[r.Value >= r.Least]
	}
	return strings.TrimRight(fmt.Sprintf("%-32s %10.4g %-8s n=%-7d %-9s %s", r.Name, r.Value, r.Unit, r.N, target, verdict), " ")
}

func (l *lab) report() error {
	fmt.Printf("\n%d operators, %d providers, %d drivers\n", operators, providers, drivers)
	var lines []result.Line
	for _, r := range l.rows {
		fmt.Println(r.text())
		lines = append(lines, r.Line)
	}
	if err := result.Append(l.o.out, lines); err != nil {
		return err
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("\nwritten to %s after %v; load average %s", l.o.out, time.Since(l.began).Round(time.Second), load)
	return nil
}
