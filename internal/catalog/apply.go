package catalog

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// Reasons to leave the stored object as it is and answer with success.
var (
	errStale     = errors.New("older than what is stored")
	errUnchanged = errors.New("equal to what is stored")
)

// plan is what an accepted push comes to.
type plan struct {
	next  store.Object  // to be stored
	quiet bool          // nothing but last_updated is another: not to be broadcast
	isNew bool          // the object that the push names was not there
	push  delivery.Push // what receivers with the state before are to be sent
	based int64         // Seq of the stored object that all this is based on; 0: there was none
}

// apply returns what comes of d, given what is stored now. It changes nothing.
// The error is errStale, errUnchanged or an *ocpi.Error.
func apply(d *document, old *store.Object, found bool, now time.Time) (plan, error) {
	p := plan{push: d.Push}
	if found {
		p.based = old.Seq
	}
	p.next = store.Object{
		ObjectKey: d.key, Name: d.name, Version: string(d.Version), LastUpdated: d.at, Audience: old.Audience,
	}
	there := found && !old.Deleted
	var err error
	switch {
	case d.Method == http.MethodDelete:
		if !there {
			return p, unknown(d.Module)
		}
		p.next.Name, p.next.LastUpdated, p.next.Deleted = old.Name, old.LastUpdated, true
	case d.Method == http.MethodPut && d.level() == 0:
		err = p.put(d, old, found, now)
	case !there:
		return p, unknown(d.Module)
	default:
		err = p.edit(d, old)
	}
	if err != nil {
		return p, err
	}
	// That of a quiet change is for those who keep the times of EVSEs in memory; a
	// whole object beside the same object would help nobody.
	if !p.quiet || p.push.Method == http.MethodPatch {
		step := feed.Step{
			Method: p.push.Method, Path: p.push.Path, Query: p.push.Query, Version: p.push.Version,
			Body: p.push.Body, CorrelationID: p.push.CorrelationID, FromHub: p.push.FromHub,
		}
		p.next.Step = step.Encode()
	}
	return p, nil
}

// put replaces the whole object.
func (p *plan) put(d *document, old *store.Object, found bool, now time.Time) error {
	there := found && !old.Deleted
	same := there && old.Version == p.next.Version
	switch {
	case same && bytes.Equal(old.Body, d.Body):
		return errUnchanged
	case found && d.at < old.LastUpdated:
		// Some owners do not raise last_updated of a location with that of
		// its EVSEs. What they say about an EVSE may be newer all the same.
		if !there || d.Module != ocpi.Locations || d.newest <= newest(old.Body) {
			return errStale
		}
		p.next.LastUpdated = d.newest
	}
	p.next.Body, p.isNew = d.Body, !there
	if d.Module != ocpi.Locations || !there {
		content := contentOf(d.Module, d.Body)
		p.next.Hash = content.bytes()
		p.quiet = same && content == contentBefore(d.Module, old)
		return nil
	}
	was, err := inVersion(d, old)
	if err != nil {
		p.next.Hash = contentOf(d.Module, d.Body).bytes()
		return nil
	}
	ch, err := compare(was, d.Body, d.stamp, now)
	if err != nil {
		return &ocpi.Error{Status: ocpi.StatusServerError, Message: "the stored object cannot be read", Err: err}
	}
	p.next.Body, p.next.Hash = ch.body, ch.content.bytes()
	switch {
	case !same:
		p.push.Body = ch.body
	case ch.quiet:
		p.quiet = true
	case ch.patch != nil:
		p.push.Method, p.push.Body, p.push.Query = http.MethodPatch, ch.patch, nil
		p.push.Path = slices.Concat(d.Path[:3], []string{ch.uid})
	default:
		p.push.Body = ch.body
	}
	return nil
}

// edit changes a part of the object: a PATCH, or a PUT of an EVSE or connector.
func (p *plan) edit(d *document, old *store.Object) error {
	body, err := inVersion(d, old)
	if err != nil {
		return err
	}
	e, err := d.edit(body, 0)
	if err != nil {
		return err
	}
	p.next.Body, p.isNew = e.out, e.isNew
	if d.level() == 0 {
		p.next.LastUpdated = max(d.at, old.LastUpdated)
	} else {
		p.next.Name, p.next.LastUpdated = old.Name, max(old.LastUpdated, d.newest)
	}
	same := old.Version == p.next.Version
	if d.level() == 0 || !same {
		content := contentOf(d.Module, e.out)
		p.next.Hash = content.bytes()
		p.quiet = same && content == contentBefore(d.Module, old)
		return nil
	}
	before := contentBefore(d.Module, old)
	content := before.plus(e.delta)
	if !e.deltaKnown {
		content = before.plus(evseContent(e.is))
		if e.was != nil {
			content = content.minus(evseContent(e.was))
		}
	}
	p.next.Hash, p.quiet = content.bytes(), content == before
	return nil
}

// contentBefore returns the digest of a stored object.
func contentBefore(m ocpi.Module, o *store.Object) digest {
	if d, ok := readDigest(o.Hash); ok {
		return d
	}
	return contentOf(m, o.Body)
}

// inVersion returns the stored object in the version of the push. An owner that
// has changed its version and patches what cannot be converted has to put the
// object first.
func inVersion(d *document, old *store.Object) ([]byte, error) {
	out, _, err := convert.Body(convert.Message{
		Module: d.Module, Interface: ocpi.Receiver, Method: http.MethodPut, Path: d.Path[:3],
	}, ocpi.Version(old.Version), d.Version, old.Body)
	if err != nil {
		e := unknown(d.Module)
		e.Err = err
		return nil, e
	}
	return out, nil
}
