package party

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Errors of the admin side. They are wrapped with what is meant.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
	ErrInvalid  = errors.New("invalid")
)

// Options are what a Registry is made of.
type Options struct {
	Store     *store.Store
	Egress    *egress.Client
	Hub       ocpi.PartyID
	HubName   string
	PublicURL string // without a trailing slash; partners find the versions at /ocpi/versions below it
	// OpenAgreements lets every CPO exchange messages with every provider.
	OpenAgreements bool
	// SealKey is a secret of at least 32 bytes that is not in the database.
	// Without it the tokens in the database are of no use, to nobody.
	SealKey []byte
	// RequiredModules must be among the endpoints of every partner that
	// registers, besides credentials (OCPI 2.2.1 §7.1.6).
	RequiredModules []ocpi.Module
	// StillAlive is how long a platform may be silent before it is asked for
	// its versions; 0 means 5 minutes.
	StillAlive time.Duration
	// Lease says whether this process looks after the platforms; nil: it does.
	Lease *lease.Node
	// HandshakeTimeout bounds each request of a handshake; 0 means 10 s.
	HandshakeTimeout time.Duration
	Trace            *trace.Recorder // may be nil
	Log              *slog.Logger
	Metrics          prometheus.Registerer
}

// maxHandshakes bounds the handshakes that talk to partners at the same time.
const maxHandshakes = 4

// Registry is who is connected: platforms, the parties granted to them, their
// tokens, and the agreements between parties. It is the only writer of these.
//
// What the hot path needs is an immutable view in memory that is swapped after
// each commit; reading takes no lock and no database. Changes go one after the
// other through change; no network call to a partner is made within one. A
// handshake holds the exchange lock of its platform across its calls to the
// partner, and nothing else.
//
// Several processes may share the tables: each change is a compare-and-set on
// their revision, and the others read it at once. See follow.
type Registry struct {
	o       Options
	log     *slog.Logger
	keys    *keyring
	metrics *metrics
	now     func() time.Time

	view  atomic.Pointer[view]
	mu    sync.Mutex // serialises changes
	state *state     // guarded by mu; as committed

	handshakes chan struct{} // slots, see maxHandshakes
	refreshing refreshing
	news       news
	wake       chan struct{} // cap 1: Run has something to look at
}

// KeyIDMeta is where the store keeps the id of the sealing key, so that another
// key, or a missing one, is noticed at the start. It is absent in a database
// that was never opened by [Open].
const KeyIDMeta = "party.seal_key_id"

// Open reads the registry. It fails when the sealing key is not the one the
// database was written with.
func Open(ctx context.Context, o Options) (*Registry, error) {
	keys, err := newKeyring(o.SealKey)
	if err != nil {
		return nil, err
	}
	if o.StillAlive <= 0 {
		o.StillAlive = 5 * time.Minute
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = 10 * time.Second
	}
	if o.Lease == nil {
		o.Lease = lease.Alone()
	}
	o.Lease.Share(aliveJobs, []string{aliveJob})
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Registry{
		o: o, log: o.Log, keys: keys, now: time.Now,
		handshakes: make(chan struct{}, maxHandshakes),
		wake:       make(chan struct{}, 1),
	}
	if err := r.checkKey(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	r.metrics = newMetrics(o.Metrics, r)
	return r, nil
}

// checkKey compares the sealing key with the one that wrote the database.
func (r *Registry) checkKey(ctx context.Context) error {
	id, err := r.o.Store.Meta(ctx, KeyIDMeta)
	switch {
	case err != nil:
		return fmt.Errorf("reading the id of the sealing key: %w", err)
	case id == nil:
		err := r.o.Store.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta(KeyIDMeta, r.keys.id[:]) })
		if err != nil {
			return fmt.Errorf("writing the id of the sealing key: %w", err)
		}
	case !bytes.Equal(id, r.keys.id[:]):
		return errors.New("the sealing key is not the one that the database was written with; restore the key, or start with an empty database")
	}
	return nil
}

// load reads the tables and publishes them. r.mu is held.
func (r *Registry) load(ctx context.Context) error {
	rows, err := r.o.Store.Registry(ctx)
	if err != nil {
		return fmt.Errorf("reading the registry: %w", err)
	}
	s, err := readState(rows, r.keys, r.now())
	if err != nil {
		return fmt.Errorf("reading the registry: %w", err)
	}
	if r.state != nil {
		s.keepLive(r.state)
	}
	r.state = s
	r.view.Store(s.view(r.o.Hub, r.o.OpenAgreements))
	return nil
}

// Snapshot returns who is connected now.
func (r *Registry) Snapshot() *Snapshot { return r.view.Load().snapshot }

// maxChanges bounds how often a change is run again because another process
// was faster.
const maxChanges = 100

// change runs fn on a copy of the state, writes what it did in one transaction
// and publishes the copy. When fn fails nothing is changed. When another process
// has changed the registry since it was read here, fn runs again on what is true
// now: it must have no effect but on the draft and on variables that it sets anew
// each time. fn must not block.
func (r *Registry) change(ctx context.Context, fn func(d *draft) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A caller that goes away must not leave it open whether this happened.
	ctx = context.WithoutCancel(ctx)
	for n := 1; ; n++ {
		d := r.state.draft(r.now())
		if err := fn(d); err != nil {
			if n < maxChanges && r.newer(ctx) { // it may have failed for what is no longer so
				continue
			}
			return err
		}
		if len(d.ops) == 0 {
			return nil
		}
		err := r.write(ctx, d)
		if err == nil {
			r.state = d.state
			r.view.Store(d.view(r.view.Load()))
			return nil
		}
		// The outcome may be unknown, or the state be old: read what is true.
		if lerr := r.load(ctx); lerr != nil {
			r.log.ErrorContext(ctx, "cannot read the registry after a failed write", "err", lerr)
		} else if errors.Is(err, store.ErrStale) && n < maxChanges {
			continue
		}
		if _, ok := errors.AsType[*ocpi.Error](err); ok {
			return err
		}
		return fmt.Errorf("writing the registry: %w", err)
	}
}

// write does what a draft says, if the tables are as they were read.
func (r *Registry) write(ctx context.Context, d *draft) error {
	return r.o.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.RaiseRegistry(d.revision - 1); err != nil {
			return err
		}
		for _, op := range d.ops {
			if err := op(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// unavailable turns an error of change into what a partner is told: *ocpi.Error
// as it is, everything else as "try again".
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*ocpi.Error](err); ok {
		return err
	}
	return &ocpi.Error{HTTP: http.StatusServiceUnavailable, Status: ocpi.StatusServerError, Message: "temporarily unavailable, try again", Err: err}
}
