package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Options are what a Ledger is made of.
type Options struct {
	Store     *store.Store
	Registry  *party.Registry
	Relay     *relay.Relay
	Lease     *lease.Node
	Trace     *trace.Recorder
	Signer    *receipt.Signer // of checkpoints
	Hub       ocpi.PartyID
	PublicURL string // without a trailing slash
	Log       *slog.Logger
	Metrics   prometheus.Registerer
}

// Ledger takes CDRs in and looks after them. Its methods may be called by any
// number of goroutines.
type Ledger struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	under   flights // CDRs that are being taken in
	post    *office
	reader  check.Reader
	tariffs tariffCache
	rules   ruleCache
	zones   zoneCache
	seen    witness
	usual   usualPrices
	now     func() time.Time
}

// New returns a Ledger that delivers nothing before Run.
func New(o Options) *Ledger {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lease == nil {
		o.Lease = lease.Alone()
	}
	l := &Ledger{o: o, log: o.Log, metrics: newMetrics(o.Metrics), now: time.Now}
	l.post = newOffice(l)
	return l
}

// Open begins the log where that has not happened. It must have returned before
// the first call of another method.
func (l *Ledger) Open(ctx context.Context) error {
	size, err := l.o.Store.LedgerSize(ctx)
	if err != nil {
		return fmt.Errorf("reading the size of the ledger: %w", err)
	}
	if size > 0 {
		return nil
	}
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		size, err := tx.LedgerSize()
		if err != nil || size > 0 {
			return err
		}
		leaf := Leaf{V: 1, Kind: Opened, At: l.now().UTC().Truncate(time.Microsecond), Hub: l.o.Hub.String()}
		_, err = record(tx, 0, &leaf)
		return err
	})
}

// How often Run looks.
const (
	approveEvery    = 5 * time.Second
	watchEvery      = 30 * time.Second
	checkpointEvery = 10 * time.Second
	purgeEvery      = time.Hour
	signAtEnd       = 5 * time.Second // at most
)

// Run delivers what is waiting, approves by time, looks for CDRs that do not
// come and signs checkpoints, until ctx ends. The last checkpoint covers all that
// was done.
func (l *Ledger) Run(ctx context.Context) error {
	l.work(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signAtEnd)
	defer cancel()
	if err := l.signCheckpoint(ctx); err != nil {
		l.log.Error("the last events are not covered by a checkpoint", "err", err)
	}
	return nil
}

// work runs the jobs of Run.
func (l *Ledger) work(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { l.post.run(ctx) })
	all.Go(func() {
		if err := l.learnUsual(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("what is usual is learned from new CDRs only", "err", err)
		}
	})
	for _, j := range []struct {
		what  string
		every time.Duration
		do    func(context.Context) error
	}{
		{"approving by time", approveEvery, l.approveDue},
		{"looking for missing CDRs", watchEvery, l.watch},
		{"signing a checkpoint", checkpointEvery, l.signCheckpoint},
		{"deleting old authorisations", purgeEvery, l.purge},
	} {
		all.Go(func() { l.every(ctx, j.what, j.every, j.do) })
	}
	<-ctx.Done()
}

// every does something again and again. An error is logged when it is another
// than before.
func (l *Ledger) every(ctx context.Context, what string, pause time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	last := ""
	for {
		err := do(ctx)
		if ctx.Err() != nil {
			return
		}
		said := ""
		if err != nil {
			said = err.Error()
		}
		if said != "" && said != last {
			l.log.Error("the ledger could not go on; it will try again", "job", what, "err", err)
		}
		last = said
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// signCheckpoint signs the log as it is now, where it has grown.
func (l *Ledger) signCheckpoint(ctx context.Context) error {
	_, err := l.Checkpoint(ctx)
	return err
}
