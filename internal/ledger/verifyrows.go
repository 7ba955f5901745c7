package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/eroam/eroam/internal/store"
)

// rows compares each CDR, its body and its evidence with its events.
func (v *verifying) rows(ctx context.Context) error {
	err := v.EachCDR(ctx, store.CDRQuery{}, func(c store.LedgerCDR) error {
		if since, err := v.since(ctx, c.ID); err != nil || since {
			return err
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

// since reports whether an event was written since the verification began: its row
// is read with what it did, so the log has it when that was read.
func (v *verifying) since(ctx context.Context, event int64) (since bool, err error) {
	if event >= v.latest {
		if v.latest, err = v.LedgerSize(ctx); err != nil {
			return false, err
		}
	}
	return event >= v.size && event < v.latest, nil
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
	if errors.Is(err, store.ErrDamaged) {
		return "its body is damaged", nil
	}
	if err != nil {
		return "", err
	}
	if !found {
		return "its body is missing", nil
	}
	if sha256.Sum256(o.Body) != f.digest {
		return "its body is not the one that was received", nil
	}
	return "", nil
}

// evidence compares what was stored about each reception with its event.
func (v *verifying) evidence(ctx context.Context) error {
	rest := v.judged
	missing := func(before int64) error {
		for ; len(rest) > 0 && rest[0].event < before; rest = rest[1:] {
			if err := v.fault("cdr_evidence", fmt.Sprint(rest[0].event), "is missing"); err != nil {
				return err
			}
		}
		return nil
	}
	done := int64(0)
	err := v.EachEvidence(ctx, func(event int64, body []byte) error {
		if since, err := v.since(ctx, event); err != nil || since {
			return err
		}
		if done++; done%1000 == 0 {
			v.progress("evidence", done, int64(len(v.judged)))
		}
		if err := missing(event); err != nil {
			return err
		}
		row := fmt.Sprint(event)
		if len(rest) == 0 || rest[0].event != event {
			return v.fault("cdr_evidence", row, "belongs to no reception")
		}
		want := rest[0].digest
		rest = rest[1:]
		if sha256.Sum256(body) != want {
			return v.fault("cdr_evidence", row, "is not what was stored when the CDR came in")
		}
		return nil
	})
	if errors.Is(err, store.ErrDamaged) {
		row := "the last"
		if len(rest) > 0 {
			row = fmt.Sprint(rest[0].event)
		}
		return v.fault("cdr_evidence", row, "its stored bytes are damaged; those after it were not looked at")
	}
	if err == nil {
		err = missing(v.size)
	}
	v.progress("evidence", done, done)
	return err
}
