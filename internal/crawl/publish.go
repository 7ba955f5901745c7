package crawl

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// found is an object on a page.
type found struct {
	push    delivery.Push
	key     store.ObjectKey
	id      string
	updated time.Time
	err     error // why it is not taken
	foreign bool  // … its owner is not granted to the platform
}

// atOnce is how many objects are published at the same time: they share the
// commits of the store.
const atOnce = 32

// readObject finds whose an object is and what it is called. It does not check
// the rest: that is done when it is published.
func (w *walk) readObject(v jsontext.Value) found {
	var f found
	if v.Kind() != '{' {
		f.err = errors.New("is not a JSON object")
		return f
	}
	m := w.job.module
	name := "id"
	if m == ocpi.Tokens {
		name = "uid"
	}
	r := gjson.GetManyBytes(v, "country_code", "party_id", name, "type", "last_updated")
	f.id = cut(r[2].Str)
	if r[2].Type != gjson.String || ocpi.CheckSegment(name, r[2].Str) != nil {
		f.err = errors.New(name + ": is missing or cannot be used")
		return f
	}
	owner := w.job.party
	if r[0].Exists() || r[1].Exists() {
		id, err := ocpi.ParsePartyID(r[0].Str, r[1].Str)
		if err != nil {
			f.err = err
			return f
		}
		if owner = w.owner(id); owner == nil {
			f.err, f.foreign = errors.New(id.String()+" is not a party of this platform that may publish this"), true
			return f
		}
	}
	f.key = store.ObjectKey{Kind: string(m), Party: owner.ID, ID: ocpi.FoldID(r[2].Str)}
	f.push = delivery.Push{
		From: owner, Version: owner.Platform.Version, Module: m, Method: http.MethodPut,
		Path: []string{owner.ID.CountryCode, owner.ID.ID, r[2].Str}, Body: v, CorrelationID: ocpi.NewMessageID(),
	}
	if m == ocpi.Tokens {
		if strings.Contains(r[3].Str, "/") {
			f.err = errors.New("type: is not a TokenType")
			return f
		}
		f.key.ID = ocpi.TokenKey(r[2].Str, r[3].Str)
		f.push.Query = url.Values{"type": {r[3].Str}}
	}
	if t, err := ocpi.ParseTime(r[4].Str); err == nil {
		f.updated = t
	}
	return f
}

// owner finds a party of the platform that may publish objects of the module.
func (w *walk) owner(id ocpi.PartyID) *party.Party {
	for _, q := range w.job.party.Platform.Parties {
		if q.ID == id && owns(q, w.job.module) {
			return q
		}
	}
	return nil
}

// publishPage publishes what is on a page, and returns how many objects this run
// had not seen. An error is the hub's own; then the page is to be fetched again.
func (w *walk) publishPage(ctx context.Context, objects []jsontext.Value) (fresh int, err error) {
	for chunk := range slices.Chunk(objects, atOnce) {
		var wait sync.WaitGroup
		all := make([]found, len(chunk))
		for i, v := range chunk {
			f := &all[i]
			if *f = w.readObject(v); f.err == nil {
				wait.Go(func() { f.err = w.publish(ctx, f.push) })
			}
		}
		wait.Wait()
		n, err := w.note(ctx, all)
		if err != nil {
			return 0, err
		}
		fresh += n
	}
	return fresh, nil
}

// publish publishes one object; while the hub is busy it waits.
func (w *walk) publish(ctx context.Context, p delivery.Push) error {
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		_, err := w.c.o.Publish(ctx, p)
		e, ok := errors.AsType[*ocpi.Error](err)
		if !ok || e.HTTP != http.StatusServiceUnavailable {
			return err
		}
		if wait > 2*time.Second {
			return errWithin{err}
		}
		select {
		case <-ctx.Done():
			return errWithin{ctx.Err()}
		case <-time.After(wait):
		}
	}
}

// words says why an object is not taken.
func words(err error) string {
	if e, ok := errors.AsType[*ocpi.Error](err); ok {
		return e.Message
	}
	return err.Error()
}

// note counts what became of objects, and has those that have a name noted as
// seen, taken or not: they are not missing.
func (w *walk) note(ctx context.Context, all []found) (fresh int, err error) {
	run, s := &w.state.Run, &w.state
	for _, f := range all {
		if _, within := errors.AsType[errWithin](f.err); within {
			return 0, f.err
		}
	}
	var keys []store.ObjectKey
	for _, f := range all {
		if f.key.ID != "" {
			keys = append(keys, f.key)
			if !slices.Contains(s.Owners, f.key.Party) {
				s.Owners = append(s.Owners, f.key.Party)
			}
		}
		if s.Phase == phaseAgain {
			continue // it was counted
		}
		outcome := "taken"
		switch {
		case f.foreign:
			outcome = "foreign"
			run.Foreign++
			run.problem(f.id, f.err.Error())
		case f.err != nil:
			outcome = "refused"
			run.Refused++
			run.problem(f.id, words(f.err))
		default:
			run.Taken++
			if f.updated.After(s.Highest) && !f.updated.After(w.c.now()) {
				s.Highest = f.updated
			}
		}
		w.c.metrics.objects.WithLabelValues(string(w.job.module), outcome).Inc()
	}
	if len(keys) == 0 {
		return 0, nil
	}
	err = w.c.o.Store.Write(ctx, func(tx *store.Tx) (err error) {
		fresh, err = tx.SeeCrawled(w.job.name, keys)
		return err
	})
	return fresh, err
}
