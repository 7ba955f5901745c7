package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
)

// Fault is a row that is not as it was written.
type Fault struct {
	Table   string `json:"table"`
	Row     string `json:"row"`
	Problem string `json:"problem"`
}

func (f Fault) String() string { return f.Table + " " + f.Row + ": " + f.Problem }

// Verification is the outcome of [Verify].
type Verification struct {
	Events      int64   `json:"events"`
	Checkpoints int     `json:"checkpoints"`
	CDRs        int64   `json:"cdrs"`
	Postings    int64   `json:"postings"`
	Root        string  `json:"root"`   // of the tree over all events, base64
	Faults      []Fault `json:"faults"` // in the order in which they were found; at most MaxFaults
}

// MaxFaults is how many faults are listed before Verify gives up.
const MaxFaults = 100

// Source is what Verify reads: a [store.Reader], or a store.
type Source interface {
	LedgerSize(ctx context.Context) (int64, error)
	EachEvent(ctx context.Context, from, to int64, fn func(store.LedgerEvent) error) error
	EachNode(ctx context.Context, fn func(store.LedgerNode) error) error
	Checkpoints(ctx context.Context, after int64, limit int) ([]store.Checkpoint, error)
	EachCDR(ctx context.Context, q store.CDRQuery, fn func(store.LedgerCDR) error) error
	CDRByID(ctx context.Context, id int64) (store.LedgerCDR, bool, error)
	CDREvents(ctx context.Context, cdr int64) ([]store.LedgerEvent, error)
	CDREvidence(ctx context.Context, event int64) ([]byte, error)
	EachPosting(ctx context.Context, q store.PostingQuery, fn func(store.Posting) error) error
	Balances(ctx context.Context) ([]store.Balance, error)
	Object(ctx context.Context, k store.ObjectKey) (store.Object, bool, error)
}

// Progress is told how far Verify has come: done of total rows of what.
type Progress func(what string, done, total int64)

// errEnough ends a verification that has found MaxFaults.
var errEnough = errors.New("too many faults")

// Verify reads the whole ledger and compares it with itself: that each leaf has
// its hash and each stored node of the tree follows from the leaves; that every
// checkpoint was signed with the key and its tree is the one over the first
// leaves; that each CDR, its body and its evidence are what its events say; that
// each journal was posted as its event says, and the balances are the sums. A
// hub may work on the database meanwhile.
//
// What it cannot see is a database that somebody who has the signing key has
// written anew from the beginning; a checkpoint or a receipt that a partner has
// kept shows that (see receipt.CheckConsistency).
//
// An error means that it could not be read to the end; faults are no error.
func Verify(ctx context.Context, src Source, verifierKey string, progress Progress) (Verification, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	v := &verifying{Source: src, key: verifierKey, progress: progress, cdrs: make(map[int64]*fold)}
	v.out.Faults = []Fault{}
	var err error
	if v.size, err = src.LedgerSize(ctx); err != nil {
		return v.out, err
	}
	for _, part := range []func(context.Context) error{v.events, v.nodes, v.rows, v.postings} {
		if err := part(ctx); errors.Is(err, errEnough) {
			return v.out, nil
		} else if err != nil {
			return v.out, err
		}
	}
	return v.out, nil
}

// verifying is a verification on its way.
type verifying struct {
	Source
	key      string
	progress Progress
	size     int64
	out      Verification

	tree     frontier
	stored   []tlog.Hash // nodes of level 8 as they follow from the leaves
	cdrs     map[int64]*fold
	journals []expected
}

// fold is what the events say of a CDR.
type fold struct {
	digest, evidence [32]byte
	judged           int64 // event of the evidence
	state            State
	held, posted     bool
	currency         string
	net, gross       int64
	cpo, emsp, name  string
}

// expected is a journal as its event has it.
type expected struct {
	event int64
	sum   [16]byte
}

func (v *verifying) fault(table, row, format string, args ...any) error {
	v.out.Faults = append(v.out.Faults, Fault{table, row, fmt.Sprintf(format, args...)})
	if len(v.out.Faults) >= MaxFaults {
		return errEnough
	}
	return nil
}

