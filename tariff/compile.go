package tariff

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/ocpi"
)

// v211 is read here although the rest of the hub begins at 2.2.1.
const v211 ocpi.Version = "2.1.1"

// Engine is the version of the algorithm. Results carry it; it changes when the
// same tariff and session could give another amount.
const Engine = "eroam-tariff/1"

// PriceList is one or more tariffs made ready to price with: elements sorted by
// dimension, restrictions as integers. It is immutable, so that any number of
// goroutines may price with it.
type PriceList struct {
	tariffs []compiled
	hash    string
	limits  bool // one of them has a min_price or max_price
}

// compiled is one tariff. The lists hold the components of a dimension in the
// order of their elements; the first that matches prices.
type compiled struct {
	*Tariff
	energy, time, parking, flat []candidate
	reserved                    [parts]struct{ time, flat []candidate }
	min, max                    *limits
	folded                      string // the id, in lower case
}

// part is what of a session beside the charging is priced apart, by TIME and FLAT
// of elements that are restricted to it.
type part uint8

const (
	charging     part = iota
	reservation       // RESERVATION
	expired           // RESERVATION_EXPIRES, then RESERVATION for what it lacks
	booking           // BOOKING, RESERVATION
	bookExpired       // BOOKING_EXPIRES, RESERVATION_EXPIRES, BOOKING, RESERVATION
	overtime          // BOOKING_OVERTIME
	cancellation      // BOOKING_CANCELLATION_FEES
	parts
)

// kinds returns the restrictions whose elements price a part, the first ones first.
func (p part) kinds() []string {
	switch p {
	case reservation:
		return []string{"RESERVATION"}
	case expired:
		return []string{"RESERVATION_EXPIRES", "RESERVATION"}
	case booking:
		return []string{"BOOKING", "RESERVATION"}
	case bookExpired:
		return []string{"BOOKING_EXPIRES", "RESERVATION_EXPIRES", "BOOKING", "RESERVATION"}
	case overtime:
		return []string{"BOOKING_OVERTIME"}
	case cancellation:
		return []string{"BOOKING_CANCELLATION_FEES"}
	}
	return []string{""}
}

// kind returns the reservation or booking that an element is restricted to; ""
// for charging.
func (e *Element) kind() string {
	switch {
	case e.Restrictions == nil:
		return ""
	case e.Restrictions.Booking != "":
		return e.Restrictions.Booking
	}
	return e.Restrictions.Reservation
}

// candidate is a component with the condition of its element.
type candidate struct {
	element, component int
	restrictions       *restrictions // nil: always
	price              scaled
	vat                scaled
	hasVAT             bool
	spelling           *string // of the rate in the tariff; nil: none
	step               int64
	source             *Component
}

// limits are a minimum or maximum as amounts; after may be unknown.
type limits struct{ before, after Amount }

// Compile makes tariffs ready. Which one prices a period is decided by the tariff
// id of the period, else the first that is valid at the start of the session. They
// must agree in their currency. The error is an *[Error]; its pointer leads into
// the tariff, or into the list when there are several.
func Compile(tariffs ...Tariff) (*PriceList, error) {
	l := &PriceList{tariffs: make([]compiled, len(tariffs))}
	if len(tariffs) == 0 {
		return nil, &Error{Code: "no_valid_tariff", Message: "no tariff is given"}
	}
	for i := range tariffs {
		t := tariffs[i]
		pointer := ""
		if len(tariffs) > 1 {
			pointer = "/" + strconv.Itoa(i)
		}
		if t.Currency != tariffs[0].Currency {
			return nil, &Error{Code: "currency_mismatch", Pointer: pointer + "/currency", Message: fmt.Sprintf("is %s, another tariff has %s", t.Currency, tariffs[0].Currency)}
		}
		c, err := compile(&t, pointer)
		if err != nil {
			return nil, err
		}
		l.tariffs[i] = c
		l.limits = l.limits || c.min != nil || c.max != nil
	}
	b, err := json.Marshal(tariffs, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("hashing tariffs: %w", err)
	}
	sum := sha256.Sum256(b)
	l.hash = hex.EncodeToString(sum[:])
	return l, nil
}

// Hash identifies the content of the tariffs.
func (l *PriceList) Hash() string { return l.hash }

// Currency returns the currency of all of them.
func (l *PriceList) Currency() string { return l.tariffs[0].Currency }

