package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Actions in the audit.
const (
	actionReplay  = "dead-letter.replay"
	actionDiscard = "dead-letter.discard"
)

// Selection says which dead letters to replay or discard, and why.
type Selection struct {
	LetterFilter
	All    bool   `json:"all,omitempty,omitzero" example:"false" doc:"Needed where there is no filter: every open letter of the hub is meant"`
	DryRun bool   `json:"dry_run,omitempty,omitzero" example:"true" doc:"Change nothing; tell how many it would be, and the first few"`
	Reason string `json:"reason,omitempty" maxLength:"200" example:"DE-EM1 mended its parser" doc:"Kept in the audit as it is told; who did it is the credential"`
}

// Selected is how many dead letters were meant or changed.
type Selected struct {
	DryRun bool         `json:"dry_run" example:"false"`
	Count  int          `json:"count" example:"12" doc:"How many were queued or discarded, or would be"`
	More   bool         `json:"more" example:"false" doc:"There were more than one call changes (5000); call again for the rest"`
	First  []DeadLetter `json:"first,omitempty" doc:"With dry_run: the newest of them"`
}

type selectedOutput struct{ Body Selected }

// Why is the optional body of what is done to one letter.
type Why struct {
	Reason string `json:"reason,omitempty" maxLength:"200" example:"DE-EM1 mended its parser" doc:"Kept in the audit as it is told; who did it is the credential"`
}

type oneLetter struct {
	LetterPath
	Body *Why
}

type manyLetters struct{ Body Selection }

func (a *API) replayDeadLetter(ctx context.Context, in *oneLetter) (*exchangeOutput, error) {
	return a.setDeadLetter(ctx, in, store.LetterQueued, actionReplay)
}

func (a *API) discardDeadLetter(ctx context.Context, in *oneLetter) (*exchangeOutput, error) {
	return a.setDeadLetter(ctx, in, store.LetterDiscarded, actionDiscard)
}

func (a *API) replayDeadLetters(ctx context.Context, in *manyLetters) (*selectedOutput, error) {
	return a.setDeadLetters(ctx, in.Body, store.LetterQueued, actionReplay)
}

func (a *API) discardDeadLetters(ctx context.Context, in *manyLetters) (*selectedOutput, error) {
	return a.setDeadLetters(ctx, in.Body, store.LetterDiscarded, actionDiscard)
}

// setDeadLetter changes one letter. One that is settled, or whose receiver has
// left the hub, is a conflict.
func (a *API) setDeadLetter(ctx context.Context, in *oneLetter, state, action string) (*exchangeOutput, error) {
	d, found, err := a.store.DeadLetter(ctx, in.ID)
	switch {
	case err != nil:
	case !found:
		err = fmt.Errorf("dead letter %s: %w", in.ID, party.ErrNotFound)
	case state == store.LetterQueued && !a.receives(d):
		err = fmt.Errorf("%w: %s as %s is no longer granted to platform %s", party.ErrConflict, d.Receiver, d.Role, d.Platform)
		if d.Key.Kind == string(ocpi.CDRs) {
			err = fmt.Errorf("%w: %s is no longer a provider of this hub", party.ErrConflict, d.Receiver)
		}
	default:
		reason := ""
		if in.Body != nil {
			reason = in.Body.Reason
		}
		var n int
		n, err = a.change(ctx, store.LetterQuery{MinID: in.ID, MaxID: in.ID}, state, action, reason, map[string]string{"id": in.ID})
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: dead letter %s is %s", party.ErrConflict, in.ID, d.State)
		}
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.getDeadLetter(ctx, &in.LetterPath)
}

// receives reports whether the receiver of a letter is where it was. A CDR goes to
// its provider on whatever platform that is.
func (a *API) receives(d store.DeadLetter) bool {
	for _, q := range a.registry.Snapshot().Parties(d.Receiver) {
		if d.Key.Kind == string(ocpi.CDRs) && q.Role.Side() == ocpi.SideEMSP {
			return true
		}
		if string(q.Role) == d.Role && q.Platform.ID == d.Platform {
			return true
		}
	}
	return false
}

// shownFirst is how many letters a dry run shows.
const shownFirst = 5

func (a *API) setDeadLetters(ctx context.Context, in Selection, state, action string) (*selectedOutput, error) {
	if in.LetterFilter == (LetterFilter{}) && !in.All {
		return nil, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "body", Message: "name at least one filter, or say all: true"})
	}
	q, err := in.query("body")
	if err != nil {
		return nil, err
	}
	out := &selectedOutput{Selected{DryRun: in.DryRun}}
	if !in.DryRun {
		if out.Body.Count, err = a.change(ctx, q, state, action, in.Reason, in.LetterFilter); err != nil {
			return nil, a.problem(ctx, err)
		}
		out.Body.More = out.Body.Count == store.MaxLettersAtOnce
		return out, nil
	}
	return out, a.problem(ctx, a.dryRun(ctx, q, state, &out.Body))
}

// dryRun counts what change would change: open letters, and to discard also
// queued ones.
func (a *API) dryRun(ctx context.Context, q store.LetterQuery, state string, out *Selected) error {
	states := []string{store.LetterOpen}
	if state == store.LetterDiscarded {
		states = append(states, store.LetterQueued)
	}
	for _, s := range states {
		if q.State != "" && q.State != s {
			continue
		}
		of := q
		of.State, of.Limit = s, shownFirst-len(out.First)
		n, err := a.store.CountDeadLetters(ctx, of)
		if err != nil {
			return err
		}
		out.Count += n
		if of.Limit == 0 {
			continue
		}
		letters, err := a.store.DeadLetters(ctx, of)
		if err != nil {
			return err
		}
		for _, d := range letters {
			out.First = append(out.First, letterView(d))
		}
	}
	out.More = out.Count > store.MaxLettersAtOnce
	return nil
}

// change gives the selected letters the state and notes it in the audit, in one
// transaction. Nothing is noted when there was nothing to change.
func (a *API) change(ctx context.Context, q store.LetterQuery, state, action, reason string, what any) (n int, err error) {
	detail, err := json.Marshal(what)
	if err != nil {
		return 0, err
	}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if n, err = tx.SetDeadLetters(q, state); err != nil || n == 0 {
			return err
		}
		return tx.PutAudit(store.AuditRow{Who: adminCredential, Action: action, Reason: reason, Detail: detail, Count: n})
	})
	return n, err
}
