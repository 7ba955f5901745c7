package conform

import (
	"context"
	"fmt"
	"sync"

	"github.com/eroam/eroam/ocpi"
)

// Manual is the operator of a hub that can be prepared by hand only: somebody
// made the platforms of the fixture (see [Fixture]) and wrote down a TOKEN_A
// for each. All parties must be allowed to talk to each other, except with the
// stranger. Platforms beyond the fixture (Spares) are used by the checks that
// register, disconnect or break one of their own; each is used once.
type Manual struct {
	VersionsURL string            // for platforms that name none
	Platforms   map[string]string // fixture platform, such as "P1" → TOKEN_A
	Spares      []Invited

	mu sync.Mutex
}

var _ Operator = (*Manual)(nil)

// Invite hands out a prepared token.
func (m *Manual) Invite(_ context.Context, inv Invitation) (Invited, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if token, ok := m.Platforms[inv.Name]; ok {
		return Invited{ID: inv.Name, VersionsURL: m.VersionsURL, TokenA: token, Roles: inv.Roles}, nil
	}
	for i, s := range m.Spares {
		if inv.Fixture || inv.Encoding != "" || !sameKinds(s.Roles, inv.Roles) {
			continue
		}
		m.Spares = append(m.Spares[:i:i], m.Spares[i+1:]...)
		if s.VersionsURL == "" {
			s.VersionsURL = m.VersionsURL
		}
		return s, nil
	}
	return Invited{}, fmt.Errorf("no prepared platform for %s %v: %w", inv.Name, inv.Roles, ErrByHand)
}

// sameKinds reports whether two platforms have the same roles, whoever plays
// them.
func sameKinds(a, b []Role) bool {
	count := map[ocpi.Role]int{}
	for _, r := range a {
		count[r.Role]++
	}
	for _, r := range b {
		count[r.Role]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// Connect returns ErrByHand.
func (m *Manual) Connect(context.Context, string, string, string) error { return ErrByHand }

// Grant returns ErrByHand.
func (m *Manual) Grant(context.Context, string, []Role) error { return ErrByHand }

// Suspend returns ErrByHand.
func (m *Manual) Suspend(context.Context, string, bool) error { return ErrByHand }

// Remove returns ErrByHand.
func (m *Manual) Remove(context.Context, string) error { return ErrByHand }

// Agree does nothing: whoever prepared the hub has agreed for all.
func (m *Manual) Agree(context.Context, Role, Role) error { return nil }
