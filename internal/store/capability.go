package store

import (
	"context"
	"fmt"
	"time"
)

const capabilityColumns = `id, kind, caller, caller_country, caller_party,
	owner, owner_country, owner_party, module, interface, url, created, expires, due`

const sqlPutCapability = `INSERT INTO capability (` + capabilityColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
	ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, caller = excluded.caller,
		caller_country = excluded.caller_country, caller_party = excluded.caller_party,
		owner = excluded.owner, owner_country = excluded.owner_country,
		owner_party = excluded.owner_party, module = excluded.module,
		interface = excluded.interface, url = excluded.url,
		created = excluded.created, expires = excluded.expires, due = excluded.due`

// PutCapability inserts the capability or replaces the one with its ID.
func (tx *Tx) PutCapability(c Capability) error {
	err := tx.send(sqlPutCapability, c.ID, c.Kind, c.Caller, c.CallerParty.CountryCode, c.CallerParty.ID,
		c.Owner, c.OwnerParty.CountryCode, c.OwnerParty.ID, c.Module, c.Interface, c.URL, c.Created, c.Expires, c.Due)
	if err != nil {
		return fmt.Errorf("storing a capability: %w", err) // its id is a secret
	}
	return nil
}

const sqlCapability = `SELECT ` + capabilityColumns + ` FROM capability
	WHERE id = $1 AND (expires = 0 OR expires > $2)`

// Capability returns the capability; false when there is none or Expires has
// come. One with Expires 0 never expires.
func (s *Store) Capability(ctx context.Context, id string) (Capability, bool, error) {
	var c Capability
	found, err := s.engine.read.row(ctx, sqlCapability, []any{id, time.Now().UnixMicro()}, c.fields()...)
	if err != nil {
		return Capability{}, false, fmt.Errorf("reading a capability: %w", err)
	}
	return c, found, nil
}

func (c *Capability) fields() []any {
	return []any{&c.ID, &c.Kind, &c.Caller, &c.CallerParty.CountryCode, &c.CallerParty.ID,
		&c.Owner, &c.OwnerParty.CountryCode, &c.OwnerParty.ID, &c.Module, &c.Interface, &c.URL, &c.Created, &c.Expires, &c.Due}
}

const sqlExpectResult = `UPDATE capability SET due = $2 WHERE id = $1 AND due = 0`

// ExpectResult sets when the result for a capability is overdue, unless a
// result has come already, which Due below 0 says.
func (tx *Tx) ExpectResult(id string, due int64) error {
	if err := tx.send(sqlExpectResult, id, due); err != nil {
		return fmt.Errorf("storing when a result is overdue: %w", err)
	}
	return nil
}

const (
	sqlClaimCapability = `UPDATE capability SET claimed = $1, due = CASE WHEN due > 0 AND due < $2 THEN $3 ELSE due END
		WHERE id = $4 AND (expires = 0 OR expires > $5) AND claimed <= $6`
	sqlPostponeCapability = `UPDATE capability SET due = CASE WHEN due > 0 AND due < $1 THEN $2 ELSE due END
		WHERE id = $3 AND (expires = 0 OR expires > $4)`
	sqlUnclaimCapability = `UPDATE capability SET claimed = 0 WHERE id = $1`
)

// ClaimCapability lets the caller send a result on the capability until the given
// time, alone among all processes: before that, nobody else can claim it, nor
// take it as overdue. Without alone others may send results too. It reports false
// when another has it, or it has ended.
func (tx *Tx) ClaimCapability(id string, now, until int64, alone bool) (bool, error) {
	query, args := sqlClaimCapability, []any{until, until, until, id, now, now}
	if !alone {
		query, args = sqlPostponeCapability, []any{until, until, id, now}
	}
	n, err := tx.exec(query, args...)
	if err != nil {
		return false, fmt.Errorf("claiming a capability: %w", err)
	}
	return n > 0, nil
}

// UnclaimCapability ends a claim. What became due meanwhile is not overdue before
// the claim would have ended.
func (tx *Tx) UnclaimCapability(id string) error {
	if err := tx.send(sqlUnclaimCapability, id); err != nil {
		return fmt.Errorf("giving a capability back: %w", err)
	}
	return nil
}

const sqlTakeOverdue = `UPDATE capability SET due = 0, expires = 1 WHERE id = (
		SELECT id FROM capability WHERE due > 0 AND due <= $1 ORDER BY due LIMIT 1)
	RETURNING ` + capabilityColumns

// TakeOverdue ends the capability whose result is overdue the longest by now,
// and returns it; false when none is. Each is returned once, to one caller.
func (tx *Tx) TakeOverdue(now int64) (Capability, bool, error) {
	var c Capability
	found, err := tx.row(sqlTakeOverdue, []any{now}, c.fields()...)
	if err != nil {
		return Capability{}, false, fmt.Errorf("taking an overdue capability: %w", err)
	}
	return c, found, nil
}

const sqlDeleteExpiredCapabilities = `DELETE FROM capability WHERE id IN (
	SELECT id FROM capability WHERE expires > 0 AND expires <= $1 ORDER BY expires LIMIT $2)`

// DeleteExpiredCapabilities removes at most limit of those that have expired
// by now, the longest expired first, and returns how many.
func (tx *Tx) DeleteExpiredCapabilities(now int64, limit int) (int, error) {
	n, err := tx.exec(sqlDeleteExpiredCapabilities, now, limit)
	if err != nil {
		return 0, fmt.Errorf("deleting expired capabilities: %w", err)
	}
	return int(n), nil
}
