package ledger

import (
	"sync"
	"time"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// terms are what applies between two parties.
type terms struct {
	agreement    *party.Agreement // nil: they have none now
	settings     *check.Settings
	ApproveAfter time.Duration
	Relay        bool // strict OCPI: the hub does not take a CDR over
}

// defaultApproval is how long a provider may dispute a CDR.
const defaultApproval = 10 * 24 * time.Hour

// terms returns what applies to CDRs from a CPO to a provider at a time.
func (l *Ledger) terms(cpo, emsp ocpi.PartyID, at time.Time) terms {
	snap := l.o.Registry.Snapshot()
	a := party.Party{ID: cpo, Role: ocpi.RoleCPO}
	b := party.Party{ID: emsp, Role: ocpi.RoleEMSP}
	g := snap.Agreement(&a, &b, party.Scope(ocpi.CDRs), at)
	t := terms{agreement: g, settings: l.rules.of(g), ApproveAfter: defaultApproval}
	if g != nil {
		t.Relay = g.CDRDelivery == party.DeliverRelay
		if g.ApproveAfter != nil {
			t.ApproveAfter = *g.ApproveAfter
		}
	}
	return t
}

// ruleCache keeps the settings that were read of agreements. The zero value is
// ready.
type ruleCache struct {
	mu sync.Mutex
	by map[string]*check.Settings // by their JSON
}

const maxRules = 1000

func (r *ruleCache) of(g *party.Agreement) *check.Settings {
	text := ""
	if g != nil {
		text = string(g.CDRChecks)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.by[text]; s != nil {
		return s
	}
	s, err := check.ParseSettings([]byte(text))
	if err != nil { // they were checked when the agreement was made
		s = check.DefaultSettings()
	}
	if r.by == nil || len(r.by) >= maxRules {
		r.by = make(map[string]*check.Settings)
	}
	r.by[text] = s
	return s
}
