package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Fill makes a ledger of n CDRs that were received, presented and approved, by
// the functions that do so in the hub, but many to a transaction: three events
// and three postings each. Every checkpointEvents events, and at the end, a
// checkpoint is signed.
func Fill(ctx context.Context, s *store.Store, signer *receipt.Signer, n int) error {
	l := New(Options{Store: s, Signer: signer, Hub: ocpi.PartyID{CountryCode: "US", ID: "HUB"}})
	if err := l.Open(ctx); err != nil {
		return err
	}
	const group, checkpointEvents = 250, 10_000
	reports := make(map[int]check.Report)
	for from := 0; from < n; from += group {
		var batch []*entry
		for i := from; i < min(from+group, n); i++ {
			e, err := fillEntry(i, reports)
			if err != nil {
				return err
			}
			batch = append(batch, e)
		}
		err := s.Write(ctx, func(tx *store.Tx) error {
			for _, e := range batch {
				e.row.ID = 0
				if err := fillOne(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if from/group%(checkpointEvents/(3*group)) == 0 || from+group >= n {
			if _, err := l.Checkpoint(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillOne writes what becomes of one CDR.
func fillOne(tx *store.Tx, e *entry) error {
	if err := put(tx, e); err != nil {
		return err
	}
	if err := presentOne(tx, e); err != nil {
		return err
	}
	c, _, err := tx.CDRByID(e.row.ID)
	if err != nil {
		return err
	}
	return approve(tx, &c, time.UnixMicro(c.Received), c.EMSP.String(), "", "")
}

func presentOne(tx *store.Tx, e *entry) error {
	c := e.row
	c.Mail, c.Due, c.Attempts, c.State = MailDelivered, 0, 1, string(StatePresented)
	leaf := leafOf(Presented, time.UnixMicro(c.Received), &c, c.EMSP.String())
	return settle(tx, &c, &leaf)
}

// fillEntry is CDR number i. It is examined as the hub does it, once for each
// of the kinds that there are.
func fillEntry(i int, reports map[int]check.Report) (*entry, error) {
	const kinds = 5 * 7 // of the amounts in it
	cpo := ocpi.PartyID{CountryCode: "NL", ID: fmt.Sprintf("C%02d", i%20)}
	emsp := ocpi.PartyID{CountryCode: "DE", ID: fmt.Sprintf("E%02d", i%7)}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 17 * time.Second)
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	var periods strings.Builder
	for p := range 8 {
		fmt.Fprintf(&periods, `{"start_date_time":"%s","dimensions":[{"type":"ENERGY","volume":%d.250},{"type":"TIME","volume":0.25}],"tariff_id":"T1"},`,
			at(time.Duration(p)*15*time.Minute), (i+p)%5)
	}
	body := fmt.Appendf(nil, `{"country_code":"NL","party_id":"%s","id":"CDR-%08d","start_date_time":"%s","end_date_time":"%s","session_id":"S-%08d",`+
		`"cdr_token":{"country_code":"DE","party_id":"%s","uid":"%014X","type":"RFID","contract_id":"DE-%s-C%08d-X"},"auth_method":"WHITELIST",`+
		`"cdr_location":{"id":"LOC%d","name":"Station %d","address":"Kade %d","city":"Amsterdam","country":"NLD","coordinates":{"latitude":"52.37%04d","longitude":"4.90%04d"},`+
		`"evse_uid":"EVSE-%d","evse_id":"NL*%s*E%d","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},`+
		`"currency":"EUR","tariffs":[{"country_code":"NL","party_id":"%s","id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.40,"vat":21,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}],`+
		`"charging_periods":[%s],"total_cost":{"excl_vat":%d.40,"incl_vat":%d.90},"total_energy":18.0,"total_time":2.0,"last_updated":"%s"}`,
		cpo.ID, i, at(0), at(2*time.Hour), i, emsp.ID, i, emsp.ID, i, i%5000, i%5000, i%300, i%10000, i%10000, i%9000, cpo.ID, i%9000, cpo.ID,
		strings.TrimSuffix(periods.String(), ","), 5+i%7, 6+i%7, at(2*time.Hour+time.Minute))
	cdr, err := check.Read(ocpi.V221, body, nil)
	if err != nil {
		return nil, err
	}
	now := start.Add(3 * time.Hour)
	report, ok := reports[i%kinds]
	if !ok {
		report = check.Run(&check.Case{CDR: cdr, Now: now})
		reports[i%kinds] = report
	}
	e := &entry{}
	if e.evidence, err = evidenceOf(&report, now); err != nil {
		return nil, err
	}
	x := &relay.Exchange{Version: ocpi.V221, Body: body, Request: routing.Request{From: &party.Party{ID: cpo}}, Target: &party.Party{ID: emsp}}
	e.fill(cdr, x, &report, now)
	return e, nil
}

// Busy writes CDRs to a ledger without pause.
type Busy struct {
	ledger *Ledger
	n      int
}

// NewBusy returns one that has not begun.
func NewBusy(s *store.Store, signer *receipt.Signer) *Busy {
	return &Busy{ledger: New(Options{Store: s, Signer: signer}), n: 1_000_000}
}

// Run writes until the returned function is called, which tells how many CDRs
// were written. Each is received, presented and approved in transactions of its
// own.
func (b *Busy) Run(t testing.TB) (stop func() int) {
	quit, done := make(chan struct{}), make(chan struct{})
	first := b.n
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			if err := b.one(); err != nil {
				t.Errorf("writing beside the verification: %v", err)
				return
			}
		}
	}()
	return func() int {
		close(quit)
		<-done
		return b.n - first
	}
}

func (b *Busy) one() error {
	ctx := context.Background()
	e, err := fillEntry(b.n, map[int]check.Report{})
	if err != nil {
		return err
	}
	b.n++
	s := b.ledger.o.Store
	if err := s.Write(ctx, func(tx *store.Tx) error { e.row.ID = 0; return put(tx, e) }); err != nil {
		return err
	}
	if err := s.Write(ctx, func(tx *store.Tx) error { return presentOne(tx, e) }); err != nil {
		return err
	}
	if b.n%2 == 0 {
		return nil
	}
	if err := b.ledger.Approve(ctx, Key{e.row.Owner, e.row.Name}, Step{}); err != nil {
		return err
	}
	_, err = b.ledger.Checkpoint(ctx)
	return err
}
