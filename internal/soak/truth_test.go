package soak

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

type partyID struct{ country, id string }

// cell is the smallest thing that has a revision: a tariff, a location without
// its EVSEs, or one EVSE.
type cell struct {
	owner          partyID
	kind, id, evse string
}

func (c cell) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s of %s, %s/%s", c.kind, c.owner.id, c.id, c.evse), "/")
}

// value is the state of a cell: which of its owner's revisions, counted from 1.
type value struct {
	revision int
	deleted  bool
}

func (v value) String() string {
	switch {
	case v.deleted:
		return fmt.Sprintf("deleted by revision %d", v.revision)
	case v.revision == 0:
		return "nothing"
	}
	return fmt.Sprintf("revision %d", v.revision)
}

// truth is what owners have sent and what the hub has acknowledged.
type truth struct {
	mu      sync.Mutex
	tried   map[cell]value
	acked   map[cell]value
	changes int // that were acknowledged
	repeats int // requests that had to be sent again
	wrong   []string
}

func newTruth() *truth { return &truth{tried: map[cell]value{}, acked: map[cell]value{}} }

func (t *truth) try(cells map[cell]value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.tried, cells)
}

func (t *truth) acknowledge(cells map[cell]value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.acked, cells)
	t.changes++
}

func (t *truth) repeat() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.repeats++
}

// complain notes what must not happen.
func (t *truth) complain(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.wrong) < 50 {
		t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	}
}

// attempted returns the newest revision that the owner has sent.
func (t *truth) attempted(c cell) value {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tried[c]
}

// objects returns what an owner has published, without the parts.
func (t *truth) objects(p partyID) []cell {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []cell
	for c := range t.acked {
		if c.owner == p && c.evse == "" {
			out = append(out, c)
		}
	}
	return out
}

// differences compares what somebody has with what was acknowledged. Everything
// that was sent has been acknowledged by now.
func (t *truth) differences(who string, has map[cell]value) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for c, want := range t.acked {
		got := has[c]
		same := got == want
		if want.deleted {
			same = got.deleted || got.revision == 0
		}
		if !same {
			out = append(out, fmt.Sprintf("%s: %s: has %s; %s was acknowledged", who, c, got, want))
		}
	}
	for c, got := range has {
		if _, ok := t.acked[c]; !ok && !got.deleted {
			out = append(out, fmt.Sprintf("%s: %s: has %s; nothing was acknowledged", who, c, got))
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

// counts returns how many changes were acknowledged, and how many requests had
// to be sent again.
func (t *truth) counts() (changes, repeats int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes, t.repeats
}

// complaints returns what was noted.
func (t *truth) complaints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.wrong)
}
