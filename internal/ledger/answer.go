package ledger

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// told is what the sender of a CDR was told, as it is kept for the day on which
// the CDR comes again.
type told struct {
	HTTP     int    `json:"http"`
	Status   int    `json:"status"`
	Location string `json:"location,omitzero"`
	From     string `json:"from,omitzero"` // the party that answered; empty: the hub
	Body     string `json:"body,omitzero"` // its envelope
}

// maxToldBody bounds the envelope that is kept of an answer; of a longer one
// the status is kept.
const maxToldBody = 2048

func tell(a *relay.Answer) []byte {
	t := told{HTTP: a.HTTP, Status: a.Status, Location: a.Location}
	if !a.From.IsZero() {
		t.From = a.From.CountryCode + "-" + a.From.ID
	}
	if len(a.Body) <= maxToldBody {
		t.Body = string(a.Body)
	}
	b, err := json.Marshal(t)
	if err != nil { // a body that is no UTF-8
		t.Body = ""
		b, _ = json.Marshal(t)
	}
	return b
}

// again returns what was told.
func again(kept []byte, now time.Time) (relay.Answer, error) {
	var t told
	if err := json.Unmarshal(kept, &t); err != nil {
		return relay.Answer{}, err
	}
	a := relay.Answer{HTTP: t.HTTP, Status: t.Status, Location: t.Location, Body: []byte(t.Body), Accepted: t.Status/1000 == 1}
	if p, ok := partyOf(t.From); ok {
		a.From = ocpi.ClaimOf(p)
	}
	if t.Body == "" {
		a.Body = ocpi.AppendEnvelope(nil, nil, t.Status, "", now)
	}
	return a, nil
}

// takenOver is the answer when the hub has the CDR and its receiver will get it.
func (l *Ledger) takenOver(v ocpi.Version, k Key, now time.Time) relay.Answer {
	return relay.Answer{
		HTTP: http.StatusOK, Status: ocpi.StatusSuccess, Accepted: true,
		Location: l.location(v, k), Body: ocpi.AppendEnvelope(nil, nil, ocpi.StatusSuccess, "", now),
	}
}

// location is where the hub itself keeps a CDR.
func (l *Ledger) location(v ocpi.Version, k Key) string {
	u, err := ocpi.JoinPath(l.o.PublicURL+"/ocpi/"+string(v)+"/receiver/cdrs", k.Owner.CountryCode, k.Owner.ID, k.ID)
	if err != nil { // the id was checked when it came in
		return ""
	}
	return u
}

// verdict is what came of giving a CDR to its receiver.
type verdict uint8

const (
	taken   verdict = iota // the receiver has it
	refused                // the receiver does not want it, and will not tomorrow
	away                   // it may want it later
	unsent                 // nothing was sent, for reasons of the hub
)

// judge says what an attempt came to. What the receiver said about the CDR is
// final (2xxx, HTTP 4xx), what it or the network says about itself is not. HTTP 5xx
// is about itself whatever the body says: OCPI 2.2.1 §5 has 2xxx in messages that
// were handled.
func judge(a *relay.Answer, err error) verdict {
	if err != nil {
		if _, hopeless := errors.AsType[*convert.Error](err); hopeless {
			return refused
		}
		return away
	}
	if a.Accepted {
		return taken
	}
	if a.Failed {
		return away
	}
	switch a.HTTP {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return away
	}
	if a.Status/1000 == 2 || a.HTTP >= 400 && a.HTTP < 500 {
		return refused
	}
	return away
}

// message returns the status message of an envelope, for people.
func message(body []byte) string {
	env, err := ocpi.ParseEnvelope(body)
	if err != nil {
		return ""
	}
	return cut(env.StatusMessage, 200)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
