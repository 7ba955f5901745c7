package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eroam/eroam/internal/store"
)

func letter(lane string, o store.Object) store.DeadLetter {
	return store.DeadLetter{
		Lane: lane, Platform: "p2", Receiver: emsp, Role: "EMSP", Key: o.ObjectKey, Name: o.Name, Seq: 7,
		Method: "PUT", URL: "https://em.example/ocpi/2.2.1/locations/NL/CP1/x", HTTPStatus: 200, OCPIStatus: 2001,
		Error: "Invalid or missing parameters", Attempts: 2, RequestHeader: "A: b\n", ResponseHeader: "C: d\n",
		Request: []byte(`{"id":"x"}`), Response: []byte{0, 255}, Version: "2.2.1",
	}
}

func putLetters(t testing.TB, s *store.Store, letters ...store.DeadLetter) {
	t.Helper()
	write(t, s, func(tx *store.Tx) error {
		for _, d := range letters {
			if err := tx.PutDeadLetter(d); err != nil {
				return err
			}
		}
		return nil
	})
}

// letters returns those that q selects, without times.
func letters(t testing.TB, s *store.Store, q store.LetterQuery) []store.DeadLetter {
	t.Helper()
	list, err := s.DeadLetters(context.Background(), q)
	if err != nil {
		t.Fatalf("listing dead letters: %v", err)
	}
	return list
}

func queueLetters(t testing.TB, s *store.Store, q store.LetterQuery) (n int) {
	t.Helper()
	write(t, s, func(tx *store.Tx) (err error) {
		n, err = tx.SetDeadLetters(q, store.LetterQueued)
		return err
	})
	return n
}

func testDeadLetters(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	x, y := location(cpo1, "x"), location(cpo1, "y")
	one, other := letter("a", x), letter("b", x)
	putLetters(t, s, one, other, letter("a", y))
	list := letters(t, s, store.LetterQuery{})
	same(t, len(list), 3)
	same(t, list[0].Key.ID, "y") // newest first
	ignore := cmpopts.IgnoreFields(store.DeadLetter{}, "ID", "Created", "Updated")
	want := one
	want.State = store.LetterOpen
	got, found, err := s.DeadLetter(context.Background(), list[2].ID)
	if err != nil || !found {
		t.Fatalf("found %v, error %v", found, err)
	}
	if d := gocmp.Diff(want, got, ignore); d != "" {
		t.Errorf("not as it was put (-want +got):\n%s", d)
	}
	if got.Created == 0 || got.Updated != got.Created {
		t.Errorf("created %d, updated %d", got.Created, got.Updated)
	}
	if _, found, err := s.DeadLetter(context.Background(), "none"); found || err != nil {
		t.Errorf("none: found %v, error %v", found, err)
	}

	// One open letter for an object in a lane, also when it is queued.
	same(t, queueLetters(t, s, store.LetterQuery{Lane: "a"}), 2)
	queued, err := s.QueuedDeadLetters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	same(t, []string{queued[0].Key.ID, queued[1].Key.ID, fmt.Sprint(len(queued))}, []string{"x", "y", "2"})
	again := one
	again.Error, again.Attempts, again.Response, again.Seq = "still refused", 3, []byte("later"), 9
	putLetters(t, s, again)
	same(t, len(letters(t, s, store.LetterQuery{})), 3)
	now, _, _ := s.DeadLetter(context.Background(), got.ID)
	want = again
	want.State = store.LetterOpen
	if d := gocmp.Diff(want, now, ignore); d != "" || now.Created != got.Created || now.Updated < got.Updated {
		t.Errorf("refused again: created %d, was %d (-want +got):\n%s", now.Created, got.Created, d)
	}
	if queued, _ = s.QueuedDeadLetters(context.Background()); len(queued) != 1 || queued[0].Key.ID != "y" {
		t.Errorf("queued after one was refused again: %+v", queued)
	}
	keys, err := s.LaneLetters(context.Background(), "a")
	if err != nil || len(keys) != 2 {
		t.Errorf("letters of the lane: %v, error %v", keys, err)
	}

	// What is settled is out of the way of the next one.
	write(t, s, func(tx *store.Tx) error { return tx.SettleDeadLetters("a", x.ObjectKey, store.LetterSuperseded) })
	write(t, s, func(tx *store.Tx) error { return tx.SettleDeadLetters("a", y.ObjectKey, store.LetterReplayed) })
	write(t, s, func(tx *store.Tx) error {
		return tx.SettleDeadLetters("a", location(cpo2, "x").ObjectKey, store.LetterReplayed)
	})
	if keys, _ := s.LaneLetters(context.Background(), "a"); len(keys) != 0 {
		t.Errorf("open after they were settled: %v", keys)
	}
	states := func() string {
		var b strings.Builder
		for _, d := range letters(t, s, store.LetterQuery{}) {
			fmt.Fprintf(&b, "%s/%s %s, ", d.Lane, d.Key.ID, d.State)
		}
		return b.String()
	}
	same(t, states(), "a/y replayed, b/x open, a/x superseded, ")
	putLetters(t, s, one)
	same(t, states(), "a/x open, a/y replayed, b/x open, a/x superseded, ")
	if err := s.Write(context.Background(), func(tx *store.Tx) error { return tx.SettleDeadLetters("a", x.ObjectKey, "open") }); err == nil {
		t.Error("settled as open")
	}
	same(t, queueLetters(t, s, store.LetterQuery{State: store.LetterReplayed}), 0) // only open ones

	// What was discarded is still lacking at the receiver, until it takes a later
	// state.
	write(t, s, func(tx *store.Tx) error {
		_, err := tx.SetDeadLetters(store.LetterQuery{Lane: "a"}, store.LetterDiscarded)
		return err
	})
	if keys, err := s.LaneLetters(context.Background(), "a"); err != nil || len(keys) != 1 || keys[0] != x.ObjectKey {
		t.Errorf("letters of the lane after they were discarded: %v, error %v", keys, err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.SettleDeadLetters("a", x.ObjectKey, store.LetterReplayed) })
	same(t, states(), "a/x superseded, a/y replayed, b/x open, a/x superseded, ")

	// What a partner writes is not trusted to be text.
	bad := letter("c", x)
	bad.Error, bad.ResponseHeader, bad.Response = "a\x00b\xff", strings.Repeat("é", 1<<20), bytes.Repeat([]byte("x"), 1<<20)
	putLetters(t, s, bad)
	d, _, _ := s.DeadLetter(context.Background(), letters(t, s, store.LetterQuery{Lane: "c"})[0].ID)
	if d.Error != "a\uFFFDb\uFFFD" || len(d.Response) != store.MaxLetterBody || len(d.ResponseHeader) > 8<<10 {
		t.Errorf("kept %q, %d bytes of header, %d of body", d.Error, len(d.ResponseHeader), len(d.Response))
	}
}

