package delivery

import (
	"net/url"

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
// at seq.
type step struct {
	seq  int64
	push *Push
}

// change is one entry of the feed on its way to the receivers.
type change struct {
	key     store.ObjectKey
	seq     int64
	deleted bool
	// steps lead from what stood in the feed before to this entry. There are
	// none when that is not known: then only the whole object can be sent.
	steps []step
	// noticed is when the feed was read, in Unix nanoseconds; 0 for an entry
	// that was read from the table while catching up.
	noticed int64
}

func (c *change) size() int {
	n := 0
	for _, s := range c.steps {
		n += len(s.push.Body)
	}
	return n
}
