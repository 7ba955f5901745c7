package store_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"database/sql"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("STORE_TEST_CHILD"); role != "" {
		os.Exit(child(role))
	}
	os.Exit(m.Run())
}

func TestStore(t *testing.T) { storetest.Engines(t, storetest.Run) }

func object(id string) store.Object {
	return store.Object{
		ObjectKey: store.ObjectKey{Kind: "locations", Party: ocpi.PartyID{CountryCode: "NL", ID: "CPO"}, ID: id},
		Body:      []byte(`{}`),
	}
}

func put(s *store.Store, id string) error {
	o := object(id)
	return s.Write(context.Background(), func(tx *store.Tx) error { return tx.PutObject(&o) })
}

// raw opens the database behind the back of the store, which must be closed
// if it is SQLite.
func raw(t *testing.T, o store.Options) *sql.DB {
	t.Helper()
	driver, source := "pgx", o.Database
	if source == "" {
		driver, source = "sqlite", (&url.URL{Scheme: "file", Path: filepath.Join(o.Dir, "eroam.db")}).String()
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, fresh func(testing.TB) store.Options) {
		o := fresh(t)
		s, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		db := raw(t, o)
		execute(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, $1)", true)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s, err = store.Open(t.Context(), o)
		if err == nil {
			s.Close()
			t.Fatal("opened a database of version 9999")
		}
		if !strings.Contains(err.Error(), "a newer version has used it") {
			t.Errorf("the message is %q", err)
		}
	})
}

func TestDatabaseMustBeKnown(t *testing.T) {
	for _, database := range []string{"mysql://u:secret@h/d", "h:5432", "postgres://u:secret@h:port/d", "postgres://u:secret@127.0.0.1:1/d"} {
		s, err := store.Open(t.Context(), store.Options{Database: database, Dir: t.TempDir()})
		if err == nil {
			s.Close()
			t.Errorf("opened %s", database)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the message shows the password: %v", err)
		}
	}
	if s, err := store.Open(t.Context(), store.Options{}); err == nil {
		s.Close()
		t.Error("opened SQLite without a directory")
	}
}

func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprint("sqlite-", writers), func(b *testing.B) { benchmarkPut(b, storetest.SQLite(b), writers) })
		b.Run(fmt.Sprint("postgres-", writers), func(b *testing.B) {
			benchmarkPut(b, store.Options{Database: storetest.Postgres(b)}, writers)
		})
	}
}

// benchmarkPut replaces 3 kB objects from so many goroutines.
func benchmarkPut(b *testing.B, o store.Options, writers int) {
	s := storetest.Open(b, o)
	body := []byte(strings.Repeat("x", 3<<10))
	jobs := make(chan int)
	done := make(chan error)
	for range writers {
		go func() {
			var failed error
			for i := range jobs {
				o := object(fmt.Sprint(i % 10000))
				o.Body = body
				if err := s.Write(context.Background(), func(tx *store.Tx) error { return tx.PutObject(&o) }); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
	}
	for i := 0; b.Loop(); i++ {
		jobs <- i
	}
	close(jobs)
	for range writers {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}