// events reads all leaves once.
func (v *verifying) events(ctx context.Context) error {
	signed, err := v.signedStates(ctx)
	if err != nil {
		return err
	}
	next := int64(0)
	err = v.EachEvent(ctx, 0, v.size, func(e store.LedgerEvent) error {
		if e.Seq != next {
			return fmt.Errorf("%w", errGap{next})
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
	if gap, ok := errors.AsType[errGap](err); ok {
		return errors.Join(v.fault("ledger_event", fmt.Sprint(gap.at), "is missing"), errEnough)
	}
	if err != nil {
		return err
	}
	v.out.Events = next
	v.out.Root = v.tree.root().String()
	v.progress("events", next, v.size)
	if len(signed) > 0 {
		if err := v.fault("ledger_event", fmt.Sprint(next), "is missing: the checkpoint of size %d was signed over it", signed[len(signed)-1].Size); err != nil {
			return err
		}
	}
	return nil
}

type errGap struct{ at int64 }

func (e errGap) Error() string { return fmt.Sprintf("event %d is missing", e.at) }

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
		return v.fault("ledger_event", row, "the leaf does not have the hash that is stored with it")
	}
	leaf, err := ParseLeaf(e.Leaf)
	if err != nil {
		return v.fault("ledger_event", row, "%v", err)
	}
	if string(leaf.Kind) != e.Kind || leaf.At.UnixMicro() != e.At {
		return v.fault("ledger_event", row, "its kind or time is not that of the leaf")
	}
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
	if err := f.apply(e.Seq, &leaf); err != nil {
		return v.fault("ledger_event", row, "%v", err)
	}
	return nil
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
		for into, text := range map[*[32]byte]string{&f.digest: leaf.Digest, &f.evidence: leaf.Evidence} {
			b, err := hex.DecodeString(text)
			if err != nil || len(b) != len(into) {
				return errors.New("a digest in it is none")
			}
			copy(into[:], b)
		}
	}
	f.state, f.held = leaf.State, leaf.Held
	f.posted = f.posted || len(leaf.Postings) > 0
	return nil
}

// nodes compares the stored nodes with those that follow from the leaves.
func (v *verifying) nodes(ctx context.Context) error {
	level, nodes := 8, v.stored
	seen := 0
	err := v.EachNode(ctx, func(n store.LedgerNode) error {
		for n.Level > level {
			if seen < len(nodes) {
				if err := v.fault("ledger_node", fmt.Sprintf("%d/%d", level, seen), "is missing"); err != nil {
					return err
				}
			}
			nodes, level, seen = upper(nodes), level+8, 0
		}
		if n.N >= int64(len(nodes)) {
			return nil // written since
		}
		row := fmt.Sprintf("%d/%d", n.Level, n.N)
		if n.N != int64(seen) {
			if err := v.fault("ledger_node", fmt.Sprintf("%d/%d", level, seen), "is missing"); err != nil {
				return err
			}
		}
		seen = int(n.N) + 1
		if string(n.Hash) != string(nodes[n.N][:]) {
			return v.fault("ledger_node", row, "does not follow from the events below it")
		}
		return nil
	})
	if err == nil && level == 8 && seen < len(nodes) {
		err = v.fault("ledger_node", fmt.Sprintf("%d/%d", level, seen), "is missing")
	}
	return err
}

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

// rows compares each CDR, its body and its evidence with its events.
func (v *verifying) rows(ctx context.Context) error {
	err := v.EachCDR(ctx, store.CDRQuery{}, func(c store.LedgerCDR) error {
		if c.ID >= v.size {
			return nil // received since
		}
		v.out.CDRs++
		if v.out.CDRs%1000 == 0 {
			v.progress("CDRs", v.out.CDRs, int64(len(v.cdrs)))
		}
		problem, err := v.row(ctx, &c, v.cdrs[c.ID])
		if err == nil && problem != "" { // the hub may have changed it meanwhile
			problem, err = v.again(ctx, c.ID)
		}
		if err == nil && problem != "" {
			err = v.fault("cdr", fmt.Sprintf("%d (%s %s)", c.ID, c.Owner, c.Name), "%s", problem)
		}
		delete(v.cdrs, c.ID)
		return err
	})
	if err != nil {
		return err
	}
	v.progress("CDRs", v.out.CDRs, v.out.CDRs)
	for _, id := range slices.Sorted(maps.Keys(v.cdrs)) {
		f := v.cdrs[id]
		if err := v.fault("cdr", fmt.Sprintf("%d (%s %s)", id, f.cpo, f.name), "is missing"); err != nil {
			return err
		}
	}
	return nil
}

// again looks at a CDR as it is now.
func (v *verifying) again(ctx context.Context, id int64) (problem string, err error) {
	for range 3 {
		before, found, err := v.CDRByID(ctx, id)
		if err != nil || !found {
			return "is missing", err
		}
		events, err := v.CDREvents(ctx, id)
		if err != nil {
			return "", err
		}
		var f *fold
		for i := range events {
			leaf, err := ParseLeaf(events[i].Leaf)
			if err != nil {
				return "an event of it is unreadable", nil
			}
			if f == nil {
				f = &fold{}
			}
			if err := f.apply(events[i].Seq, &leaf); err != nil {
				return err.Error(), nil
			}
		}
		if problem, err = v.row(ctx, &before, f); err != nil || problem == "" {
			return problem, err
		}
		if after, _, err := v.CDRByID(ctx, id); err != nil || after.Updated == before.Updated {
			return problem, err
		}
	}
	return problem, nil
}

