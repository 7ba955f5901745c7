package conform

import (
	"context"
	"errors"

	"github.com/eroam/eroam/ocpi"
)

// Operator does what OCPI leaves to people: it lets platforms in, says who may
// talk to whom, and stops them. A method that the operator of a hub cannot do
// on demand returns [ErrByHand]; the checks that need it are then skipped.
type Operator interface {
	// Invite prepares a platform with parties and returns what it needs to
	// register.
	Invite(ctx context.Context, inv Invitation) (Invited, error)
	// Connect makes the hub start the handshake with a platform. The error says
	// that the hub did not get through it.
	Connect(ctx context.Context, platform, versionsURL, tokenA string) error
	// Grant replaces the roles that a platform may confirm.
	Grant(ctx context.Context, platform string, roles []Role) error
	// Suspend stops a platform, or lets it go on.
	Suspend(ctx context.Context, platform string, stop bool) error
	// Remove deletes a platform.
	Remove(ctx context.Context, platform string) error
	// Agree lets a CPO and a provider exchange everything.
	Agree(ctx context.Context, cpo, provider Role) error
}

// Invitation is a platform that is to be let in.
type Invitation struct {
	Name     string
	Roles    []Role
	Encoding ocpi.TokenEncoding // "" leaves it to the hub
	Fixture  bool               // the platform is one of the fixture, and no other will do
}

// Invited is what the operator gave out. Roles are those of the invitation, or
// others of the same kinds that the operator had prepared.
type Invited struct {
	ID          string
	VersionsURL string
	TokenA      string
	Roles       []Role
}

// ErrByHand says that the operator of this hub would have to do it by hand.
var ErrByHand = errors.New("needs the hand of the hub's operator")

// isByHand reports whether the operator would have to do it by hand.
func isByHand(err error) bool { return errors.Is(err, ErrByHand) }
