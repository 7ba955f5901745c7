package store

import (
	"bytes"
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

const (
	sqlNewestTariff = `SELECT received, hash, deleted FROM tariff_version
		WHERE country = $1 AND party = $2 AND id = $3 ORDER BY received DESC LIMIT 1`
	sqlInsertTariff = `INSERT INTO tariff_version (country, party, id, received, version, hash, deleted, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
)

// PutTariffVersion keeps the tariff as it was received. It does nothing when
// the newest version has the same Hash and Deleted. A version never gets a time at
// or before that of an earlier one: it is then stored as received a microsecond
// after it.
func (tx *Tx) PutTariffVersion(t TariffVersion) error {
	var received int64
	var hash blob
	var deleted bool
	key := []any{t.Owner.CountryCode, t.Owner.ID, t.ID}
	found, err := tx.row(sqlNewestTariff, key, &received, &hash, &deleted)
	if err == nil && found {
		if deleted == t.Deleted && bytes.Equal(hash, t.Hash) {
			return nil
		}
		t.Received = max(t.Received, received+1)
	}
	if err == nil {
		tx.data, tx.scratch = tx.codec.seal(tx.data[:0], tx.scratch, t.Body)
		err = tx.one(sqlInsertTariff, append(key, t.Received, t.Version, blob(t.Hash), t.Deleted, tx.data)...)
	}
	if err != nil {
		return fmt.Errorf("storing a version of a tariff: %w", err)
	}
	return nil
}

const permissionColumns = `id, at, cpo_country, cpo_party, emsp_country, emsp_party, reference, token, contract, location, session, method`

func authorizationFields(a *Authorization) []any {
	return []any{&a.ID, &a.At, &a.CPO.CountryCode, &a.CPO.ID, &a.EMSP.CountryCode, &a.EMSP.ID,
		&a.Reference, &a.Token, &a.Contract, &a.Location, &a.Session, &a.Method}
}

const sqlPutPermission = `INSERT INTO permission (` + permissionColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
	ON CONFLICT (id) DO NOTHING`

// PutAuthorization keeps an authorization. It does nothing when there is one
// with the ID.
func (tx *Tx) PutAuthorization(a Authorization) error {
	err := tx.send(sqlPutPermission, a.ID, a.At, a.CPO.CountryCode, a.CPO.ID, a.EMSP.CountryCode, a.EMSP.ID,
		a.Reference, a.Token, a.Contract, a.Location, a.Session, a.Method)
	if err != nil {
		return fmt.Errorf("storing an authorization: %w", err)
	}
	return nil
}

const (
	watchColumns = `country, party, session, emsp_country, emsp_party, token, evse, status, started, ended, updated, cdr, due, raised`
	sqlWatch     = `SELECT ` + watchColumns + ` FROM session_watch WHERE country = $1 AND party = $2 AND session = $3`
	sqlPutWatch  = `INSERT INTO session_watch (` + watchColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (country, party, session) DO UPDATE SET emsp_country = excluded.emsp_country,
			emsp_party = excluded.emsp_party, token = excluded.token, evse = excluded.evse, status = excluded.status,
			started = excluded.started, ended = excluded.ended, updated = excluded.updated, cdr = excluded.cdr,
			due = excluded.due, raised = excluded.raised`
)

func watchFields(w *SessionWatch) []any {
	return []any{&w.Owner.CountryCode, &w.Owner.ID, &w.Session, &w.EMSP.CountryCode, &w.EMSP.ID, &w.Token, &w.EVSE,
		&w.Status, &w.Started, &w.Ended, &w.Updated, &w.CDR, &w.Due, &w.Raised}
}

// PutSessionWatch inserts or replaces what is known of a session.
func (tx *Tx) PutSessionWatch(w SessionWatch) error {
	err := tx.send(sqlPutWatch, w.Owner.CountryCode, w.Owner.ID, w.Session, w.EMSP.CountryCode, w.EMSP.ID, w.Token,
		w.EVSE, w.Status, w.Started, w.Ended, w.Updated, w.CDR, w.Due, w.Raised)
	if err != nil {
		return fmt.Errorf("storing what is known of a session: %w", err)
	}
	return nil
}

const sqlWatchHasCDR = `UPDATE session_watch SET cdr = $1, due = 0
	WHERE country = $2 AND party = $3 AND session = $4 AND cdr = 0 AND raised = ''`

// SessionHasCDR notes the CDR of a session of which one is expected, and about
// which no finding is open; it is then never due again. It reports false, and
// changes nothing, where that is not so.
func (tx *Tx) SessionHasCDR(owner ocpi.PartyID, session string, cdr int64) (bool, error) {
	n, err := tx.exec(sqlWatchHasCDR, cdr, owner.CountryCode, owner.ID, session)
	if err != nil {
		return false, fmt.Errorf("storing the CDR of a session: %w", err)
	}
	return n == 1, nil
}

// SessionWatch returns what is known of the owner's session with the folded id,
// as this transaction sees it.
func (tx *Tx) SessionWatch(owner ocpi.PartyID, session string) (SessionWatch, bool, error) {
	var w SessionWatch
	found, err := tx.row(sqlWatch, []any{owner.CountryCode, owner.ID, session}, watchFields(&w)...)
	if err != nil {
		return SessionWatch{}, false, fmt.Errorf("reading what is known of a session: %w", err)
	}
	return w, found, nil
}

const (
	findingColumns = `id, kind, cpo_country, cpo_party, emsp_country, emsp_party, session, at, cleared, text`
	sqlPutFinding  = `INSERT INTO ledger_finding (` + findingColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET cleared = excluded.cleared, text = excluded.text`
)

func findingFields(f *LedgerFinding) []any {
	return []any{&f.ID, &f.Kind, &f.CPO.CountryCode, &f.CPO.ID, &f.EMSP.CountryCode, &f.EMSP.ID, &f.Session, &f.At,
		&f.Cleared, &f.Text}
}

// PutFinding adds a finding, or changes Cleared and Text of the one with the ID.
func (tx *Tx) PutFinding(f LedgerFinding) error {
	err := tx.send(sqlPutFinding, f.ID, f.Kind, f.CPO.CountryCode, f.CPO.ID, f.EMSP.CountryCode, f.EMSP.ID, f.Session,
		f.At, f.Cleared, f.Text)
	if err != nil {
		return fmt.Errorf("storing a finding: %w", err)
	}
	return nil
}

const sqlPutCheckpoint = `INSERT INTO ledger_checkpoint (size, at, note) VALUES ($1, $2, $3) ON CONFLICT (size) DO NOTHING`

// PutCheckpoint keeps a signed state of the log. The first one of a size stays.
func (tx *Tx) PutCheckpoint(size, at int64, note []byte) error {
	if err := tx.send(sqlPutCheckpoint, size, at, blob(note)); err != nil {
		return fmt.Errorf("storing checkpoint %d: %w", size, err)
	}
	return nil
}

const (
	sqlPurgePermissions = `DELETE FROM permission WHERE id IN (SELECT id FROM permission WHERE at < $1 ORDER BY at LIMIT $2)`
)

// PurgeAuthorizations deletes at most limit of those from before the time, the
// oldest first, and returns how many.
func (tx *Tx) PurgeAuthorizations(before int64, limit int) (int, error) {
	n, err := tx.exec(sqlPurgePermissions, before, limit)
	if err != nil {
		return 0, fmt.Errorf("deleting old authorizations: %w", err)
	}
	return int(n), nil
}
