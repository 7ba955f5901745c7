package ledger

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
)

// log reads the stored hashes of the Merkle tree.
func (l *Ledger) tree(ctx context.Context) receipt.Log {
	return func(indexes []int64) ([]tlog.Hash, error) { return l.o.Store.LedgerHashes(ctx, indexes) }
}

// Checkpoint returns the newest signed state of the log, and signs one first
// when the log has grown since the last. It signs nothing, and returns ErrTampered,
// when the log is not one that grew out of what was signed and written before.
func (l *Ledger) Checkpoint(ctx context.Context) (store.Checkpoint, error) {
	before := l.seen.look() // first: the database may only be ahead of it
	last, found, err := l.o.Store.LatestCheckpoint(ctx)
	if err != nil {
		return last, fmt.Errorf("reading the last checkpoint: %w", err)
	}
	size, err := l.o.Store.LedgerSize(ctx)
	if err != nil {
		return store.Checkpoint{}, fmt.Errorf("reading the size of the ledger: %w", err)
	}
	if err := before.compare(last, size); err != nil {
		return last, err
	}
	if found && last.Size == size {
		l.seen.signed(last)
		return last, nil
	}
	if err := l.grew(ctx, last); found && err != nil {
		return last, err
	}
	root, err := l.tree(ctx).Root(size)
	if err != nil {
		return last, err
	}
	note, err := l.o.Signer.Sign(size, root)
	if err != nil {
		return last, err
	}
	c := store.Checkpoint{Size: size, At: l.now().UnixMicro(), Note: []byte(note)}
	err = l.o.Store.Write(ctx, func(tx *store.Tx) error { return tx.PutCheckpoint(c.Size, c.At, c.Note) })
	if err == nil {
		l.seen.signed(c)
	}
	return c, err
}

// VerifierKey is what checkpoints are verified with.
func (l *Ledger) VerifierKey() string { return l.o.Signer.VerifierKey() }

// Receipt proves that the CDR's reception, or another of its events, is in the
// log: which is the kind of the event, "" for the reception that counts.
func (l *Ledger) Receipt(ctx context.Context, c *store.LedgerCDR, which Kind) (receipt.Receipt, error) {
	events, err := l.o.Store.CDREvents(ctx, c.ID)
	if err != nil {
		return receipt.Receipt{}, err
	}
	var e *store.LedgerEvent
	for i := range events {
		if which == "" && events[i].Seq == c.Evidence || which != "" && Kind(events[i].Kind) == which {
			e = &events[i]
		}
	}
	if e == nil {
		return receipt.Receipt{}, fmt.Errorf("%w: no event %q", ErrNotFound, which)
	}
	at, err := l.Checkpoint(ctx)
	if err != nil {
		return receipt.Receipt{}, err
	}
	return l.tree(ctx).Receipt(e.Leaf, e.Seq, string(at.Note), l.VerifierKey())
}

// Consistency proves that the log at one checkpoint has grown out of the log at
// an older one. Zero as the newer is the newest.
func (l *Ledger) Consistency(ctx context.Context, older, newer int64) (from, to store.Checkpoint, proof []tlog.Hash, err error) {
	from, found, err := l.o.Store.Checkpoint(ctx, older)
	if err == nil && !found {
		err = fmt.Errorf("%w: no checkpoint of size %d", ErrNotFound, older)
	}
	if err != nil {
		return from, to, nil, err
	}
	if newer == 0 {
		to, err = l.Checkpoint(ctx)
	} else if to, found, err = l.o.Store.Checkpoint(ctx, newer); err == nil && !found {
		err = fmt.Errorf("%w: no checkpoint of size %d", ErrNotFound, newer)
	}
	if err != nil {
		return from, to, nil, err
	}
	if to.Size < from.Size {
		return from, to, nil, errors.Join(ErrInvalid, errors.New("the second checkpoint is older than the first"))
	}
	proof, err = l.tree(ctx).Consistency(from.Size, to.Size)
	return from, to, proof, err
}
