package ledger

import (
	"context"
	"math"
	"sync"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// usualPrices is what a kWh costs as a rule, for each operator, currency and kind
// of connector: mean and deviation of the net cost, in which each CDR counts for
// one in usualWindow, and in the beginning for one of those that there are. It is in
// memory: a process learns from the CDRs that it takes in, and when it starts from
// the newest that there are. The zero value is ready.
type usualPrices struct {
	mu sync.Mutex
	by map[usualKey]*running
}

type usualKey struct {
	owner           ocpi.PartyID
	currency, power string
}

// running is a mean and a variance that forget.
type running struct {
	count          int
	mean, variance float64
}

const (
	usualWindow  = 200    // CDRs after which an older one counts for a third
	maxUsual     = 10_000 // operators times currencies times kinds: some 2 MB
	learnEvents  = 20_000 // as far as a start looks back, in events of the log
	usualEnergy  = 1e9    // the least energy of a CDR that counts, 10⁻⁹ kWh
	maxPowerType = 40
)

// add counts a CDR, unless something is odd about it.
func (u *usualPrices) add(c *store.LedgerCDR, power string) {
	if c.Held || c.CreditOf != "" || c.CreditedBy != 0 || c.Energy < usualEnergy || len(power) > maxPowerType {
		return
	}
	price := float64(c.Net) / math.Pow10(tariff.CurrencyDecimals(c.Currency)) / (float64(c.Energy) / usualEnergy)
	k := usualKey{c.Owner, c.Currency, power}
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.by[k]
	if r == nil {
		if len(u.by) >= maxUsual {
			return
		}
		if u.by == nil {
			u.by = make(map[usualKey]*running)
		}
		r = &running{}
		u.by[k] = r
	}
	r.add(price)
}

func (r *running) add(x float64) {
	r.count++
	weight := max(1/float64(r.count), 1.0/usualWindow)
	off := x - r.mean
	r.mean += weight * off
	r.variance = (1 - weight) * (r.variance + weight*off*off)
}

// of returns what is usual; nil when nothing is known.
func (u *usualPrices) of(k usualKey) *check.Usual {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.by[k]
	if r == nil {
		return nil
	}
	return &check.Usual{Count: r.count, Mean: r.mean, Deviation: math.Sqrt(r.variance)}
}

// learnUsual counts the newest CDRs that were there when it was called.
func (l *Ledger) learnUsual(ctx context.Context) error {
	size, err := l.o.Store.LedgerSize(ctx)
	if err != nil {
		return err
	}
	return l.o.Store.EachCDR(ctx, store.CDRQuery{AfterID: max(size-learnEvents, 0)}, func(c store.LedgerCDR) error {
		if c.ID >= size || State(c.State) == StateRefused { // those since are counted as they come
			return nil
		}
		o, found, err := l.o.Store.Object(ctx, objectKey(c.Owner, c.CDRID))
		if err != nil || !found {
			return err
		}
		l.usual.add(&c, gjson.GetBytes(o.Body, "cdr_location.connector_power_type").Str)
		return nil
	})
}
