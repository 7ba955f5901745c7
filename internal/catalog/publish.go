package catalog

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// published are the methods of what can be pushed to everybody.
var published = map[ocpi.Module][]string{
	ocpi.Locations: {http.MethodPut, http.MethodPatch},
	ocpi.Tariffs:   {http.MethodPut, http.MethodDelete},
	ocpi.Tokens:    {http.MethodPut, http.MethodPatch},
}

// Publish takes an object, or a change of one, that is addressed to the hub
// (OCPI 2.2.1 §4.1.8.3). When it returns nil the change is durable and on its
// way to everybody entitled; isNew says that the hub did not have the object
// (HTTP 201).
//
// A push whose last_updated is older than what is stored, and one that changes
// nothing, is accepted and goes no further; one that changes nothing but
// last_updated is stored, and not sent to anybody. Equal last_updated with
// another content is taken, in order of arrival: DateTimes count in seconds.
// A PATCH, or a part of a location, for an object that the hub does not have is
// HTTP 404: the owner is expected to PUT the whole (§4.1.4.3).
//
// EVSEs that a PUT of a whole location lacks stay in it as REMOVED for 90 days.
// A PUT that changes one EVSE goes to the others as a PATCH of that EVSE, where
// it can be said as one; another PUT as it was written, or with the EVSEs that
// are REMOVED.
func (c *Catalog) Publish(ctx context.Context, p delivery.Push) (isNew bool, err error) {
	if err := allowed(p.Module, p.Method); err != nil {
		return false, err
	}
	now := c.now()
	d, err := read(p, now)
	if err != nil {
		return false, c.count(p.Module, "", err)
	}
	what := ""
	err = c.commit(ctx, d, now, func(tx *store.Tx, p *plan, fresh bool) error {
		put := tx.PutObject
		if p.quiet {
			put = tx.PutQuiet
		}
		if err := put(&p.next); err != nil {
			return err
		}
		if err := c.kept(tx, &p.next); err != nil {
			return err
		}
		if fresh {
			if err := rememberOwner(tx, d, now); err != nil {
				return err
			}
		}
		isNew, what = p.isNew, p.outcome()
		if !p.quiet {
			c.o.Delivery.Announce(delivery.Announcement{Seq: p.next.Seq, Prev: p.based, Key: d.key, Push: p.push})
		}
		return nil
	})
	return isNew, c.count(p.Module, what, err)
}

// commit works out what comes of d and has it written: before the writer's turn,
// on the object as it is committed now. The writer only makes sure that nothing
// has come in between; when something has, it is worked out once more, there.
// A small change is worked out there at once, see [Catalog.atOnce].
//
// write may be called more than once; fresh says that the object is not there
// yet.
func (c *Catalog) commit(ctx context.Context, d *document, now time.Time, write func(tx *store.Tx, p *plan, fresh bool) error) error {
	ready, isFresh := plan{based: nowhere}, false
	if !c.atOnce(d) {
		old, found, err := c.o.Store.Object(ctx, d.key)
		if err != nil {
			return err
		}
		if ready, err = apply(d, &old, found, now); err != nil {
			return err // answered from what is committed
		}
		isFresh = !found || old.Deleted
	}
	var nothing error // why nothing is to be written after all; an error of the function would make the whole group begin again
	err := c.o.Store.Write(ctx, func(tx *store.Tx) error {
		p, fresh := ready, isFresh
		nothing = nil
		seq, err := tx.ObjectSeq(d.key)
		if err != nil {
			return err
		}
		if seq != p.based {
			old, found, err := tx.Object(d.key)
			if err != nil {
				return err
			}
			if p, nothing = apply(d, &old, found, now); nothing != nil {
				return nil
			}
			fresh = !found || old.Deleted
		}
		return write(tx, &p, fresh)
	})
	if err == nil {
		err = nothing
	}
	return err
}

// nowhere is no object's Seq.
const nowhere = -1

// atOnce reports whether d is best worked out by the writer: a PATCH of an EVSE or
// connector, most of all messages. It takes less time than to read the object
// on another connection first, whose pages every commit makes stale, while the
// writer needs the object's page in any case. On a shared database reading there
// would be a round trip for which all processes wait.
func (c *Catalog) atOnce(d *document) bool {
	return d.Method == http.MethodPatch && d.level() > 0 && !c.o.Store.Shared() && !c.o.Store.NeverStored(d.key)
}

// outcome is what the push is counted as.
func (p *plan) outcome() string {
	switch {
	case p.isNew:
		return created
	case p.next.Deleted:
		return deleted
	case p.quiet:
		return restamped
	}
	return updated
}

func allowed(m ocpi.Module, method string) error {
	if slices.Contains(published[m], method) {
		return nil
	}
	if published[m] == nil {
		return ocpi.Invalid("OCPI-to-party-id", "objects of this module are not for everybody; name a party")
	}
	return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method: not allowed on this endpoint"}
}

// rememberOwner lets open routing find who owns an id.
func rememberOwner(tx *store.Tx, d *document, now time.Time) error {
	row := store.OwnerRow{ID: d.key.ID, Party: d.key.Party, Seen: now.UnixMicro()}
	switch d.Module {
	case ocpi.Tokens:
		row.Kind = store.OwnerOfToken
	case ocpi.Locations:
		row.Kind = store.OwnerOfLocation
	default:
		return nil
	}
	return tx.PutOwner(row)
}

// count counts a push and turns what needs no answer of its own into success.
func (c *Catalog) count(m ocpi.Module, what string, err error) error {
	switch {
	case errors.Is(err, errStale):
		what, err = stale, nil
	case errors.Is(err, errUnchanged):
		what, err = unchanged, nil
	case err != nil:
		if what, err = refused, unavailable(err); ocpi.AsError(err).HTTP == http.StatusServiceUnavailable {
			what = failed
		}
	}
	c.metrics.pushes.WithLabelValues(string(m), what).Inc()
	return err
}

// Keep stores a session that was routed to one party, so that this party and the
// owner find it in GET all. Nobody else ever sees it, and it is not
// sent to anybody. PATCH adds charging periods (OCPI 2.2.1 §9.2.2.3); for a
// session that the hub does not have it is HTTP 404. Older than what is stored
// is dropped with success.
func (c *Catalog) Keep(ctx context.Context, p delivery.Push, audience ocpi.PartyID) error {
	switch {
	case p.Module == ocpi.Sessions && (p.Method == http.MethodPut || p.Method == http.MethodPatch):
	default:
		return ocpi.Invalid("module", "only sessions are kept for one party; CDRs are in the ledger")
	}
	if audience.IsZero() {
		return errors.New("keeping an object: no audience")
	}
	d, err := read(p, c.now())
	if err != nil {
		return c.count(p.Module, "", err)
	}
	what := ""
	err = c.commit(ctx, d, c.now(), func(tx *store.Tx, p *plan, _ bool) error {
		p.next.Audience = audience.String()
		what = p.outcome()
		if err := tx.PutObject(&p.next); err != nil {
			return err
		}
		return c.kept(tx, &p.next)
	})
	return c.count(p.Module, what, err)
}

func (c *Catalog) kept(tx *store.Tx, o *store.Object) error {
	if c.o.Kept == nil {
		return nil
	}
	return c.o.Kept(tx, o)
}
