package delivery

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Push is a published change as its owner sent it. It is not changed once it
// was handed over.
type Push struct {
	From          *party.Party // the owner
	Version       ocpi.Version // of Body
	Module        ocpi.Module
	Method        string
	Path          []string // unescaped, below the endpoint: country code, party id, id…
	Query         url.Values
	Body          []byte // as written; empty for DELETE
	CorrelationID string
	FromHub       bool // came in through another hub
}

// Announcement says which push made a change of the feed.
type Announcement struct {
	Seq  int64 // place of the change in the feed
	Prev int64 // place of the object before; 0 for a new object
	Key  store.ObjectKey
	Push Push
}

// step is a push that leads from the state of an object before seq to the one
// at seq. All lanes share it.
type step struct {
	seq     int64
	message *message
}

// change is one entry of the feed on its way to the receivers. All lanes share
// it; it is not changed.
type change struct {
	key     store.ObjectKey
	seq     int64
	loud    int64 // see store.Object
	deleted bool
	urgent  bool // goes before what is not
	// steps lead from the state at base to this entry, without a gap. There are
	// none when that is not known: then only the whole object can be sent.
	steps []step
	base  int64
	// level is a place up to which each change was handed out before this one; 0
	// for an entry that was read from the table.
	level int64
	// noticed is when the feed was read, in Unix nanoseconds; 0 for an entry
	// that was read from the table while catching up.
	noticed int64
}

// newChange is the change that an entry of the feed stands for, without steps.
func newChange(o *store.Object) *change {
	c := &change{key: o.ObjectKey, seq: o.Seq, loud: o.Loud, deleted: o.Deleted}
	c.take(nil, o.Prev)
	return c
}

// decode gives c the step that is kept beside o, if any.
func (c *change) decode(o *store.Object) {
	if len(o.Step) == 0 {
		return
	}
	s, err := feed.Decode(o.Step)
	if err != nil || len(s.Path) == 0 {
		return // written by a later version: the whole object will do
	}
	c.take([]step{{o.Seq, pushed(o.ObjectKey, Push{
		Version: s.Version, Module: ocpi.Module(o.Kind), Method: s.Method, Path: s.Path, Query: s.Query,
		Body: s.Body, CorrelationID: s.CorrelationID, FromHub: s.FromHub,
	})}}, o.Prev)
}

// take sets the steps of c and what follows from them.
func (c *change) take(steps []step, base int64) {
	c.steps, c.base = steps, base
	c.urgent = ocpi.Module(c.key.Kind) == ocpi.HubClientInfo
	for _, s := range steps {
		c.urgent = c.urgent || s.message.urgent()
	}
}

// follows reports whether the steps of c can be sent to a receiver that has, or
// is about to get, the object as it was at the place known.
func (c *change) follows(known int64) bool {
	if len(c.steps) == 0 {
		return false
	}
	return c.base <= known || len(c.steps) == 1 && !c.steps[0].message.partial
}

// partial reports whether p changes a part of an object: it means something
// only to a receiver that has the rest.
func partial(p *Push) bool { return p.Method == http.MethodPatch || len(p.Path) > 3 }

// urgent reports whether a driver may stand in front of what has changed: the
// status of an EVSE; a token that was blocked or whose whitelist was changed; the
// connection of a party.
func (m *message) urgent() bool {
	switch m.module {
	case ocpi.Locations:
		return m.depth == 4 && gjson.GetBytes(m.body, "status").Exists()
	case ocpi.Tokens:
		f := gjson.GetManyBytes(m.body, "valid", "whitelist")
		if m.method == http.MethodPatch {
			return f[0].Exists() || f[1].Exists()
		}
		return f[0].Type == gjson.False || strings.EqualFold(f[1].Str, "NEVER")
	case ocpi.HubClientInfo:
		return true
	}
	return false
}