func testDeadLetterBound(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	full := make([]store.DeadLetter, store.MaxOpenLetters)
	for i := range full {
		full[i] = letter("a", location(cpo1, fmt.Sprint("l", i)))
	}
	putLetters(t, s, full...)
	more := letter("a", location(cpo1, "one more"))
	put := func(d store.DeadLetter) error {
		return s.Write(context.Background(), func(tx *store.Tx) error {
			if err := tx.SetMeta("with it", []byte("x")); err != nil {
				return err
			}
			return tx.PutDeadLetter(d)
		})
	}
	if err := put(more); !errors.Is(err, store.ErrTooManyLetters) {
		t.Fatalf("one too many: %v", err)
	}
	if m, _ := s.Meta(context.Background(), "with it"); m != nil {
		t.Error("a refused letter left something behind")
	}
	if err := put(full[3]); err != nil {
		t.Errorf("one that takes the place of another: %v", err)
	}
	if err := put(letter("b", location(cpo1, "x"))); err != nil {
		t.Errorf("another lane: %v", err)
	}
	same(t, queueLetters(t, s, store.LetterQuery{Lane: "a"}), store.MaxOpenLetters)
	queued, err := s.QueuedDeadLetters(context.Background())
	if err != nil || len(queued) != 100 {
		t.Errorf("%d are handed over at once; error %v", len(queued), err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.SettleDeadLetters("a", full[0].Key, store.LetterSuperseded) })
	if err := put(more); err != nil {
		t.Errorf("after one was settled: %v", err)
	}
}

