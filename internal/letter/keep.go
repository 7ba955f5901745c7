// Package letter looks after the dead letters: it deletes what was settled long
// ago, gives up what nobody can be sent any more, and counts. Package delivery
// writes them and sends them again; people read them through package api.
package letter

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
)

// Keep is how long a letter stays that was replayed, superseded or discarded.
const Keep = 30 * 24 * time.Hour

const (
	every  = time.Minute
	atOnce = 500 // deleted in one write
)

// Options are what a Keeper is made of.
type Options struct {
	Store    *store.Store
	Registry *party.Registry
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Keeper looks after the letters. Several processes may do so on one database.
type Keeper struct {
	o     Options
	log   *slog.Logger
	count *prometheus.GaugeVec
}

// New returns a Keeper that does nothing before Run.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{o: o, log: o.Log, count: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "eroam_dead_letters", Help: "Dead letters that wait for somebody, by state: open, or queued to be sent again.",
	}, []string{"state"})}
	if o.Metrics != nil {
		o.Metrics.MustRegister(k.count)
	}
	return k
}

// Run looks after the letters once a minute, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := k.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "cannot look after the dead letters", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (k *Keeper) look(ctx context.Context, now time.Time) error {
	counts, err := k.o.Store.LetterCounts(ctx)
	if err != nil {
		return err
	}
	sum := map[string]int{store.LetterOpen: 0, store.LetterQueued: 0}
	for _, c := range counts {
		sum[c.State] += c.Count
		if !k.exists(c.Lane) {
			if err := k.giveUp(ctx, c.Lane); err != nil {
				return err
			}
		}
	}
	for state, n := range sum {
		k.count.WithLabelValues(state).Set(float64(n))
	}
	for n := atOnce; n == atOnce; {
		err := k.o.Store.Write(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.PurgeDeadLetters(now.Add(-Keep).UnixMicro(), atOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// exists reports whether the receiver of a lane, "platform/DE-EM1/EMSP", is
// still granted to its platform.
func (k *Keeper) exists(lane string) bool {
	parts := strings.Split(lane, "/")
	if len(parts) != 3 {
		return true // not a name that is understood here
	}
	p := k.o.Registry.Snapshot().Platform(parts[0])
	if p == nil {
		return false
	}
	for _, q := range p.Parties {
		if q.ID.String() == parts[1] && string(q.Role) == parts[2] {
			return true
		}
	}
	return false
}

// giveUp discards the letters of a receiver that has left the hub, and says so in
// the audit.
func (k *Keeper) giveUp(ctx context.Context, lane string) error {
	detail, err := json.Marshal(map[string]string{"lane": lane})
	if err != nil {
		return err
	}
	err = k.o.Store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.SetDeadLetters(store.LetterQuery{Lane: lane}, store.LetterDiscarded)
		if err != nil || n == 0 {
			return err
		}
		return tx.PutAudit(store.AuditRow{
			Who: "hub", Action: "dead-letter.discard", Reason: "the receiver has left the hub", Detail: detail, Count: n,
		})
	})
	if err != nil {
		return fmt.Errorf("discarding the dead letters of lane %s: %w", lane, err)
	}
	return nil
}
