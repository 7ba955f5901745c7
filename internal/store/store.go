// Package store is the one database.
package store

import (
	"context"
	"log/slog"

	"github.com/eroam/eroam/ocpi"
)

type Options struct {
	Database string // empty: SQLite in Dir; else postgres://…
	Dir      string
	Log      *slog.Logger
	Queue    int
}
type Store struct{}
type Tx struct{}

func Open(ctx context.Context, o Options) (*Store, error) { panic("todo") }
func (s *Store) Close() error                             { panic("todo") }
func (s *Store) Engine() string                           { panic("todo") }

// Ping checks the database for /readyz.
func (s *Store) Ping(ctx context.Context) error { panic("todo") }

// Write runs fn in the next group commit and returns when it is durable. fn may run more than once and must have no effect outside tx but on variables that it sets anew each time. An error of fn undoes only what fn wrote.
// ErrBusy when the queue is full.
func (s *Store) Write(ctx context.Context, fn func(tx *Tx) error) error { panic("todo") }
func (s *Store) QueueLength() int                                       { panic("todo") }

func (s *Store) Registry(ctx context.Context) (Registry, error)       { panic("todo") }
func (tx *Tx) PutPlatform(p PlatformRow) error                        { panic("todo") }
func (tx *Tx) DeletePlatform(id string) error                         { panic("todo") } // and its credentials and parties
func (tx *Tx) PutCredential(c CredentialRow) error                    { panic("todo") }
func (tx *Tx) DeleteCredential(hash []byte) (bool, error)             { panic("todo") } // reports whether it was there: single use
func (tx *Tx) DeleteCredentials(platform string) error                { panic("todo") }
func (tx *Tx) PutParty(p PartyRow) error                              { panic("todo") }
func (tx *Tx) DeleteParty(id ocpi.PartyID, role string) error         { panic("todo") }
func (tx *Tx) PutAgreement(a AgreementRow) error                      { panic("todo") }
func (tx *Tx) DeleteAgreement(id string) (bool, error)                { panic("todo") }
func (s *Store) Meta(ctx context.Context, key string) ([]byte, error) { panic("todo") } // nil, nil when absent
func (tx *Tx) SetMeta(key string, value []byte) error                 { panic("todo") }

// PutObject inserts or replaces; sets o.Seq and o.Born.
func (tx *Tx) PutObject(o *Object) error                                       { panic("todo") }
func (tx *Tx) Object(k ObjectKey) (Object, bool, error)                        { panic("todo") }
func (s *Store) Object(ctx context.Context, k ObjectKey) (Object, bool, error) { panic("todo") }
func (s *Store) List(ctx context.Context, q ListQuery) (objects []Object, total int, err error) {
	panic("todo") // total ignores AfterBorn, Offset, Limit
}

// Feed returns objects (deleted ones included) with Seq > after in order of Seq.
func (s *Store) Feed(ctx context.Context, after int64, limit int) ([]Object, error) { panic("todo") }
func (s *Store) Seq(ctx context.Context) (int64, error)                             { panic("todo") }

// Committed returns a channel that is closed at the next commit that changed the feed (call again afterwards).
func (s *Store) Committed() <-chan struct{} { panic("todo") }

func (tx *Tx) SetCursor(lane string, seq int64) error                  { panic("todo") }
func (tx *Tx) DeleteCursor(lane string) error                          { panic("todo") }
func (s *Store) Cursors(ctx context.Context) (map[string]int64, error) { panic("todo") }

func (tx *Tx) PutOwner(o OwnerRow) error                                             { panic("todo") }
func (s *Store) Owners(ctx context.Context, kind, id string) ([]ocpi.PartyID, error) { panic("todo") }
func (tx *Tx) PutCapability(c Capability) error                                      { panic("todo") }
func (s *Store) Capability(ctx context.Context, id string) (Capability, bool, error) { panic("todo") } // expired ones are absent
func (tx *Tx) DeleteExpiredCapabilities(now int64, limit int) (int, error)           { panic("todo") }