func testLetterQueries(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	tariff := store.Object{ObjectKey: store.ObjectKey{Kind: "tariffs", Party: cpo2, ID: "t"}}
	set := []store.DeadLetter{letter("a", location(cpo1, "0")), letter("b", location(cpo1, "1")), letter("a", tariff), letter("a", location(cpo1, "3"))}
	set[1].Receiver, set[1].Platform = cpo3, "p3"
	set[2].HTTPStatus, set[2].OCPIStatus = 404, 0
	for _, d := range set {
		putLetters(t, s, d)
	}
	all := letters(t, s, store.LetterQuery{})
	ids := []string{all[3].ID, all[2].ID, all[1].ID, all[0].ID}
	found := func(q store.LetterQuery) (places string) {
		t.Helper()
		for _, d := range letters(t, s, q) {
			for i, id := range ids {
				if id == d.ID {
					places += fmt.Sprint(i)
				}
			}
		}
		limited := q.Limit
		if n, err := s.CountDeadLetters(context.Background(), q); err != nil || limited == 0 && n != len(places) {
			t.Errorf("%+v: counted %d, found %s, error %v", q, n, places, err)
		}
		return places
	}
	for want, q := range map[string]store.LetterQuery{
		"3210": {},
		"320":  {Lane: "a"},
		"1":    {Platform: "p3"},
		"1 ":   {Receiver: cpo3},
		"2":    {Kind: "tariffs"},
		"2 ":   {Code: 404},
		"310":  {Code: 2001},
		"310 ": {Code: 200},
		"":     {State: store.LetterQueued},
		"32":   {MinID: ids[2]},
		"21":   {MinID: ids[1], MaxID: ids[2]},
		"10":   {Before: ids[2]},
		"32 ":  {Limit: 2},
		"32  ": {From: all[1].Updated},
		"10 ":  {To: all[1].Updated},
		" ":    {Lane: "a' OR '1'='1"},
	} {
		if got := found(q); got != strings.TrimSpace(want) {
			t.Errorf("%+v: found %q, want %q", q, got, want)
		}
	}

	same(t, queueLetters(t, s, store.LetterQuery{MaxID: ids[1]}), 2)
	same(t, found(store.LetterQuery{State: store.LetterQueued}), "10")
	same(t, queueLetters(t, s, store.LetterQuery{MaxID: ids[1]}), 0)
	counts, err := s.LetterCounts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	same(t, counts, []store.LetterCount{{Lane: "a", State: "open", Count: 2}, {Lane: "a", State: "queued", Count: 1}, {Lane: "b", State: "queued", Count: 1}})
	discard := func(q store.LetterQuery) (n int) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.SetDeadLetters(q, store.LetterDiscarded)
			return err
		})
		return n
	}
	same(t, discard(store.LetterQuery{Lane: "a", MaxID: ids[2]}), 2)
	same(t, found(store.LetterQuery{State: store.LetterDiscarded}), "20")
	for _, state := range []string{store.LetterOpen, store.LetterReplayed, "nonsense"} {
		err := s.Write(context.Background(), func(tx *store.Tx) error {
			_, err := tx.SetDeadLetters(store.LetterQuery{}, state)
			return err
		})
		if err == nil {
			t.Errorf("letters were made %s", state)
		}
	}

	purge := func(before int64, limit int) (n int) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.PurgeDeadLetters(before, limit)
			return err
		})
		return n
	}
	end := letters(t, s, store.LetterQuery{State: store.LetterDiscarded})[0].Updated
	same(t, []int{purge(end, 9), purge(end+1, 1), purge(1<<60, 9), purge(1<<60, 9)}, []int{0, 1, 1, 0})
	same(t, found(store.LetterQuery{}), "31") // open and queued ones are never purged
}

func testAudit(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	rows := func(before string, limit int) []store.AuditRow {
		t.Helper()
		list, err := s.Audit(context.Background(), before, limit)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	same(t, len(rows("", 10)), 0)
	var want []store.AuditRow
	for i := range 5 {
		a := store.AuditRow{Who: "admin", Action: "dead-letter.replay", Reason: "é", Detail: []byte(`{"lane":"a"}`), Count: i}
		want = append([]store.AuditRow{a}, want...)
		write(t, s, func(tx *store.Tx) error { return tx.PutAudit(a) })
	}
	err := s.Write(context.Background(), func(tx *store.Tx) error {
		return errors.Join(tx.PutAudit(store.AuditRow{Who: "nobody"}), errors.New("it was not done"))
	})
	if err == nil {
		t.Fatal("a failing write succeeded")
	}
	got := rows("", 2)
	got = append(got, rows(got[1].ID, 2)...)
	got = append(got, rows(got[3].ID, 2)...)
	if d := gocmp.Diff(want, got, cmpopts.IgnoreFields(store.AuditRow{}, "ID", "At")); d != "" {
		t.Errorf("not as noted, newest first (-want +got):\n%s", d)
	}
	for i, a := range got {
		if a.At == 0 || i > 0 && a.At > got[i-1].At {
			t.Errorf("row %d is of %d", i, a.At)
		}
	}
}
