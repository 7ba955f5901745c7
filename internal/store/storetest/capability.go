package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
)

func testCapabilityClaim(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	claim := func(id string, now, until int64) (ok bool) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			ok, err = tx.ClaimCapability(id, now, until, id != "c")
			return err
		})
		return ok
	}
	overdue := func(now int64) (id string) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error {
			c, _, err := tx.TakeOverdue(now)
			id = c.ID
			return err
		})
		return id
	}
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(
			tx.PutCapability(store.Capability{ID: "a", Expires: 1000, Due: 100}),
			tx.PutCapability(store.Capability{ID: "b", Expires: 1000}),
			tx.PutCapability(store.Capability{ID: "c", Expires: 1000, Due: 500}),
		)
	})
	same(t, claim("none", 50, 200), false)
	same(t, claim("b", 2000, 2100), false) // it has expired
	same(t, claim("a", 50, 200), true)
	same(t, claim("a", 60, 210), false)
	same(t, overdue(150), "")           // its result is on its way
	same(t, claim("a", 200, 300), true) // whoever had it is gone
	write(t, s, func(tx *store.Tx) error { return tx.UnclaimCapability("a") })
	same(t, claim("a", 210, 310), true)
	write(t, s, func(tx *store.Tx) error { return tx.UnclaimCapability("a") })
	same(t, overdue(310), "a")
	same(t, claim("a", 320, 400), false)
	same(t, claim("c", 320, 600), true) // takes several results
	same(t, claim("c", 330, 610), true)
	same(t, overdue(605), "")
	same(t, overdue(610), "c")
	same(t, claim("c", 620, 700), false)
	same(t, claim("b", 1, 2), true)
	same(t, overdue(1000), "") // nothing was expected of it
}

func testCapabilities(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	now := time.Now().UnixMicro()
	hour := time.Hour.Microseconds()
	full := store.Capability{ID: "full", Kind: "response", Caller: "p1", CallerParty: cpo1, Owner: "p2", OwnerParty: emsp,
		Module: "commands", Interface: "SENDER", URL: "https://em.example/r/1?a=b", Created: now, Expires: now + hour}
	other := full
	other.Kind, other.URL = "link", "https://em.example/2"
	put := func(c store.Capability) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error { return tx.PutCapability(c) })
	}
	get := func(id string) (store.Capability, bool) {
		t.Helper()
		c, found, err := s.Capability(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		return c, found
	}
	put(full)
	c, found := get("full")
	same(t, found, true)
	same(t, c, full)
	put(other)
	c, _ = get("full")
	same(t, c, other)
	for i, id := range []string{"old1", "old2", "old3"} {
		put(store.Capability{ID: id, Expires: now - int64(3-i)})
	}
	put(store.Capability{ID: "forever"})
	for id, want := range map[string]bool{"full": true, "forever": true, "old1": false, "old3": false, "none": false} {
		if _, found := get(id); found != want {
			t.Errorf("capability %s found: %v; want %v", id, found, want)
		}
	}
	expire := func(now int64) (n int) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.DeleteExpiredCapabilities(now, 2)
			return err
		})
		return n
	}
	same(t, []int{expire(now), expire(now), expire(now)}, []int{2, 1, 0})
	same(t, []int{expire(now + hour - 1), expire(now + hour)}, []int{0, 1})
	_, found = get("forever")
	same(t, found, true)
}

func testOverdue(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(
			tx.PutCapability(store.Capability{ID: "answered", Due: -1}),
			tx.PutCapability(store.Capability{ID: "none expected"}),
			tx.PutCapability(store.Capability{ID: "second"}),
			tx.PutCapability(store.Capability{ID: "first", URL: "https://em.example/r"}),
			tx.ExpectResult("answered", 10), tx.ExpectResult("never was", 10),
			tx.ExpectResult("second", 30), tx.ExpectResult("second", 10), // the first time counts
			tx.ExpectResult("first", 20))
	})
	take := func(now int64) (c store.Capability, found bool) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			c, found, err = tx.TakeOverdue(now)
			return err
		})
		return c, found
	}
	if c, found := take(19); found {
		t.Errorf("before it was due: %+v", c)
	}
	c, found := take(1000)
	same(t, found, true)
	same(t, c, store.Capability{ID: "first", URL: "https://em.example/r", Expires: 1})
	if _, found, err := s.Capability(context.Background(), "first"); found || err != nil {
		t.Errorf("taken and still valid: %v, error %v", found, err)
	}
	if c, _ := take(30); c.ID != "second" {
		t.Errorf("then came %+v", c)
	}
	if c, found := take(1000); found {
		t.Errorf("at last came %+v", c)
	}
}
