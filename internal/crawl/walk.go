package crawl

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

const (
	// maxIdle is how many pages in a row may bring nothing new: objects that
	// move between pages do that to one or two, a circle of links to all.
	maxIdle = 3
	// maxPages bounds one walk over a list.
	maxPages = 50_000
	// maxRestarts is how often a run begins at the first page again, when the
	// partner does not know the next one any more.
	maxRestarts = 2
	// maxFailures is how many failures in a row end a run; with the longest
	// back-off that is after about two hours. The next one begins in its time.
	maxFailures = 18
	// maxUnreadable is the same for answers that cannot be read.
	maxUnreadable = 6
)

// walk works on a job until its run has ended, or it has to wait.
type walk struct {
	c    *Crawler
	job  job
	full bool // what a new run is to be
	*entry
}

// run returns nil when there is nothing to do for now, and an error when the
// hub itself failed.
func (w *walk) run(ctx context.Context) error {
	s, now := &w.state, w.c.now()
	if s.Phase != phaseNone && now.Sub(s.Touched) > stale {
		s.end(now, "no progress for a day: begun anew", 0)
	}
	if s.Phase == phaseNone {
		s.begin(w.full, now)
		if err := w.save(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.TakeAsked(w.job.name), tx.ForgetCrawled(w.job.name))
		}); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		j, ok := jobs(w.c.o.Registry.Snapshot())[w.job.name]
		if !ok {
			return nil // switched off, suspended, or gone
		}
		w.job = j
		var err error
		if s.Phase == phaseMissing {
			err = w.lookForMissing(ctx)
		} else {
			err = w.nextPage(ctx)
		}
		if err != nil {
			err = w.failed(ctx, err)
		}
		if err != nil || s.Phase == phaseNone || s.Before.After(w.c.now()) {
			return err
		}
	}
	return nil
}

// save stores the state, with what else belongs to it.
func (w *walk) save(ctx context.Context, also ...func(tx *store.Tx) error) error {
	w.state.Touched = w.c.now()
	row, err := w.state.row(w.row)
	if err != nil {
		return err
	}
	err = w.c.o.Store.Write(ctx, func(tx *store.Tx) error {
		for _, fn := range also {
			if err := fn(tx); err != nil {
				return err
			}
		}
		return tx.PutCrawl(row)
	})
	if err == nil {
		w.row.Revision++
	}
	return err
}

// finish ends the run; reason is empty when it came to its end.
func (w *walk) finish(ctx context.Context, reason string) error {
	s, j := &w.state, w.job
	kind, outcome := "delta", "ok"
	if s.Run.Full {
		kind = "full"
	}
	if reason != "" {
		outcome = "failed"
		w.c.log.WarnContext(ctx, "the list of a partner was not fetched to its end", "job", j.name, "reason", reason)
	}
	s.end(w.c.now(), reason, j.settings().Every())
	w.c.metrics.runs.WithLabelValues(kind, outcome).Inc()
	return w.save(ctx, func(tx *store.Tx) error { return tx.ForgetCrawled(j.name) })
}

// errWithin marks failures of the hub itself.
type errWithin struct{ error }

func (e errWithin) Unwrap() error { return e.error }

// failed decides what comes of a failure: wait and try again, begin at the first
// page, or end the run.
func (w *walk) failed(ctx context.Context, err error) error {
	if within, ok := errors.AsType[errWithin](err); ok {
		return within.error
	}
	if ctx.Err() != nil || w.over() {
		return nil // it says nothing about the partner
	}
	s, now := &w.state, w.c.now()
	s.Failures++
	s.Error = cut(err.Error())
	no, answered := errors.AsType[*refusal](err)
	switch {
	case answered && !no.transient():
		if w.moved() && s.Restarts < maxRestarts {
			s.Restarts++
			return w.beginAgain(ctx)
		}
		return w.finish(ctx, s.Error)
	case s.Failures >= maxFailures, answered && no.http == http.StatusOK && s.Failures >= maxUnreadable:
		return w.finish(ctx, s.Error)
	}
	wait := w.c.backoff(s.Failures)
	if answered {
		wait = max(wait, no.retryAfter)
	}
	s.Before = now.Add(wait)
	return w.save(ctx)
}

// beginAgain begins the walk over the pages anew.
func (w *walk) beginAgain(ctx context.Context) error {
	s := &w.state
	s.restart()
	if s.Phase == phaseAgain { // what was seen in the first walk counts
		return w.save(ctx)
	}
	s.Run, s.Owners = Run{Full: s.Run.Full, Started: s.Run.Started, Total: -1}, nil
	return w.save(ctx, func(tx *store.Tx) error { return tx.ForgetCrawled(w.job.name) })
}

// moved reports whether the failed request was for another page than the first.
func (w *walk) moved() bool { return w.state.Phase != phaseMissing && w.state.Walked > 0 }

// over reports whether the job is, or may be, that of another process.
func (w *walk) over() bool {
	until := w.grant.Until()
	return !until.IsZero() && !time.Now().Before(until)
}