func (v *verifying) row(ctx context.Context, c *store.LedgerCDR, f *fold) (problem string, err error) {
	switch {
	case f == nil:
		return "no event tells of it", nil
	case c.Owner.String() != f.cpo || c.EMSP.String() != f.emsp || c.Name != f.name:
		return fmt.Sprintf("is %s %s for %s, and was received as %s %s for %s", c.Owner, c.Name, c.EMSP, f.cpo, f.name, f.emsp), nil
	case string(c.Digest) != string(f.digest[:]):
		return "its digest is not that of its reception", nil
	case c.Currency != f.currency || c.Net != f.net || c.Gross != f.gross:
		return fmt.Sprintf("says %d/%d %s, and was received with %d/%d %s", c.Net, c.Gross, c.Currency, f.net, f.gross, f.currency), nil
	case State(c.State) != f.state || c.Held != f.held || (c.Posted != 0) != f.posted:
		return fmt.Sprintf("is %s (held %v, posted %v); its events say %s (held %v, posted %v)", c.State, c.Held, c.Posted != 0, f.state, f.held, f.posted), nil
	case c.Evidence != f.judged:
		return "its evidence is not that of its reception", nil
	}
	o, found, err := v.Object(ctx, objectKey(c.Owner, c.CDRID))
	if err != nil {
		return "", err
	}
	if !found {
		return "its body is missing", nil
	}
	if sha256.Sum256(o.Body) != f.digest {
		return "its body is not the one that was received", nil
	}
	e, err := v.CDREvidence(ctx, f.judged)
	if err != nil {
		return "", err
	}
	if sha256.Sum256(e) != f.evidence {
		return "its evidence is not the one that was stored", nil
	}
	return "", nil
}

// postings compares the journals with what the events say, and the balances with
// the postings.
func (v *verifying) postings(ctx context.Context) error {
	type account struct{ name, currency string }
	sums := make(map[account]int64)
	var entries []Entry
	event, rest, grew := int64(-1), v.journals, false
	finish := func() error {
		for len(rest) > 0 && rest[0].event < event {
			missing := rest[0].event
			rest = rest[1:]
			if err := v.fault("posting", fmt.Sprintf("of event %d", missing), "is missing"); err != nil {
				return err
			}
		}
		if event < 0 || len(entries) == 0 {
			return nil
		}
		if len(rest) == 0 || rest[0].event != event {
			return v.fault("posting", fmt.Sprintf("of event %d", event), "no event says so")
		}
		want := rest[0].sum
		rest = rest[1:]
		if sumOf(entries) != want {
			return v.fault("posting", fmt.Sprintf("of event %d", event), "is not what the event says")
		}
		return nil
	}
	err := v.EachPosting(ctx, store.PostingQuery{}, func(p store.Posting) error {
		if p.Event >= v.size {
			grew = true
			return nil
		}
		v.out.Postings++
		if p.Event != event {
			if err := finish(); err != nil {
				return err
			}
			event, entries = p.Event, entries[:0]
		}
		entries = append(entries, Entry{p.Account, p.Currency, p.Amount})
		sums[account{p.Account, p.Currency}] += p.Amount
		return nil
	})
	if err == nil {
		err = finish()
	}
	if err == nil {
		event, entries = v.size, nil
		err = finish()
	}
	if err != nil {
		return err
	}
	v.progress("postings", v.out.Postings, v.out.Postings)
	balances, err := v.Balances(ctx)
	if err != nil {
		return err
	}
	total := make(map[string]int64)
	for _, b := range balances {
		total[b.Currency] += b.Amount
		k := account{b.Account, b.Currency}
		if !grew && sums[k] != b.Amount {
			if now, err := v.LedgerSize(ctx); err != nil || now != v.size {
				grew = true
				continue
			}
			if err := v.fault("balance", b.Account+" "+b.Currency, "is %d; the postings add up to %d", b.Amount, sums[k]); err != nil {
				return err
			}
		}
		delete(sums, k)
	}
	for k, sum := range sums {
		if sum != 0 && !grew {
			if err := v.fault("balance", k.name+" "+k.currency, "is missing; the postings add up to %d", sum); err != nil {
				return err
			}
		}
	}
	for currency, sum := range total {
		if sum != 0 {
			if err := v.fault("balance", currency, "the balances add up to %d instead of 0", sum); err != nil {
				return err
			}
		}
	}
	return nil
}

// sumOf digests a journal.
func sumOf(entries []Entry) (sum [16]byte) {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%q%q", e.Account, e.Currency)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(e.Amount)))
	}
	copy(sum[:], h.Sum(nil))
	return sum
}
