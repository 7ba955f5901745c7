package store

import (
	"context"
	"fmt"
	"time"

	"github.com/eroam/eroam/ocpi"
)

const (
	laterMail   = ` FROM cdr WHERE mail = 'waiting' AND emsp_country = $2 AND emsp_party = $3 AND due > $1 AND length(answer) > 0`
	sqlLateMail = `SELECT due` + laterMail + ` LIMIT 1`
	// Ordered, so that SQLite takes the index with the due time.
	sqlHurryMail = `UPDATE cdr SET due = $1 WHERE id IN (SELECT id` + laterMail + ` ORDER BY due, id LIMIT $4)`
)

// HurryMail makes due now what waits for a receiver and is due later, at most limit
// CDRs, and returns how many: it takes CDRs again. What has no Answer stays: it is
// on its way in.
func (tx *Tx) HurryMail(receiver ocpi.PartyID, now int64, limit int) (int, error) {
	n, err := tx.exec(sqlHurryMail, now, receiver.CountryCode, receiver.ID, limit)
	if err != nil {
		return 0, fmt.Errorf("hurrying the CDRs for %s: %w", receiver, err)
	}
	return int(n), nil
}

// LateMail reports whether there is something that HurryMail makes due.
func (l *Ledger) LateMail(ctx context.Context, receiver ocpi.PartyID, now int64) (bool, error) {
	var due int64
	found, err := l.read.row(ctx, sqlLateMail, []any{now, receiver.CountryCode, receiver.ID}, &due)
	return found, wrap(err, "looking for CDRs that wait for %s", receiver)
}

const sqlNextMail = `SELECT ` + cdrColumns + ` FROM cdr WHERE mail = 'waiting' AND emsp_country = $1 AND emsp_party = $2
	AND (due <= $3 OR length(answer) > 0) ORDER BY due, id LIMIT $4`

// NextMail returns at most limit CDRs that wait for the receiver, due or not, the
// earliest due first; without those that are on their way in, which have no Answer and
// are not due.
func (l *Ledger) NextMail(ctx context.Context, receiver ocpi.PartyID, now int64, limit int) ([]LedgerCDR, error) {
	return l.cdrs(ctx, sqlNextMail, receiver.CountryCode, receiver.ID, now, limit)
}

const sqlPutOffMail = `UPDATE cdr SET due = $1, attempts = attempts + 1 WHERE id = $2 AND mail = 'waiting'`

// PutOffMail notes a failed attempt to deliver a CDR, and when the next one is
// due.
func (tx *Tx) PutOffMail(id, due int64) error {
	if err := tx.send(sqlPutOffMail, due, id); err != nil {
		return fmt.Errorf("putting off CDR %d: %w", id, err)
	}
	return nil
}

const sqlOldMail = `SELECT ` + cdrColumns + ` FROM cdr WHERE mail = 'waiting' AND emsp_country = $1 AND emsp_party = $2
	AND mail_since <= $3 ORDER BY due, id LIMIT $4`

// OldMail returns at most limit CDRs that have waited for the receiver since the
// time or longer.
func (l *Ledger) OldMail(ctx context.Context, receiver ocpi.PartyID, since int64, limit int) ([]LedgerCDR, error) {
	return l.cdrs(ctx, sqlOldMail, receiver.CountryCode, receiver.ID, since, limit)
}

const sqlCDROfSession = `SELECT id FROM cdr WHERE country = $1 AND party = $2 AND session = $3 AND session <> ''
	AND state <> 'refused' AND credit_of = '' ORDER BY id LIMIT 1`

// CDROfSession returns the ID of the first CDR of the owner's session, as this
// transaction sees it; refused ones and credits do not count.
func (tx *Tx) CDROfSession(owner ocpi.PartyID, session string) (id int64, found bool, err error) {
	found, err = tx.row(sqlCDROfSession, []any{owner.CountryCode, owner.ID, session}, &id)
	if err != nil {
		return 0, false, fmt.Errorf("looking for the CDR of a session: %w", err)
	}
	return id, found, nil
}

// sqlNewestRival looks for rivals by the end of their time, which is bounded: who
// begins months late would read all that has come since.
const sqlNewestRival = `SELECT
	COALESCE((SELECT MAX(evidence) FROM cdr WHERE country = $1 AND party = $2 AND session = $3 AND session <> ''
		AND state <> 'refused' AND credit_of = '' AND credited_by = 0 AND cdr_id <> $4), 0),
	COALESCE((SELECT MAX(evidence) FROM cdr WHERE country = $1 AND party = $2 AND evse = $5 AND evse <> '' AND evse <> '#na' AND token = $6
		AND ended > $7 AND ended < $8 AND started < $9 AND state <> 'refused' AND credit_of = '' AND credited_by = 0 AND cdr_id <> $4), 0)`

// longestRival is longer than a session that nobody holds for its length.
const longestRival = int64(14 * 24 * time.Hour / time.Microsecond)

// NewestRival returns the Evidence of the newest CDR of the owner with the same
// session as c, or with its EVSE and token at an overlapping time, as this
// transaction sees it; 0 when there is none. What was refused or credited does not
// count, nor a credit, nor what overlaps and ends 14 days after c or later.
func (tx *Tx) NewestRival(c *LedgerCDR) (event int64, err error) {
	var session, overlaps int64
	_, err = tx.row(sqlNewestRival, []any{
		c.Owner.CountryCode, c.Owner.ID, c.Session, c.CDRID, c.EVSE, c.Token, c.Started, c.Ended + longestRival, c.Ended,
	}, &session, &overlaps)
	if err != nil {
		return 0, fmt.Errorf("looking for rivals of a CDR: %w", err)
	}
	return max(session, overlaps), nil
}

const (
	sqlPutMeterKey = `INSERT INTO meter_key (country, party, evse, key, since) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (country, party, evse) DO UPDATE SET key = excluded.key, since = excluded.since`
	sqlDeleteMeterKey = `DELETE FROM meter_key WHERE country = $1 AND party = $2 AND evse = $3`
	sqlMeterKey       = `SELECT key FROM meter_key WHERE country = $1 AND party = $2 AND evse = $3`
)

// PutMeterKey keeps the key of an EVSE, in place of the one before.
func (tx *Tx) PutMeterKey(k MeterKey) error {
	if err := tx.send(sqlPutMeterKey, k.Owner.CountryCode, k.Owner.ID, k.EVSE, k.Key, k.Since); err != nil {
		return fmt.Errorf("storing the key of a meter: %w", err)
	}
	return nil
}

// DeleteMeterKey reports whether there was a key.
func (tx *Tx) DeleteMeterKey(owner ocpi.PartyID, evse string) (bool, error) {
	n, err := tx.exec(sqlDeleteMeterKey, owner.CountryCode, owner.ID, evse)
	if err != nil {
		return false, fmt.Errorf("deleting the key of a meter: %w", err)
	}
	return n > 0, nil
}

// MeterKey returns the key of an EVSE; "" when none is known.
func (l *Ledger) MeterKey(ctx context.Context, owner ocpi.PartyID, evse string) (key string, err error) {
	if _, err = l.read.row(ctx, sqlMeterKey, []any{owner.CountryCode, owner.ID, evse}, &key); err != nil {
		return "", fmt.Errorf("reading the key of a meter: %w", err)
	}
	return key, nil
}
