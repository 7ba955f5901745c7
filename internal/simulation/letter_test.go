package simulation

import (
	"context"
	"strings"
	"testing/synctest"
	"time"

	"github.com/eroam/eroam/internal/store"
)

// letters returns the objects for which the hub has open dead letters of r.
func (w *world) letters(r *receiver) map[objectID]bool {
	w.t.Helper()
	keys, err := w.hub.store.LaneLetters(context.Background(), r.platform+"/"+r.id+"/"+string(r.role))
	if err != nil {
		w.t.Fatal(err)
	}
	out := make(map[objectID]bool, len(keys))
	for _, k := range keys {
		for o := range w.model {
			id, _, _ := strings.Cut(k.ID, "/") // the type of a token follows
			if string(o.module) == k.Kind && o.owner == k.Party.String() && strings.EqualFold(o.id, id) {
				out[o] = true
			}
		}
	}
	if len(out) != len(keys) {
		w.violation("I1: %s has dead letters for what does not exist: %v", r.id, keys)
	}
	return out
}

// checkLetters is the rest of I1: there is an open dead letter exactly for each
// object of which r refused the last that it was sent.
func (w *world) checkLetters(r *receiver, letters map[objectID]bool) {
	for o := range letters {
		if !r.answer[o].refused {
			w.violation("I1: there is a dead letter for %s at %s, which refused nothing", o, r.id)
		}
	}
	for o, a := range r.answer {
		if a.refused && !letters[o] && w.entitled(o.module, o.owner, r.id) && r.settings[len(r.settings)-1].admits(o) {
			w.violation("I1: there is no dead letter for %s, which %s has refused", o, r.id)
		}
	}
}

// replay has all dead letters sent again, now that nobody refuses anything.
func (w *world) replay() int {
	w.t.Helper()
	n := 0
	err := w.hub.store.Write(context.Background(), func(tx *store.Tx) (err error) {
		n, err = tx.SetDeadLetters(store.LetterQuery{State: store.LetterOpen}, store.LetterQueued)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	return n
}
