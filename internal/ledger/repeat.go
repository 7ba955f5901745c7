package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// repeat answers a CDR whose id is in the ledger.
func (l *Ledger) repeat(ctx context.Context, x *relay.Exchange, c *store.LedgerCDR) (relay.Answer, error) {
	same, err := l.same(ctx, c, x.Body)
	if err != nil {
		return relay.Answer{}, l.count(undone, unavailable(err))
	}
	if !same || c.EMSP != x.Target.ID {
		if err := l.conflict(ctx, c, x); err != nil {
			return relay.Answer{}, l.count(undone, unavailable(err))
		}
		return relay.Answer{}, l.count(conflicted, ocpi.Invalid("id", "C03: a CDR with this id and other content was accepted before; CDRs cannot be changed, send a credit CDR and a new one"))
	}
	if len(c.Answer) == 0 { // another process is at it, or the one that was has died
		if err := l.awaitAnswer(ctx, c); errors.Is(err, errStale) {
			return relay.Answer{}, err
		} else if err != nil {
			return relay.Answer{}, l.count(undone, unavailable(err))
		}
	}
	l.metrics.intake.WithLabelValues(repeated).Inc()
	a, err := again(c.Answer, l.now())
	if err != nil {
		return a, unavailable(err)
	}
	return a, nil
}

// same reports whether body says the same as the CDR in the ledger. Spacing and
// the order of members do not matter. Numbers must be spelled the same: the common
// canonical form would make them binary floating point, and equal those that differ
// in a late digit.
func (l *Ledger) same(ctx context.Context, c *store.LedgerCDR, body []byte) (bool, error) {
	if sum := sha256.Sum256(body); bytes.Equal(sum[:], c.Digest) {
		return true, nil
	}
	o, found, err := l.o.Store.Object(ctx, objectKey(c.Owner, c.CDRID))
	if err != nil || !found {
		return false, err
	}
	a, b := jsontext.Value(bytes.Clone(body)), jsontext.Value(bytes.Clone(o.Body))
	exact := []jsontext.Options{jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)}
	if a.Canonicalize(exact...) != nil || b.Canonicalize(exact...) != nil {
		return false, nil
	}
	return bytes.Equal(a, b), nil
}

// maxConflicts bounds how many conflicting contents of one id are recorded.
const maxConflicts = 20

// conflict records that an id came again with other content, once for each
// content.
func (l *Ledger) conflict(ctx context.Context, c *store.LedgerCDR, x *relay.Exchange) error {
	digest := hexDigest(x.Body)
	events, err := l.o.Store.CDREvents(ctx, c.ID)
	if err != nil {
		return err
	}
	n := 0
	for _, e := range events {
		if Kind(e.Kind) != Conflict {
			continue
		}
		n++
		if leaf, err := ParseLeaf(e.Leaf); err == nil && leaf.Digest == digest {
			return nil
		}
	}
	if n >= maxConflicts {
		return nil
	}
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		now, found, err := tx.CDRByID(c.ID)
		if err != nil || !found {
			return err
		}
		leaf := leafOf(Conflict, l.now(), &now, x.Request.From.ID.String())
		leaf.Digest, leaf.Reason = digest, "C03"
		_, err = record(tx, c.ID, &leaf)
		return err
	})
}

// alone reports whether no other process lives. As one intake at a time has an id,
// nobody is then about to answer for the CDR that somebody here asks about.
func (l *Ledger) alone(ctx context.Context) (bool, error) {
	if !l.o.Store.Shared() {
		return true, nil
	}
	me := l.o.Lease.ID()
	if me == "" {
		return false, nil // the others do not know this one yet, nor this one them
	}
	nodes, _, err := l.o.Store.Nodes(ctx)
	return len(nodes) == 1 && nodes[0].ID == me, err
}

// awaitAnswer waits until it is known what the sender was told; when nobody
// seems to be about to tell, it is told that the hub has the CDR. errStale says
// that the CDR does not count: its receiver has refused it meanwhile.
func (l *Ledger) awaitAnswer(ctx context.Context, c *store.LedgerCDR) error {
	until := time.UnixMicro(c.Received).Add(firstAttempt)
	for l.now().Before(until) {
		if alone, err := l.alone(ctx); err != nil {
			return err
		} else if alone {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		now, found, err := l.o.Store.CDRByID(ctx, c.ID)
		if err != nil {
			return err
		}
		if !found || now.Evidence != c.Evidence || State(now.State) == StateRefused {
			return errStale
		}
		if len(now.Answer) > 0 {
			*c = now
			return nil
		}
	}
	if l.terms(c.Owner, c.EMSP, l.now()).Relay {
		if down, err := l.turnedDown(ctx, c, nil, errAbandoned); err != nil {
			return err
		} else if down {
			return errStale
		}
	}
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		now, ok, err := still(tx, c)
		if err == nil && !ok {
			err = errStale
		}
		if err != nil {
			return err
		}
		if len(now.Answer) == 0 {
			a := l.takenOver(ocpi.Version(now.Version), Key{now.Owner, now.Name}, l.now())
			now.Answer = tell(&a)
			if err := tx.UpdateCDR(&now); err != nil {
				return err
			}
		}
		*c = now
		return nil
	})
}
