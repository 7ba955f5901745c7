package party

import (
	"fmt"
	"slices"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// PullSettings say which lists the hub fetches from a platform that does not
// push. The zero value is none.
type PullSettings struct {
	// Modules are locations, tariffs and tokens: the lists that are fetched, as
	// far as the platform has them.
	Modules []ocpi.Module `json:"modules,omitempty"`
	// Parties are those whose lists are asked for; none is all of the platform
	// that own objects of the module. A platform that answers with the objects
	// of all its parties, whichever is asked for, is best asked for one.
	Parties []string `json:"parties,omitempty"`
	// EverySeconds is the time between the beginnings of two fetches of what has
	// changed; 0 is 5 minutes.
	EverySeconds int `json:"every_seconds,omitzero"`
	// FullSeconds is the time between two fetches of the whole; 0 is 7 days.
	FullSeconds int `json:"full_every_seconds,omitzero"`
}

// Bounds and defaults of PullSettings.
const (
	defaultPullEvery = 5 * time.Minute
	defaultPullFull  = 7 * 24 * time.Hour
	minPullEvery     = 30 * time.Second
	minPullFull      = time.Hour
	maxPull          = 31 * 24 * time.Hour
)

// Every is the time between two fetches of what has changed.
func (s PullSettings) Every() time.Duration {
	if s.EverySeconds == 0 {
		return defaultPullEvery
	}
	return time.Duration(s.EverySeconds) * time.Second
}

// Full is the time between two fetches of the whole.
func (s PullSettings) Full() time.Duration {
	if s.FullSeconds == 0 {
		return defaultPullFull
	}
	return time.Duration(s.FullSeconds) * time.Second
}

// Asks reports whether the lists of a party are asked for.
func (s PullSettings) Asks(id ocpi.PartyID) bool {
	return len(s.Parties) == 0 || slices.Contains(s.Parties, id.String())
}

// normal checks s and returns it with modules and parties in their one
// spelling. The error is an *InvalidField.
func (s PullSettings) normal() (PullSettings, error) {
	modules := make([]ocpi.Module, 0, len(s.Modules))
	for i, m := range s.Modules {
		switch m = ocpi.ParseModule(string(m)); m {
		case ocpi.Locations, ocpi.Tariffs, ocpi.Tokens:
			modules = append(modules, m)
		default:
			return s, &InvalidField{fmt.Sprintf("pull.modules[%d]", i), "must be locations, tariffs or tokens"}
		}
	}
	slices.Sort(modules)
	s.Modules = slices.Compact(modules)
	var err error
	s.Parties, err = normalNames("pull.parties", s.Parties, func(p string) (string, error) {
		id, err := ocpi.ParsePartyString(p)
		return id.String(), err
	})
	if err != nil {
		return s, err
	}
	for _, t := range []struct {
		field   string
		seconds int
		least   time.Duration
	}{{"pull.every_seconds", s.EverySeconds, minPullEvery}, {"pull.full_every_seconds", s.FullSeconds, minPullFull}} {
		if t.seconds != 0 && (t.seconds < int(t.least.Seconds()) || t.seconds > int(maxPull.Seconds())) {
			return s, &InvalidField{t.field, fmt.Sprintf("must be 0 (the default) or from %d to %d", int(t.least.Seconds()), int(maxPull.Seconds()))}
		}
	}
	if len(s.Modules) == 0 && (len(s.Parties) > 0 || s.EverySeconds != 0 || s.FullSeconds != 0) {
		return s, &InvalidField{"pull.modules", "must say what is fetched; nothing else is set without it"}
	}
	return s, nil
}
