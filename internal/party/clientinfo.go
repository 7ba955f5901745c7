package party

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// ClientInfo is the object of the hubclientinfo module (OCPI 2.2.1 §15.4.1); it
// is the same in 2.3.0.
type ClientInfo struct {
	PartyID     string    `json:"party_id"`
	CountryCode string    `json:"country_code"`
	Role        ocpi.Role `json:"role"`
	Status      Status    `json:"status"`
	LastUpdated string    `json:"last_updated"`
}

// putClientInfo writes the object that tells others about a party, and returns
// its last_updated: now in milliseconds, and later than before in any case.
func putClientInfo(tx *store.Tx, k partyKey, status Status, now time.Time) (time.Time, error) {
	key := store.ObjectKey{Kind: string(ocpi.HubClientInfo), Party: k.ID, ID: ocpi.FoldID(string(k.Role))}
	at := now.UTC().Truncate(time.Millisecond)
	old, there, err := tx.Object(key)
	if err != nil {
		return at, fmt.Errorf("reading the client info of %s: %w", k.ID, err)
	}
	if there {
		if last := fromMicros(old.LastUpdated); !at.After(last) {
			at = last.Truncate(time.Millisecond).Add(time.Millisecond)
		}
	}
	body, err := json.Marshal(ClientInfo{
		PartyID: k.ID.ID, CountryCode: k.ID.CountryCode, Role: k.Role, Status: status, LastUpdated: ocpi.FormatTime(at),
	})
	if err != nil {
		return at, fmt.Errorf("writing the client info of %s: %w", k.ID, err)
	}
	err = tx.PutObject(&store.Object{
		ObjectKey: key, Name: string(k.Role), Version: string(ocpi.V221), LastUpdated: micros(at), Body: body,
	})
	if err != nil {
		return at, fmt.Errorf("writing the client info of %s: %w", k.ID, err)
	}
	return at, nil
}

// LearnClientInfo takes over what another hub says about a party behind it.
// Only parties that the operator granted to that hub change; everything else is
// ignored. An unknown status or an unusable party id is 2001.
func (r *Registry) LearnClientInfo(ctx context.Context, platform string, info ClientInfo) error {
	id, err := ocpi.ParsePartyID(info.CountryCode, info.PartyID)
	if err != nil {
		return err
	}
	switch info.Status {
	case Connected, Offline, Planned, Suspended:
	default:
		return ocpi.Invalid("status", "must be CONNECTED, OFFLINE, PLANNED or SUSPENDED")
	}
	return unavailable(r.change(ctx, func(d *draft) error {
		p := d.platforms.get(platform)
		q := d.parties.get(partyKey{id, info.Role})
		if p == nil || !p.Hub || p.State != StateConnected || q == nil || q.platform != platform || q.Role == ocpi.RoleHub {
			return nil
		}
		if q.status != info.Status {
			n := *q
			n.status = info.Status
			d.putParty(n)
		}
		return nil
	}))
}
