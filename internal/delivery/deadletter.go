package delivery

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// replayEvery is how often the hub looks for replays that were asked for.
const replayEvery = time.Second

// park writes what the outcome of a job means for dead letters, before the lane
// passes the object: a refused one is kept with the exchange that shows why, and
// an open one is settled. When that cannot be written the object stays in the
// lane.
func (d *Delivery) park(ctx context.Context, j *job, r *result, x *exchange) {
	var write func(tx *store.Tx) error
	switch x.outcome {
	case rejected:
		letter := d.deadLetter(j, r, x)
		write = func(tx *store.Tx) error { return tx.PutDeadLetter(letter) }
	case delivered, gone, filtered, withdrawn:
		if !j.letter {
			return
		}
		state := store.LetterSuperseded
		if j.replay && x.outcome == delivered {
			state = store.LetterReplayed
		}
		write = func(tx *store.Tx) error { return tx.SettleDeadLetters(j.lane.name, j.key, state) }
	default:
		return
	}
	err := d.o.Store.Write(ctx, write)
	switch {
	case err == nil:
		r.letter = x.outcome == rejected
	case x.outcome == rejected:
		x.outcome, x.answered, x.err = retry, false, errors.Join(x.err, err)
		if ctx.Err() != nil {
			x.outcome = stopped
		}
	case ctx.Err() == nil: // the next success settles it
		d.log.Error("cannot settle a dead letter", "party", j.lane.to, "err", err)
	}
}

// deadLetter describes an exchange without anything that opens a connection or
// tells who drives.
func (d *Delivery) deadLetter(j *job, r *result, x *exchange) store.DeadLetter {
	pl := j.to.Platform
	var url string
	var sent http.Header
	if a, err := j.lane.address(j.to, ocpi.Module(j.key.Kind)); err == nil && x.asked.Method != "" {
		url, sent = a.sent(&x.asked)
	}
	received := x.response.Fields()
	l := store.DeadLetter{
		Lane: j.lane.name, Platform: pl.ID, Receiver: j.to.ID, Role: string(j.to.Role), Key: j.key, Name: j.key.ID,
		Seq: r.seq, Method: x.method, URL: url, HTTPStatus: x.response.Status, OCPIStatus: x.ocpi,
		Error: x.err.Error(), Attempts: j.attempts, Version: string(pl.Version),
		Request:       d.o.Trace.Redact(j.key.Kind, x.request, store.MaxLetterBody),
		RequestHeader: headerLines(sent), ResponseHeader: headerLines(received),
	}
	if !pl.Echoed(x.response.Body) && !pl.Echoed([]byte(l.ResponseHeader)) {
		l.Response = d.o.Trace.Redact(j.key.Kind, x.response.Body, store.MaxLetterBody)
	} else {
		l.ResponseHeader = ""
	}
	if w := j.step; w != nil && len(w.message.path) > 2 {
		l.Name = w.message.path[2]
	}
	if ocpi.Module(j.key.Kind) == ocpi.Tokens {
		d.hideDriver(&l, x.request)
		l.Name = d.o.Trace.Hash(l.Name)
		if base, query, has := strings.Cut(l.URL, "?"); base != "" {
			l.URL = base[:strings.LastIndexByte(base, '/')+1] + "hmac:" + l.Name
			if has {
				l.URL += "?" + query
			}
		}
	}
	return l
}

// minDriver is the shortest text that is looked for in answers.
const minDriver = 4

// hideDriver replaces what tells who drives where the receiver repeats it in
// words of its own, such as "token 1234ABCD is unknown".
func (d *Delivery) hideDriver(l *store.DeadLetter, request []byte) {
	uid, _, _ := strings.Cut(l.Key.ID, "/")
	texts := []string{uid, url.PathEscape(uid)}
	for _, v := range gjson.GetManyBytes(request, "contract_id", "visual_number", "group_id") {
		texts = append(texts, v.Str)
	}
	for _, text := range texts {
		if len(text) < minDriver {
			continue
		}
		said := regexp.MustCompile("(?i)" + regexp.QuoteMeta(text))
		hash := "hmac:" + d.o.Trace.Hash(text)
		l.Response = said.ReplaceAllLiteral(l.Response, []byte(hash))
		l.ResponseHeader = said.ReplaceAllLiteralString(l.ResponseHeader, hash)
	}
}

// headerLines are the fields of a request or an answer, without those that carry secrets.
func headerLines(h http.Header) string {
	names := make([]string, 0, len(h))
	for name := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "Www-Authenticate", "Authentication-Info":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		for _, v := range h[name] {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	return b.String()
}

// replay tells the lanes which objects somebody asked to be sent again, until
// ctx ends. One whose letter is not settled is asked for again.
func (d *Delivery) replay(ctx context.Context) {
	tick := time.NewTicker(replayEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		letters, err := d.o.Store.QueuedDeadLetters(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			d.log.Error("cannot read the replays that were asked for", "err", err)
		}
		if failing = err != nil; failing || len(letters) == 0 {
			continue
		}
		lanes := d.running()
		for i := range letters {
			if l := lanes[letters[i].Lane]; l != nil && l.inbox.ask(letters[i].Key) {
				l.wake()
			}
		}
	}
}
