package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
)

// events reads all leaves once.
func (v *verifying) events(ctx context.Context) error {
	signed, err := v.signedStates(ctx)
	if err != nil {
		return err
	}
	next := int64(0)
	err = v.EachEvent(ctx, 0, v.size, func(e store.LedgerEvent) error {
		if e.Seq != next {
			return fmt.Errorf("%w", gapError{next})
		}
		next++
		if err := v.event(&e); err != nil {
			return err
		}
		if next%5000 == 0 {
			v.progress("events", next, v.size)
		}
		for len(signed) > 0 && signed[0].Size == next {
			if err := v.checkpoint(signed[0]); err != nil {
				return err
			}
			signed = signed[1:]
		}
		return nil
	})
	if gap, ok := errors.AsType[gapError](err); ok {
		return errors.Join(v.fault("ledger_event", fmt.Sprint(gap.at), "is missing"), errEnough)
	}
	if err != nil {
		return err
	}
	v.out.Events = next
	v.out.Root = v.tree.root().String()
	v.progress("events", next, v.size)
	if len(signed) == 0 {
		return nil
	}
	last := signed[len(signed)-1].Size
	if since, err := v.since(ctx, last-1); err != nil || since { // signed since the verification began
		return err
	}
	return v.fault("ledger_event", fmt.Sprint(next), "is missing: the checkpoint of size %d was signed over it", last)
}

type gapError struct{ at int64 }

func (e gapError) Error() string { return fmt.Sprintf("event %d is missing", e.at) }

// signedStates reads all checkpoints.
func (v *verifying) signedStates(ctx context.Context) ([]store.Checkpoint, error) {
	var all []store.Checkpoint
	for after := int64(-1); ; after = all[len(all)-1].Size {
		part, err := v.Checkpoints(ctx, after, 1000)
		if err != nil {
			return nil, err
		}
		if len(part) == 0 {
			return all, nil
		}
		all = append(all, part...)
	}
}

func (v *verifying) checkpoint(c store.Checkpoint) error {
	v.out.Checkpoints++
	row := fmt.Sprint(c.Size)
	got, err := receipt.Open(string(c.Note), v.key)
	switch {
	case err != nil:
		return v.fault("ledger_checkpoint", row, "%v", err)
	case got.Size != c.Size:
		return v.fault("ledger_checkpoint", row, "was signed over %d events", got.Size)
	case got.Root != v.tree.root():
		return v.fault("ledger_checkpoint", row, "was signed over other events than the first %d that are there", c.Size)
	}
	return nil
}

// event checks a leaf and notes what it says.
func (v *verifying) event(e *store.LedgerEvent) error {
	row := fmt.Sprint(e.Seq)
	hash := tlog.RecordHash(e.Leaf)
	v.tree.add(hash)
	if v.tree.size%256 == 0 {
		v.stored = append(v.stored, v.tree.node(8))
	}
	if string(hash[:]) != string(e.Hash) {
		if err := v.fault("ledger_event", row, "the leaf does not have the hash that is stored with it"); err != nil {
			return err
		}
	}
	leaf, err := ParseLeaf(e.Leaf)
	if err != nil {
		return v.fault("ledger_event", row, "%v", err)
	}
	if string(leaf.Kind) != e.Kind || leaf.At.UnixMicro() != e.At {
		if err := v.fault("ledger_event", row, "its kind or time is not that of the leaf"); err != nil {
			return err
		}
	}
	return v.fold(e, &leaf)
}

