package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/eroam/eroam/internal/store"
)

func testCursors(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	cursors := func() map[string]int64 {
		t.Helper()
		c, err := s.Cursors(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	claim := func(lane string, blank, epoch int64) (c store.Cursor, ok bool) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			c, ok, err = tx.ClaimCursor(lane, blank, epoch)
			return err
		})
		return c, ok
	}
	move := func(moves ...store.CursorMove) (lost []string) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			lost, err = tx.MoveCursors(moves)
			return err
		})
		return lost
	}
	set := func(lane string, seq, epoch int64) (held bool) {
		t.Helper()
		return len(move(store.CursorMove{Lane: lane, Epoch: epoch, Seq: seq, Level: seq - 1})) == 0
	}
	claimed := func(c store.Cursor, ok bool) store.Cursor {
		t.Helper()
		same(t, ok, true)
		return c
	}
	same(t, cursors(), map[string]int64{})
	same(t, set("a", 5, 1), false) // nobody has claimed it
	same(t, claimed(claim("a", 7, 1)), store.Cursor{Blank: 7})
	same(t, claimed(claim("b", 9, 0)), store.Cursor{Blank: 9})
	same(t, set("a", 5, 1), true)
	same(t, set("b", 1<<60, 0), true)
	same(t, cursors(), map[string]int64{"a": 5, "b": 1 << 60})
	same(t, claimed(claim("a", 99, 3)), store.Cursor{Seq: 5, Level: 4, Blank: 7})
	same(t, set("a", 6, 1), false) // the earlier holder is fenced off
	same(t, move(store.CursorMove{Lane: "a", Epoch: 1, Seq: 9, Grants: []byte("x")}), []string{"a"})
	same(t, len(move(store.CursorMove{Lane: "a", Epoch: 3, Seq: 4, Level: 2, Grants: []byte{0, 255, 1}})), 0)
	_, ok := claim("a", 0, 2)
	same(t, ok, false)
	same(t, claimed(claim("a", 0, 3)), store.Cursor{Seq: 4, Level: 2, Blank: 7, Grants: []byte{0, 255, 1}})
	same(t, set("a", 6, 3), true) // keeps what goes with it
	same(t, claimed(claim("a", 0, 3)), store.Cursor{Seq: 6, Level: 5, Blank: 7, Grants: []byte{0, 255, 1}})
	write(t, s, func(tx *store.Tx) error { return tx.DeleteCursor("b") })
	write(t, s, func(tx *store.Tx) error { return tx.DeleteCursor("never was") })
	same(t, set("b", 1, 0), false)
	same(t, cursors(), map[string]int64{"a": 6})
}

// Many cursors move in few statements, each as if it were alone.
func testManyCursors(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	const lanes = 150
	name := func(i int) string { return fmt.Sprintf("lane %03d", i) }
	write(t, s, func(tx *store.Tx) error {
		for i := range lanes {
			epoch := int64(i % 3)
			if i == 10 || i == 140 {
				epoch = 77 // of another process
			}
			if _, ok, err := tx.ClaimCursor(name(i), 1, epoch); err != nil || !ok {
				return fmt.Errorf("claimed %v: %w", ok, err)
			}
		}
		return tx.DeleteCursor(name(20))
	})
	moves := make([]store.CursorMove, lanes)
	for i := range moves {
		moves[i] = store.CursorMove{Lane: name(i), Epoch: int64(i % 3), Seq: int64(1000 + i), Level: int64(500 + i)}
	}
	moves[30].Grants = []byte("thirty")
	var lost []string
	write(t, s, func(tx *store.Tx) (err error) {
		lost, err = tx.MoveCursors(moves)
		return err
	})
	same(t, lost, []string{name(10), name(20), name(140)})
	write(t, s, func(tx *store.Tx) error {
		for i := range lanes {
			if i == 20 {
				continue
			}
			want := store.Cursor{Seq: int64(1000 + i), Level: int64(500 + i), Blank: 1}
			switch i {
			case 10, 140:
				want = store.Cursor{Blank: 1}
			case 30:
				want.Grants = []byte("thirty")
			}
			got, _, err := tx.ClaimCursor(name(i), 1, 77)
			if err != nil {
				return err
			}
			same(t, got, want)
		}
		return nil
	})
}
