package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openTest(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Killing a process does not show whether commits are synced: the settings do.
func TestSQLiteIsDurable(t *testing.T) {
	s := openTest(t, t.TempDir())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "fullfsync": "1"} {
		var got string
		err := s.Write(t.Context(), func(tx *Tx) error {
			_, err := tx.row("PRAGMA "+pragma, nil, &got)
			return err
		})
		if err != nil || got != want {
			t.Errorf("%s is %s, error %v; want %s", pragma, got, err, want)
		}
	}
}

func TestSQLiteReadersCannotWrite(t *testing.T) {
	s := openTest(t, t.TempDir())
	if _, err := s.engine.read.row(t.Context(), sqlReserve, []any{1}, new(int64)); err == nil {
		t.Error("a read connection wrote")
	}
}

func TestSQLiteFilesBelongToTheOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data #1?%41")
	s := openTest(t, dir)
	if err := s.Write(t.Context(), func(tx *Tx) error { return tx.SetMeta("a", nil) }); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		names[d.Name()] = true
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", d.Name(), info.Mode())
		}
		return nil
	})
	if err != nil || !names["eroam.db"] || !names["eroam.lock"] || !names["eroam.db-wal"] {
		t.Errorf("the directory has %v, error %v", names, err)
	}
}

func TestSQLiteRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, sqliteFile)
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Dir: dir})
	if err == nil {
		s.Close()
		t.Fatal("opened")
	}
	if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "not a database") {
		t.Errorf("the message is %q", err)
	}
	// The lock is free again.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir)
}

// A row is found by its number, and a change touches one page of the table and
// none of an index.
func TestObjectsAreFoundByRow(t *testing.T) {
	s := openTest(t, t.TempDir())
	for query, want := range map[string]string{
		sqlObjectsAt(objectColumns, 1000): "SEARCH object USING INTEGER PRIMARY KEY (rowid=?)",
		sqlObject:                         "SEARCH object USING INDEX sqlite_autoindex_object_1 (kind=? AND country=? AND party=? AND id=?)",
		sqlHeads:                          "SCAN object",
		sqlPageRange:                      "SEARCH object USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
	} {
		if got := plan(t, s, query); got != want {
			t.Errorf("%.60s…: %s; want %s", query, got, want)
		}
	}
	indexes := ""
	_, err := s.engine.read.row(t.Context(), `SELECT group_concat(name) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'object'`, nil, &indexes)
	if err != nil || indexes != "sqlite_autoindex_object_1" {
		t.Errorf("the table of objects has the indexes %s, error %v", indexes, err)
	}
}

func plan(t *testing.T, s *Store, query string) string {
	t.Helper()
	var steps []string
	args := make([]any, strings.Count(query, "$"))
	err := s.engine.read.rows(t.Context(), "EXPLAIN QUERY PLAN "+query, args, func(scan scanFunc) error {
		var id, parent, unused int
		var step string
		err := scan(&id, &parent, &unused, &step)
		steps = append(steps, step)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

func TestPositional(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1":              "SELECT 1",
		"a = $1 AND b = $2":     "a = ? AND b = ?",
		"a = $1 AND b = $1":     "a = $1 AND b = $1",
		"a = $2 AND b = $1":     "a = $2 AND b = $1",
		"a = $10":               "a = $10",
		"($1,$2,$3,$4,$5,$6)$7": "(?,?,?,?,?,?)?",
	} {
		if got := positional(query); got != want {
			t.Errorf("%q became %q; want %q", query, got, want)
		}
	}
}