// fold adds what a leaf says to what is known of its CDR.
func (v *verifying) fold(e *store.LedgerEvent, leaf *Leaf) error {
	row := fmt.Sprint(e.Seq)
	if len(leaf.Postings) > 0 {
		v.journals = append(v.journals, expected{e.Seq, sumOf(leaf.Postings)})
	}
	id := e.CDR
	if id == 0 && leaf.Kind == Received {
		id = e.Seq
	}
	if id == 0 || leaf.CDR == "" {
		return nil
	}
	f := v.cdrs[id]
	if f == nil {
		if leaf.Kind != Received {
			return v.fault("ledger_event", row, "is about CDR %d, which was not received before", id)
		}
		f = &fold{}
		v.cdrs[id] = f
	}
	v.share(leaf)
	if err := f.apply(e.Seq, leaf); err != nil {
		return v.fault("ledger_event", row, "%v", err)
	}
	if leaf.Kind == Received {
		evidence, err := digestOf(leaf.Evidence)
		if err != nil {
			return v.fault("ledger_event", row, "%v", err)
		}
		v.judged = append(v.judged, judgement{e.Seq, evidence})
	}
	return nil
}

// share has leaves share the texts that are the same in many.
func (v *verifying) share(l *Leaf) {
	one := func(s string) string {
		if t, ok := v.texts[s]; ok {
			return t
		}
		v.texts[s] = s
		return s
	}
	l.CPO, l.EMSP, l.Currency, l.State = one(l.CPO), one(l.EMSP), one(l.Currency), State(one(string(l.State)))
}

// apply adds an event.
func (f *fold) apply(seq int64, leaf *Leaf) error {
	if leaf.Kind != Received && (leaf.CPO != f.cpo || leaf.CDR != f.name) {
		return fmt.Errorf("it is about %s %s, its CDR is %s %s", leaf.CPO, leaf.CDR, f.cpo, f.name)
	}
	switch leaf.Kind {
	case Conflict:
		return nil
	case Received:
		*f = fold{judged: seq, currency: leaf.Currency, net: leaf.Net, gross: leaf.Gross, cpo: leaf.CPO, emsp: leaf.EMSP, name: leaf.CDR}
		var err error
		if f.digest, err = digestOf(leaf.Digest); err != nil {
			return err
		}
	}
	f.state, f.held = leaf.State, leaf.Held
	f.posted = f.posted || len(leaf.Postings) > 0
	return nil
}

// digestOf reads a digest of a leaf.
func digestOf(text string) (d [32]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(d) {
		return d, errors.New("a digest in it is none")
	}
	return [32]byte(b), nil
}

// nodes compares the stored nodes with those that follow from the leaves.
func (v *verifying) nodes(ctx context.Context) error {
	var want [][]tlog.Hash // by level: 8, 16, 24, …
	for nodes := v.stored; len(nodes) > 0; nodes = upper(nodes) {
		want = append(want, nodes)
	}
	seen := make([]int64, len(want))
	missing := func(level int, until int64) error {
		for ; seen[level] < until; seen[level]++ {
			if err := v.fault("ledger_node", nodeName(level, seen[level]), "is missing"); err != nil {
				return err
			}
		}
		return nil
	}
	err := v.EachNode(ctx, func(n store.LedgerNode) error {
		level := n.Level/8 - 1
		if n.Level%8 != 0 || level < 0 {
			return v.fault("ledger_node", fmt.Sprintf("%d/%d", n.Level, n.N), "there is no such level")
		}
		if level >= len(want) || n.N >= int64(len(want[level])) {
			return nil // written since
		}
		if err := missing(level, n.N); err != nil {
			return err
		}
		seen[level] = n.N + 1
		if string(n.Hash) != string(want[level][n.N][:]) {
			return v.fault("ledger_node", nodeName(level, n.N), "does not follow from the events below it")
		}
		return nil
	})
	for level := 0; err == nil && level < len(want); level++ {
		err = missing(level, int64(len(want[level])))
	}
	return err
}

func nodeName(level int, n int64) string { return fmt.Sprintf("%d/%d", 8*(level+1), n) }

// upper returns the nodes eight levels up.
func upper(nodes []tlog.Hash) []tlog.Hash {
	var out []tlog.Hash
	for part := range slices.Chunk(nodes, 256) {
		if len(part) == 256 {
			var f frontier
			for _, h := range part {
				f.add(h)
			}
			out = append(out, f.node(8))
		}
	}
	return out
}
