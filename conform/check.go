package conform

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Level is how much the specification wants something.
type Level string

// The levels. A failed Must makes the hub fail; a failed Should is reported.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Check is one rule and the way to find out whether a hub keeps it.
type Check struct {
	ID    string
	Level Level
	Ref   string // section of OCPI 2.2.1, or "2.3.0 …"
	Title string // given → then
	Run   func(*T)

	order order
}

// order says when a check runs.
type order int

const (
	anytime order = iota
	alone         // while nothing else runs: it restarts the hub
	last          // after all others: it looks at everything that was sent
)

// Checks returns all checks in order of their ids. Those that are not in scope
// yet have no Run.
func Checks() []Check {
	var all []Check
	for _, series := range [][]Check{
		checksA(), checksB(), checksC(), checksD(), checksE(), checksF(), checksG(),
		checksH(), checksI(), checksJ(), checksL(), checksN(), checksO(), checksT(),
	} {
		all = append(all, series...)
	}
	slices.SortFunc(all, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// must and should make a row of a table of checks.
func must(id, ref, title string, run func(*T)) Check {
	return Check{ID: id, Level: Must, Ref: ref, Title: title, Run: run}
}

func should(id, ref, title string, run func(*T)) Check {
	return Check{ID: id, Level: Should, Ref: ref, Title: title, Run: run}
}

func (c Check) when(o order) Check {
	c.order = o
	return c
}

// Select returns the checks whose ids match one of the patterns: an id (E01), or
// a pattern of package path (F*). Without patterns it returns all.
func Select(checks []Check, patterns ...string) ([]Check, error) {
	if len(patterns) == 0 {
		return checks, nil
	}
	var out []Check
	for _, p := range patterns {
		n := 0
		for _, c := range checks {
			ok, err := path.Match(strings.ToUpper(p), c.ID)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", p, err)
			}
			if !ok {
				continue
			}
			n++
			if !slices.ContainsFunc(out, func(d Check) bool { return d.ID == c.ID }) {
				out = append(out, c)
			}
		}
		if n == 0 {
			return nil, fmt.Errorf("no check matches %q", p)
		}
	}
	slices.SortFunc(out, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Outcome is how a check ended.
type Outcome string

// The outcomes. Divergent: the hub departs from the specification in a way that
// it documents, and does what it documents.
const (
	Pass      Outcome = "pass"
	Fail      Outcome = "fail"
	Skip      Outcome = "skip"
	Divergent Outcome = "divergent"
)

// Result is a check and what came of it.
type Result struct {
	ID      string        `json:"id"`
	Level   Level         `json:"level"`
	Ref     string        `json:"ref"`
	Title   string        `json:"title"`
	Outcome Outcome       `json:"result"`
	Reason  string        `json:"reason,omitempty"`  // why it failed, was skipped, or diverges
	Steps   []string      `json:"steps,omitempty"`   // what was sent and what was seen
	Took    time.Duration `json:"took_ns,omitempty"` // in nanoseconds
}
