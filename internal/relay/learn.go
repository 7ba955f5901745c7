package relay

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// maxRemembered bounds the facts kept in memory; when it is reached the memory
// starts anew, which costs one needless write per fact that is seen again.
const maxRemembered = 200_000

type fact struct {
	kind, id string
	party    ocpi.PartyID
}

// ownerCache remembers which facts are in the database already, so that the
// hundredth update of a session writes nothing.
type ownerCache struct {
	mu    sync.Mutex
	known map[fact]struct{}
}

func newOwnerCache() *ownerCache { return &ownerCache{known: make(map[fact]struct{})} }

func (c *ownerCache) unknown(facts []fact) []fact {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []fact
	for _, f := range facts {
		if _, ok := c.known[f]; !ok {
			out = append(out, f)
		}
	}
	return out
}

func (c *ownerCache) add(facts []fact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known)+len(facts) > maxRemembered {
		clear(c.known)
	}
	for _, f := range facts {
		c.known[f] = struct{}{}
	}
}

// Owners returns the parties known to own the id that open routing asks for.
func (r *Relay) Owners(ctx context.Context, k routing.Key) ([]ocpi.PartyID, error) {
	owners, err := r.Store.Owners(ctx, k.Kind, k.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	return owners, nil
}

// learnBefore stores what a push says about who owns an id. It is durable
// before the push is forwarded, so that whoever was told "accepted" can go on
// without naming the receiver, also after a restart.
func (r *Relay) learnBefore(ctx context.Context, x *Exchange) error {
	q := &x.Request
	if q.Interface != ocpi.Receiver || q.Method != http.MethodPut || len(q.Path) != 3 {
		return nil
	}
	var facts []fact
	switch q.Module {
	case ocpi.Sessions:
		driver := routing.DriverKey(q.Path)
		facts = []fact{
			{routing.KindSession, ocpi.FoldID(q.Path[2]), q.From.ID},
			{driver.Kind, driver.ID, x.Target.ID},
		}
	case ocpi.Locations:
		facts = []fact{{routing.KindLocation, ocpi.FoldID(q.Path[2]), q.From.ID}}
	case ocpi.Tokens:
		facts = []fact{{routing.KindToken, ocpi.TokenKey(q.Path[2], q.Content.TokenType), q.From.ID}}
	}
	return r.learn(ctx, facts)
}

// learnAfter stores what an accepted request says about who owns an id.
func (r *Relay) learnAfter(ctx context.Context, x *Exchange, a Answer) {
	if !a.Accepted {
		return
	}
	q := &x.Request
	var f fact
	switch {
	case q.Module == ocpi.Tokens && q.Interface == ocpi.Sender && q.Method == http.MethodPost:
		if gjson.GetBytes(a.Body, "data.allowed").String() != "ALLOWED" {
			return
		}
		f = fact{routing.KindToken, ocpi.TokenKey(q.Path[0], q.Content.TokenType), x.Target.ID}
	case q.Module == ocpi.Commands && len(q.Path) == 1 && q.Path[0] == "RESERVE_NOW" && q.Content.ReservationID != "":
		if gjson.GetBytes(a.Body, "data.result").String() != "ACCEPTED" {
			return
		}
		k := routing.ReservationKey(q.From.ID, q.Content.ReservationID)
		f = fact{k.Kind, k.ID, x.Target.ID}
	case q.Module == ocpi.ChargingProfiles && q.Interface == ocpi.Receiver && q.Method == http.MethodPut:
		k := routing.ProfileKey(x.Target.ID, q.Path[0])
		f = fact{k.Kind, k.ID, q.From.ID}
	default:
		return
	}
	if err := r.learn(context.WithoutCancel(ctx), []fact{f}); err != nil {
		r.Log.Warn("an owner could not be stored", "module", string(q.Module), "err", err)
	}
}

func (r *Relay) learn(ctx context.Context, facts []fact) error {
	if facts = r.owners.unknown(facts); len(facts) == 0 {
		return nil
	}
	now := time.Now().UnixMicro()
	err := r.Store.Write(ctx, func(tx *store.Tx) error {
		for _, f := range facts {
			if err := tx.PutOwner(store.OwnerRow{Kind: f.kind, ID: f.id, Party: f.party, Seen: now}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return unavailable(err)
	}
	r.owners.add(facts)
	return nil
}
