// Package convert turns OCPI messages of one version into another.
//
// It edits the bytes of a message by path: unknown fields, explicit nulls and
// the spelling of every number that is not itself converted survive, and
// last_updated never changes. PATCH bodies stay partial.
//
// Between 2.2.1 and 2.3.0 these differ, everything else is passed on as it is:
//
//   - prices: excl_vat and incl_vat against before_taxes and taxes. Sums and
//     differences are exact up to 19 digits.
//   - tariffs: the limits' field names, and tax_included. 2.2.1 prices are
//     without VAT; a gross 2.3.0 price becomes price/(1+vat/100), rounded half to
//     even at the eighth decimal. A gross price without vat is never passed on.
//   - what 2.3.0 added: enum values in locations and tokens, parking places,
//     help_phone, booking prices, and so on. 2.2.1 does not get it.
//
// Everything that a receiver gets differently from what was sent is a [Loss].
package convert

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/go-json-experiment/json/jsontext"
)

// Message says what a body is: where and how it is sent. Path is what stands
// below the endpoint (country code and party id included where the interface
// has them). Response is set for the data of the answer.
type Message struct {
	Module    ocpi.Module
	Interface ocpi.Interface
	Method    string
	Path      []string
	Response  bool
}

// Loss is one thing that could not be carried over, or had to be invented.
type Loss struct {
	Pointer string // JSON pointer into the source, or the result for what was invented
	Problem string
}

// ErrNotConvertible is wrapped by the errors for a message that has no
// counterpart in the other version. They are of type [*Error].
var ErrNotConvertible = errors.New("cannot be converted")

// Error says what cannot be converted. Both strings may be shown to the sender.
type Error struct {
	Pointer string // JSON pointer into the source, empty for the whole
	Problem string
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return "cannot be converted: " + e.Problem
	}
	return fmt.Sprintf("cannot be converted: %s: %s", e.Pointer, e.Problem)
}

// Unwrap returns [ErrNotConvertible].
func (e *Error) Unwrap() error { return ErrNotConvertible }

// Body converts one body; for Response it is the data member of the envelope
// (an object or a list). The same versions give the same bytes back, and so does
// what needs no change.
//
// In a list an element that cannot be converted is dropped with a Loss. A single
// one is an error that wraps [ErrNotConvertible], as is anything of a module
// that one of the versions lacks, and a body that cannot be read.
func Body(m Message, from, to ocpi.Version, body []byte) (out []byte, losses []Loss, err error) {
	if from == to {
		return body, nil, nil
	}
	if !from.Known() || !to.Known() {
		return nil, nil, &Error{Problem: fmt.Sprintf("no conversion from %s to %s", from, to)}
	}
	if m.Module.Standard(from) != m.Module.Standard(to) || m.Module == ocpi.Credentials {
		return nil, nil, &Error{Problem: fmt.Sprintf("module %s has no counterpart in %s", m.Module, to)}
	}
	c := &conversion{down: to == ocpi.V221, patch: m.Method == http.MethodPatch && !m.Response}
	f := c.object(m)
	if f == nil {
		return body, nil, nil
	}
	switch jsontext.Value(body).Kind() {
	case '{':
		out, err = c.one(body, "", f)
	case '[':
		if !m.Response {
			return nil, nil, &Error{Problem: "must be an object"}
		}
		out, err = c.each(body, f)
	default: // nothing, null, or a plain result such as ACCEPTED
		return body, nil, nil
	}
	return out, c.losses, err
}

// Query converts the parameters of a request: the token type of the tokens
// module. q itself is not changed; it is returned when nothing is to change.
func Query(m Message, from, to ocpi.Version, q url.Values) url.Values {
	if from == to || to != ocpi.V221 || m.Module != ocpi.Tokens || !q.Has("type") || tokenTypeKnown(q.Get("type")) {
		return q
	}
	out := make(url.Values, len(q))
	maps.Copy(out, q)
	out["type"] = []string{otherTokenType}
	return out
}

// conversion is one run over one body.
type conversion struct {
	down   bool // from 2.3.0 to 2.2.1
	patch  bool
	losses []Loss
}

// change converts the object at a pointer in place.
type change func(o *splice.Object, ptr string) error

// object returns the conversion for the objects of a message, nil when they are
// the same in both versions.
func (c *conversion) object(m Message) change {
	get := m.Response && m.Method == http.MethodGet
	if m.Response && !get && m.Module != ocpi.Tokens {
		return nil // the data of other answers is a result or unspecified
	}
	switch m.Module {
	case ocpi.Locations:
		if !c.down {
			return nil
		}
		return [...]change{c.location, c.evse, c.connector}[locationLevel(m)]
	case ocpi.Sessions:
		if m.Interface == ocpi.Sender && !get {
			return nil // charging preferences
		}
		return c.session
	case ocpi.CDRs:
		return c.cdr
	case ocpi.Tariffs:
		return c.tariff
	case ocpi.Tokens:
		switch {
		case m.Interface == ocpi.Sender && !get && !m.Response, m.Interface == ocpi.Receiver && m.Response && !get:
			return nil // location references, unspecified
		case m.Interface == ocpi.Sender && !get:
			return c.authorization
		}
		return c.token
	case ocpi.Commands:
		if m.Interface == ocpi.Receiver {
			return c.command
		}
	}
	return nil
}

func locationLevel(m Message) int {
	level := len(m.Path) - 1
	if m.Interface == ocpi.Receiver {
		level = len(m.Path) - 3
	}
	return max(0, min(level, 2))
}

func (c *conversion) one(body []byte, ptr string, f change) ([]byte, error) {
	o, err := splice.Open(body)
	if err != nil {
		return nil, &Error{ptr, "is not valid JSON"}
	}
	if err := f(o, ptr); err != nil {
		return nil, err
	}
	return o.Bytes(), nil
}

func (c *conversion) each(body []byte, f change) ([]byte, error) {
	l, err := splice.OpenList(body)
	if err != nil {
		return nil, &Error{"", "is not valid JSON"}
	}
	err = l.EditEach(func(i int, o *splice.Object) (bool, error) { return c.attempt(index("", i), o, f) })
	if err != nil {
		return nil, err
	}
	return l.Bytes(), nil
}

// attempt converts an element of a list; when that is impossible it is to be
// dropped and the reason takes the place of its losses.
func (c *conversion) attempt(ptr string, o *splice.Object, f change) (keep bool, err error) {
	before := len(c.losses)
	err = f(o, ptr)
	if e, ok := errors.AsType[*Error](err); ok {
		c.losses = append(c.losses[:before], Loss{ptr, "dropped: " + e.Pointer + " " + e.Problem})
		return false, nil
	}
	return true, err
}

func (c *conversion) lose(ptr, problem string) {
	c.losses = append(c.losses, Loss{ptr, problem})
}

func index(ptr string, i int) string { return ptr + "/" + strconv.Itoa(i) }

// drop removes fields that 2.2.1 does not know.
func (c *conversion) drop(o *splice.Object, ptr string, names ...string) {
	for _, name := range names {
		v := o.Get(name)
		if o.Delete(name) && v.Kind() != 'n' && string(v) != "[]" {
			c.lose(ptr+"/"+name, "2.2.1 has no such field")
		}
	}
}
