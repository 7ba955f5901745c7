// Package storetest runs every behaviour of package store on both engines,
// and gives the tests of other packages databases to use.
package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Engines calls test for SQLite and for PostgreSQL, as subtests. Each call of
// fresh gives the options of a new, empty database.
func Engines(t *testing.T, test func(t *testing.T, fresh func(testing.TB) store.Options)) {
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite) })
	t.Run("postgres", func(t *testing.T) {
		Postgres(t) // skips here, once, when there is no server
		test(t, func(t testing.TB) store.Options { return store.Options{Database: Postgres(t)} })
	})
}

// SQLite returns the options of a new database in a temporary directory.
func SQLite(t testing.TB) store.Options { return store.Options{Dir: t.TempDir()} }

// Open opens a store that is closed when the test ends.
func Open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("opening the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}

// Run tests every behaviour that both engines share. Each call of fresh must
// give the options of a new, empty database.
func Run(t *testing.T, fresh func(testing.TB) store.Options) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(testing.TB) store.Options)
	}{
		{"Registry", testRegistry},
		{"DeletePlatform", testDeletePlatform},
		{"CredentialIsSingleUse", testSingleUse},
		{"Meta", testMeta},
		{"Cursors", testCursors},
		{"ManyCursors", testManyCursors},
		{"Nodes", testNodes},
		{"Leases", testLeases},
		{"RegistryRevision", testRevision},
		{"News", testNews},
		{"Owners", testOwners},
		{"Capabilities", testCapabilities},
		{"CapabilityClaim", testCapabilityClaim},
		{"OverdueResults", testOverdue},
		{"DeadLetters", testDeadLetters},
		{"DeadLettersOfOneLaneAreBounded", testDeadLetterBound},
		{"DeadLetterQueries", testLetterQueries},
		{"Audit", testAudit},
		{"Crawl", testCrawl},
		{"Text", testText},
		{"Object", testObject},
		{"QuietChanges", testQuiet},
		{"ObjectSeq", testObjectSeq},
		{"Objects", testObjects},
		{"BytesAreKept", testBytes},
		{"ListPages", testListPages},
		{"ListFilters", testListFilters},
		{"ListOwners", testListOwners},
		{"ListWalkDuringChanges", testListWalk},
		{"Pages", testPages},
		{"PagesShareNothing", testPagesShareNothing},
		{"ReadsAreOfOneMoment", testOneMoment},
		{"Model", testModel},
		{"Feed", testFeed},
		{"FeedOrder", testFeedOrder},
		{"FeedHasNoHoles", testFeedHoles},
		{"Committed", testCommitted},
		{"FailuresAreAlone", testFailuresAlone},
		{"FailureOfOne", testFailureOfOne},
		{"Busy", testBusy},
		{"CancelledBeforeItsTurn", testCancelledWaiting},
		{"CancelledWhileRunning", testCancelledRunning},
		{"CloseDrains", testCloseDrains},
		{"WriteLater", testWriteLater},
		{"WriteLaterEnds", testWriteLaterEnds},
		{"Reopen", testReopen},
		{"Ping", testPing},
		{"Metrics", testMetrics},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh) })
	}
}

var (
	cpo1 = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}
	cpo2 = ocpi.PartyID{CountryCode: "DE", ID: "CP2"}
	cpo3 = ocpi.PartyID{CountryCode: "NL", ID: "CP2"} // shares a part with each
	emsp = ocpi.PartyID{CountryCode: "DE", ID: "EM1"}
)

func same(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("not as expected (-want +got):\n%s", d)
	}
}

// write fails the test when Write does.
func write(t testing.TB, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Write(context.Background(), fn); err != nil {
		t.Fatalf("writing: %v", err)
	}
}

func location(party ocpi.PartyID, id string) store.Object {
	return store.Object{
		ObjectKey: store.ObjectKey{Kind: "locations", Party: party, ID: id},
		Name:      id, Version: "2.2.1", LastUpdated: 1000,
		Body: fmt.Appendf(nil, `{"id":%q}`, id),
	}
}

// marked counts those of the names 0 … n-1 that were written as keys of Meta.
func marked(t testing.TB, s *store.Store, n int) (found int) {
	t.Helper()
	for i := range n {
		v, err := s.Meta(context.Background(), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		found += len(v)
	}
	return found
}

// put publishes the objects, each in a write of its own.
func put(t testing.TB, s *store.Store, objects ...store.Object) {
	t.Helper()
	for _, o := range objects {
		write(t, s, func(tx *store.Tx) error { return tx.PutObject(&o) })
	}
}

func object(t testing.TB, s *store.Store, k store.ObjectKey) (store.Object, bool) {
	t.Helper()
	o, found, err := s.Object(context.Background(), k)
	if err != nil {
		t.Fatalf("reading an object: %v", err)
	}
	return o, found
}

func list(t testing.TB, s *store.Store, q store.ListQuery) (ids []string, total int) {
	t.Helper()
	objects, total, err := s.List(context.Background(), q)
	if err != nil {
		t.Fatalf("listing: %v", err)
	}
	for _, o := range objects {
		ids = append(ids, o.ID)
	}
	return ids, total
}

func seq(t testing.TB, s *store.Store) int64 {
	t.Helper()
	n, err := s.Seq(context.Background())
	if err != nil {
		t.Fatalf("reading the end of the feed: %v", err)
	}
	return n
}

// hold keeps the writer busy until release is called, so that all that is
// written meanwhile shares the next commit.
func hold(t testing.TB, s *store.Store) (release func()) {
	t.Helper()
	begun, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Write(context.Background(), func(*store.Tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	return func() {
		t.Helper()
		close(end)
		if err := <-done; err != nil {
			t.Errorf("holding the writer: %v", err)
		}
	}
}

// queue starts a write and returns when it waits for the writer, which must be
// held.
func queue(ctx context.Context, t testing.TB, s *store.Store, fn func(tx *store.Tx) error) (result <-chan error) {
	t.Helper()
	before, done := s.QueueLength(), make(chan error, 1)
	go func() { done <- s.Write(ctx, fn) }()
	for s.QueueLength() == before {
		select {
		case err := <-done:
			t.Fatalf("a write did not wait: %v", err)
		default:
			yield()
		}
	}
	return done
}
