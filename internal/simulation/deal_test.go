package simulation

import (
	"slices"
	"strconv"
	"time"

	partner "github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// deal is an agreement as the simulation knows it. It is in force from made, and
// until ended where that is set. Bytes take no time in this network: a message
// that arrives at an instant was sent at it, so what holds at the time of arrival
// is what held when it was sent. The instant of an ending itself counts as both.
type deal struct {
	id          string
	cpo, emsp   string
	scope       []ocpi.Module
	from, to    time.Time
	made, ended time.Time
}

func (d *deal) covers(m ocpi.Module, t time.Time) bool {
	return (d.from.IsZero() || !t.Before(d.from)) && (d.to.IsZero() || t.Before(d.to)) &&
		(len(d.scope) == 0 || slices.Contains(d.scope, m))
}

// permitted reports whether a message of a module may have been sent at t.
func (d *deal) permitted(m ocpi.Module, t time.Time) bool {
	return !d.made.After(t) && (d.ended.IsZero() || !d.ended.Before(t)) && d.covers(m, t)
}

// since is when d began to entitle.
func (d *deal) since() time.Time {
	if d.from.After(d.made) {
		return d.from
	}
	return d.made
}

// sides says who is the CPO and who the provider of an owner and a receiver.
func sides(m ocpi.Module, owner, receiver string) (cpo, emsp string) {
	if m == ocpi.Tokens {
		return receiver, owner
	}
	return owner, receiver
}

// setting is what a receiver wants to be pushed since a time.
type setting struct {
	partner.DeliverySettings
	since time.Time
}

// admits applies a setting to an object, whose place and publication never change.
func (s setting) admits(o objectID) bool {
	country, _ := party(o.owner)
	switch {
	case !s.Pushes(), len(s.Countries) > 0 && !slices.Contains(s.Countries, country),
		len(s.Parties) > 0 && !slices.Contains(s.Parties, o.owner):
		return false
	case o.module != ocpi.Locations:
		return true
	}
	number := numberOf(o)
	if s.BBox != nil {
		lat, lon := 51+0.1*float64(number), 4+0.1*float64(number)
		if lon < s.BBox[0] || lat < s.BBox[1] || lon > s.BBox[2] || lat > s.BBox[3] {
			return false
		}
	}
	return !s.PublishOnly || published(number)
}

// numberOf is 7 for "L7".
func numberOf(o objectID) int {
	n, _ := strconv.Atoi(o.id[1:])
	return n
}

func published(number int) bool { return number%4 != 0 }
