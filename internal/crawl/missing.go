package crawl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// fewMissing is how many objects may be missing whatever their share: see
// [walk.walked].
const fewMissing = 10

// walked is called when a full run has come to the last page: it decides what
// is to be done about objects that are stored and were on no page.
func (w *walk) walked(ctx context.Context) error {
	s := &w.state
	if !slices.Contains(s.Owners, w.job.party.ID) {
		s.Owners = append(s.Owners, w.job.party.ID)
	}
	missing, stored, err := w.countMissing(ctx)
	if err != nil {
		return err
	}
	s.Run.Missing = missing
	switch {
	case missing == 0:
		return w.finish(ctx, "")
	case missing > fewMissing && missing > stored/2:
		s.Run.problem("", fmt.Sprintf("%d of %d objects are missing; that is more than half, and nothing was removed", missing, stored))
		return w.finish(ctx, "")
	case w.job.module == ocpi.Tokens:
		s.Run.problem("", fmt.Sprintf("%d tokens are missing, and were left as they are", missing))
		return w.finish(ctx, "")
	case w.job.module == ocpi.Tariffs && s.Phase == phaseList:
		// There is no way to ask for one: look at all of them again.
		if s.Seq, err = w.c.o.Store.Seq(ctx); err != nil {
			return err
		}
		s.Phase, s.First = phaseAgain, s.Walked
		s.restart()
	default:
		s.Phase, s.Owner, s.After = phaseMissing, 0, ""
	}
	return w.save(ctx)
}

// batch is how many missing objects are looked at between two commits.
const batch = 20

func (w *walk) countMissing(ctx context.Context) (missing, stored int, err error) {
	for _, owner := range w.state.Owners {
		const many = 1000
		for after := ""; ; {
			ids, err := w.c.o.Store.Unseen(ctx, w.job.name, string(w.job.module), owner, after, many)
			if err != nil {
				return 0, 0, err
			}
			missing += len(ids)
			if len(ids) < many {
				break
			}
			after = ids[many-1]
		}
	}
	_, stored, err = w.c.o.Store.List(ctx, store.ListQuery{Kind: string(w.job.module), Owners: w.state.Owners, Limit: 1})
	return missing, stored, err
}

// lookForMissing goes on with the objects that were on no page.
func (w *walk) lookForMissing(ctx context.Context) error {
	s := &w.state
	if s.Owner >= len(s.Owners) {
		if err := w.finish(ctx, ""); err != nil {
			return errWithin{err}
		}
		return nil
	}
	owner := s.Owners[s.Owner]
	ids, err := w.c.o.Store.Unseen(ctx, w.job.name, string(w.job.module), owner, s.After, batch)
	if err != nil {
		return errWithin{err}
	}
	for _, id := range ids {
		key := store.ObjectKey{Kind: string(w.job.module), Party: owner, ID: id}
		if err := w.missing(ctx, key); err != nil {
			return err
		}
		s.After, s.Failures, s.Error = id, 0, ""
	}
	if len(ids) < batch {
		s.Owner, s.After = s.Owner+1, ""
	}
	if err := w.save(ctx); err != nil {
		return errWithin{err}
	}
	return nil
}

// missing has a second look at an object, and removes what is gone.
func (w *walk) missing(ctx context.Context, key store.ObjectKey) error {
	o, there, err := w.c.o.Store.Object(ctx, key)
	if err != nil {
		return errWithin{err}
	}
	owner := w.owner(key.Party)
	if !there || o.Deleted || owner == nil {
		return nil
	}
	p := delivery.Push{
		From: owner, Version: ocpi.Version(o.Version), Module: w.job.module,
		Path: []string{owner.ID.CountryCode, owner.ID.ID, o.Name}, CorrelationID: ocpi.NewMessageID(),
	}
	if w.job.module == ocpi.Tariffs {
		if o.Seq > w.state.Seq { // it has come, or changed, since
			return nil
		}
		p.Method = http.MethodDelete
		return w.remove(ctx, p)
	}
	if !hasEVSEs(o.Body) {
		return nil // all is REMOVED already, as far as it can be
	}
	gone, err := w.ask(ctx, o)
	if err != nil || !gone {
		return err
	}
	if p.Body, err = withoutEVSEs(o); err != nil {
		return errWithin{err}
	}
	p.Method = http.MethodPut
	return w.remove(ctx, p)
}

// ask asks for one location, and publishes it when the partner has it. gone says
// that the partner does not know it.
func (w *walk) ask(ctx context.Context, o store.Object) (gone bool, err error) {
	url, err := ocpi.JoinPath(w.job.endpoint, o.Name)
	if err != nil {
		w.state.Run.problem(o.Name, err.Error())
		return false, nil
	}
	res, err := w.get(ctx, url)
	if err != nil {
		return false, err
	}
	data, err := readAnswer(res.Status, res.Header, res.Body, w.c.now())
	no, refused := errors.AsType[*refusal](err)
	switch {
	case refused && no.unknown():
		return true, nil
	case refused && no.transient():
		return false, err
	case refused:
		w.state.Run.problem(o.Name, "it is missing, and asked for by itself: "+no.Error())
		return false, nil
	}
	f := w.readObject(data)
	if f.err == nil && f.key != o.ObjectKey {
		f.err = errors.New("asked for by itself, the partner answered with another object")
	}
	if f.err == nil {
		f.err = w.publish(ctx, f.push)
	}
	if _, within := errors.AsType[errWithin](f.err); within {
		return false, f.err
	}
	if f.err != nil {
		w.state.Run.problem(o.Name, words(f.err))
	}
	return false, nil
}

func (w *walk) remove(ctx context.Context, p delivery.Push) error {
	err := w.publish(ctx, p)
	if _, within := errors.AsType[errWithin](err); within {
		return err
	}
	if err != nil {
		w.state.Run.problem(p.Path[2], "it is gone, and cannot be removed: "+words(err))
		return nil
	}
	w.state.Run.Removed++
	w.c.metrics.objects.WithLabelValues(string(p.Module), "removed").Inc()
	return nil
}

// hasEVSEs reports whether an EVSE of a location is not REMOVED.
func hasEVSEs(location []byte) bool {
	found := false
	gjson.GetBytes(location, "evses").ForEach(func(_, e gjson.Result) bool {
		found = e.Get("status").Str != "REMOVED"
		return !found
	})
	return found
}

// withoutEVSEs is what the owner would push of a location without EVSEs: the
// catalog keeps those that it drops as REMOVED. last_updated stays: what the
// owner says later is not older, also where it takes back what it had.
func withoutEVSEs(o store.Object) (jsontext.Value, error) {
	body, err := sjson.DeleteBytes(slices.Clone(o.Body), "evses")
	if err != nil {
		return nil, err
	}
	if t, err := ocpi.ParseTime(gjson.GetBytes(body, "last_updated").Str); err == nil && t.UnixMicro() >= o.LastUpdated {
		return body, nil
	}
	return sjson.SetBytes(body, "last_updated", ocpi.FormatTime(time.UnixMicro(o.LastUpdated).Add(time.Millisecond-time.Microsecond)))
}