// pick returns the place of the tariff of a period: by its id, among versions of
// one id the one that is valid at start; without an id the first that is valid at
// start; -1 when there is none.
func (l *PriceList) pick(id string, start time.Time) int {
	found := -1
	if id != "" {
		id = ocpi.FoldID(id)
	}
	for i := range l.tariffs {
		t := &l.tariffs[i]
		if id != "" && t.folded != id {
			continue
		}
		if t.validAt(start) {
			return i
		}
		if id != "" && found < 0 {
			found = i // a tariff that is named counts also when it has ended
		}
	}
	return found
}

func (t *Tariff) validAt(at time.Time) bool {
	return !at.Before(t.Start) && (t.End.IsZero() || at.Before(t.End))
}

func compile(t *Tariff, pointer string) (c compiled, err error) {
	c.Tariff, c.folded = t, ocpi.FoldID(t.ID)
	if c.min, err = compileLimit(t.MinPrice, pointer+"/min_price"); err != nil {
		return c, err
	}
	if c.max, err = compileLimit(t.MaxPrice, pointer+"/max_price"); err != nil {
		return c, err
	}
	times, flats := make(map[string][]candidate), make(map[string][]candidate)
	for i := range t.Elements {
		e := &t.Elements[i]
		at := pointer + "/elements/" + strconv.Itoa(i)
		r, err := compileRestrictions(e.Restrictions, at+"/restrictions")
		if err != nil {
			return c, err
		}
		var seen [4]bool
		for j := range e.Components {
			one, err := compileComponent(&e.Components[j], at+"/price_components/"+strconv.Itoa(j))
			if err != nil {
				return c, err
			}
			one.element, one.component, one.restrictions = i, j, r
			list, slot := c.list(e.Components[j].Type)
			if seen[slot] { // within an element the first of a dimension counts
				continue
			}
			seen[slot] = true
			switch kind := e.kind(); {
			case kind == "":
				*list = append(*list, one)
			case list == &c.time:
				times[kind] = append(times[kind], one)
			case list == &c.flat:
				flats[kind] = append(flats[kind], one)
			} // nothing else can be reserved
		}
	}
	for p := reservation; p < parts; p++ {
		for _, kind := range p.kinds() {
			c.reserved[p].time = append(c.reserved[p].time, times[kind]...)
			c.reserved[p].flat = append(c.reserved[p].flat, flats[kind]...)
		}
	}
	return c, nil
}

// list returns where the candidates of a dimension are kept.
func (c *compiled) list(d Dimension) (*[]candidate, int) {
	switch d {
	case Energy:
		return &c.energy, 0
	case Time:
		return &c.time, 1
	case ParkingTime:
		return &c.parking, 2
	}
	return &c.flat, 3
}

// maxRate bounds a tax rate, in percent.
const maxRate = 10_000

func compileComponent(w *Component, pointer string) (c candidate, err error) {
	c.source, c.step = w, w.StepSize
	if c.price, err = scaledOf(w.Price.String()); err != nil {
		return c, bad(pointer+"/price", "%v", err)
	}
	if w.StepSize < 0 || w.StepSize > maxStep {
		return c, bad(pointer+"/step_size", "is out of range")
	}
	if c.hasVAT = w.VAT.IsSet(); !c.hasVAT {
		return c, nil
	}
	text := w.VAT.String()
	c.spelling = &text
	vat, err := w.VAT.Decimal()
	switch {
	case err != nil || !fits(text):
		return c, bad(pointer+"/vat", "is out of range")
	case vat.IsNeg():
		return c, bad(pointer+"/vat", "must not be negative")
	}
	if vat = vat.Trim(0); vat.Scale() > 4 {
		return c, bad(pointer+"/vat", "has more than 4 decimals")
	}
	if c.vat, err = scaledOf(vat.String()); err != nil || c.vat.coef > maxRate*pow10[c.vat.scale] {
		return c, bad(pointer+"/vat", "is out of range")
	}
	return c, nil
}

func compileLimit(l *Limit, pointer string) (*limits, error) {
	if l == nil {
		return nil, nil
	}
	before, err := AmountOf(l.Before)
	if err != nil {
		return nil, bad(pointer, "%v", err)
	}
	out := &limits{before: before}
	if l.After.IsSet() {
		if out.after, err = AmountOf(l.After); err != nil {
			return nil, bad(pointer, "%v", err)
		}
	}
	return out, nil
}