// backoff is the wait after failures in a row, with jitter.
func (c *Crawler) backoff(failures int) time.Duration {
	most := c.o.MaxBackoff
	if failures < 20 {
		most = min(c.o.MinBackoff<<failures, most)
	}
	return most/2 + rand.N(most/2+1)
}

// get asks the party for a list or an object, as the hub (OCPI 2.2.1 §4.1.8).
func (w *walk) get(ctx context.Context, url string) (egress.Response, error) {
	c, p := w.c, w.job.party.Platform
	h := http.Header{
		ocpi.HeaderAuthorization: {ocpi.FormatAuthorization(p.Token, p.Encoding)},
		ocpi.HeaderRequestID:     {ocpi.NewMessageID()},
		ocpi.HeaderCorrelationID: {ocpi.NewMessageID()},
		"Accept":                 {"application/json"},
	}
	ocpi.SetRouting(h, ocpi.ClaimOf(w.job.party.ID), ocpi.ClaimOf(c.o.Hub))
	start := time.Now()
	res, err := c.o.Egress.Do(ctx, egress.Request{
		Platform: p.ID, Method: http.MethodGet, URL: url, Header: h, Timeout: c.o.Timeout, NotAfter: w.grant.Until(),
	})
	m := trace.Message{
		Time: start, Way: "hub", Mode: "crawl", ToPlatform: p.ID, From: c.o.Hub.String(), To: w.job.party.ID.String(),
		Version: string(p.Version), Method: http.MethodGet, Module: string(w.job.module), Interface: string(ocpi.Sender),
		RequestID: h.Get(ocpi.HeaderRequestID), CorrelationID: h.Get(ocpi.HeaderCorrelationID),
		PartnerHTTP: res.Status, PartnerMicros: time.Since(start).Microseconds(),
	}
	outcome := "ok"
	switch {
	case err != nil:
		m.Error, outcome = err.Error(), "failed"
		if e, ok := errors.AsType[*egress.Error](err); ok && e.Failure != egress.Busy && ctx.Err() == nil {
			c.o.Registry.Failed(p.ID)
		}
	case res.Status != http.StatusOK:
		outcome = "refused"
		fallthrough
	default:
		c.o.Registry.Succeeded(p.ID)
	}
	c.metrics.requests.WithLabelValues(outcome).Inc()
	c.o.Trace.Record(m)
	return res, err
}

// nextPage fetches one page, publishes what is on it, and notes where to go on.
func (w *walk) nextPage(ctx context.Context) error {
	s := &w.state
	url := s.Next
	if url == "" {
		url = listURL(w.job.endpoint, s.From, s.Offset, pageLimit)
	}
	res, err := w.get(ctx, url)
	if err != nil {
		return err
	}
	p, err := readPage(res.Status, res.Header, res.Body, w.c.now())
	if err != nil {
		return err
	}
	fresh, err := w.publishPage(ctx, p.objects)
	if err != nil {
		return errWithin{err}
	}
	s.Failures, s.Error, s.Before = 0, "", time.Time{}
	s.Run.Pages++
	s.Walked++
	if p.total >= 0 {
		s.Run.Total = p.total
	}
	if s.Phase == phaseList {
		s.Run.Objects += len(p.objects)
		if s.Idle++; fresh > 0 {
			s.Idle = 0
		}
	}
	more, reason := w.turn(url, p, fresh)
	switch {
	case reason != "":
		err = w.finish(ctx, reason)
	case more:
		err = w.save(ctx)
	case s.Run.Full:
		err = w.walked(ctx)
	default:
		err = w.finish(ctx, "")
	}
	if err != nil {
		return errWithin{err}
	}
	return nil
}

// turn finds the next page: the one that the partner links to, or, where it
// does not link but says or lets expect that there is more, the one at the next
// offset. A reason says why the walk cannot go on.
func (w *walk) turn(url string, p page, fresh int) (more bool, reason string) {
	s := &w.state
	s.Offset += len(p.objects)
	s.Next = ""
	switch {
	case p.next != "":
		next, err := follow(w.job.party.Platform, url, p.next)
		if err != nil {
			return false, err.Error()
		}
		switch {
		case next == url && p.total >= 0 && p.total <= s.Offset:
			return false, "" // a way to say that it was the last one
		case next == url:
			return false, "the link to the next page leads to the page itself"
		}
		s.Next = next
	case len(p.objects) == 0:
		return false, ""
	case p.total > s.Offset:
	case p.total < 0 && len(p.objects) == pageLimit: // it may be cut there
		if s.Phase == phaseList && fresh == 0 {
			return false, "" // it was not: the partner knows no offset
		}
	default:
		return false, ""
	}
	switch {
	case s.Idle >= maxIdle:
		return false, "page after page brings nothing new: the links to next pages go in a circle"
	case s.Walked >= maxPages, s.Phase == phaseAgain && s.Walked > 2*s.First+10:
		return false, "the list has no end"
	}
	return true, ""
}
