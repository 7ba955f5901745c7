package store

import (
	"cmp"
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

// The columns of a CDR: what names it, what is known of it, and what becomes of
// it. The first are never changed, the second by another reception only.
const (
	cdrNames    = `id, country, party, cdr_id`
	cdrFacts    = `name, emsp_country, emsp_party, version, digest, session, token, evse, meter, reference, started, ended, received, currency, net, gross, energy, register, has_register, latitude, longitude, has_place, credit_of, evidence`
	cdrProgress = `credited_by, state, held, deadline, posted, mail, due, mail_since, attempts, answer, updated`
	cdrColumns  = cdrNames + `, ` + cdrFacts + `, ` + cdrProgress
)

func cdrFields(c *LedgerCDR) []any {
	return []any{&c.ID, &c.Owner.CountryCode, &c.Owner.ID, &c.CDRID,
		&c.Name, &c.EMSP.CountryCode, &c.EMSP.ID, &c.Version, (*blob)(&c.Digest), &c.Session, &c.Token, &c.EVSE, &c.Meter,
		&c.Reference, &c.Started, &c.Ended, &c.Received, &c.Currency, &c.Net, &c.Gross, &c.Energy, &c.Register,
		&c.HasRegister, &c.Latitude, &c.Longitude, &c.HasPlace, &c.CreditOf, &c.Evidence,
		&c.CreditedBy, &c.State, &c.Held, &c.Deadline, &c.Posted, &c.Mail, &c.Due, &c.MailSince, &c.Attempts, (*blob)(&c.Answer), &c.Updated}
}

func cdrProgressFields(c *LedgerCDR) []any {
	return []any{&c.CreditedBy, &c.State, &c.Held, &c.Deadline, &c.Posted, &c.Mail, &c.Due, &c.MailSince, &c.Attempts, (*blob)(&c.Answer), &c.Updated}
}

func cdrNameArgs(c *LedgerCDR) []any {
	return []any{c.ID, c.Owner.CountryCode, c.Owner.ID, c.CDRID}
}

func cdrFactArgs(c *LedgerCDR) []any {
	return []any{c.Name, c.EMSP.CountryCode, c.EMSP.ID, c.Version, blob(c.Digest), c.Session, c.Token, c.EVSE, c.Meter,
		c.Reference, c.Started, c.Ended, c.Received, c.Currency, c.Net, c.Gross, c.Energy, c.Register,
		c.HasRegister, c.Latitude, c.Longitude, c.HasPlace, c.CreditOf, cmp.Or(c.Evidence, c.ID)}
}

func cdrProgressArgs(c *LedgerCDR) []any {
	return []any{c.CreditedBy, c.State, c.Held, c.Deadline, c.Posted, c.Mail, c.Due, c.MailSince, c.Attempts, blob(c.Answer), c.Updated}
}

// sqlUpdateCDR leaves the facts alone, and their indexes.
var (
	sqlInsertCDR  = `INSERT INTO cdr (` + cdrColumns + `) VALUES (` + params(1, count(cdrColumns)) + `)`
	sqlUpdateCDR  = `UPDATE cdr SET ` + assigned(1, cdrProgress, ", ") + ` WHERE ` + assigned(1+count(cdrProgress), `id, evidence`, " AND ")
	sqlReplaceCDR = `UPDATE cdr SET ` + assigned(1, cdrProgress+`, `+cdrFacts, ", ") + ` WHERE ` + assigned(1+count(cdrProgress+`, `+cdrFacts), `id`, "")
	sqlProgress   = `SELECT ` + cdrProgress + ` FROM cdr WHERE id = $1 AND evidence = $2`
)

const (
	sqlCDR     = `SELECT ` + cdrColumns + ` FROM cdr WHERE country = $1 AND party = $2 AND cdr_id = $3`
	sqlCDRByID = `SELECT ` + cdrColumns + ` FROM cdr WHERE id = $1`
)

// CDR returns the CDR of the owner with the folded id, as this transaction sees
// it; false when there never was one.
func (tx *Tx) CDR(owner ocpi.PartyID, id string) (LedgerCDR, bool, error) {
	return tx.cdr(sqlCDR, owner.CountryCode, owner.ID, id)
}

// CDRByID returns the CDR with the ID, as this transaction sees it.
func (tx *Tx) CDRByID(id int64) (LedgerCDR, bool, error) { return tx.cdr(sqlCDRByID, id) }

func (tx *Tx) cdr(query string, args ...any) (LedgerCDR, bool, error) {
	var c LedgerCDR
	found, err := tx.row(query, args, cdrFields(&c)...)
	if err != nil {
		return LedgerCDR{}, false, fmt.Errorf("reading a CDR: %w", err)
	}
	return c, found, nil
}

// InsertCDR adds a CDR. Its ID is the Seq of its event of kind received; the
// owner must not have another with the same CDRID.
func (tx *Tx) InsertCDR(c *LedgerCDR) error {
	if err := tx.one(sqlInsertCDR, append(append(cdrNameArgs(c), cdrFactArgs(c)...), cdrProgressArgs(c)...)...); err != nil {
		return fmt.Errorf("storing CDR %d: %w", c.ID, err)
	}
	return nil
}

// UpdateCDR changes what becomes of the CDR with the ID, and nothing else:
// CreditedBy, State, Held, Deadline, Posted, Mail, its times and Attempts, Answer,
// Updated. It fails when there is none, or when it is not the reception any more
// that Evidence names.
func (tx *Tx) UpdateCDR(c *LedgerCDR) error {
	return tx.changeCDR(sqlUpdateCDR, c.ID, append(cdrProgressArgs(c), c.ID, cmp.Or(c.Evidence, c.ID)))
}

// ReplaceCDR changes all of the CDR with the ID but Owner and CDRID: another one was
// received under its id. It fails when there is none.
func (tx *Tx) ReplaceCDR(c *LedgerCDR) error {
	return tx.changeCDR(sqlReplaceCDR, c.ID, append(append(cdrProgressArgs(c), cdrFactArgs(c)...), c.ID))
}

func (tx *Tx) changeCDR(query string, id int64, args []any) error {
	if err := tx.one(query, args...); err != nil {
		return fmt.Errorf("changing CDR %d: %w", id, err)
	}
	return nil
}

// Refresh reads again what has become of c, which costs less than to read all of
// it. It reports false, and leaves c alone, when there is none with the ID and
// the Evidence any more.
func (tx *Tx) Refresh(c *LedgerCDR) (bool, error) {
	now := *c
	found, err := tx.row(sqlProgress, []any{c.ID, c.Evidence}, cdrProgressFields(&now)...)
	if err != nil {
		return false, fmt.Errorf("reading a CDR: %w", err)
	}
	if found {
		*c = now
	}
	return found, nil
}

const sqlPutEvidence = `INSERT INTO cdr_evidence (event, body) VALUES ($1, $2)
	ON CONFLICT (event) DO UPDATE SET body = excluded.body`

// PutCDREvidence keeps, compressed, why a CDR was judged as it was. The event
// is that of the judgement: the ID of the CDR for its first reception.
func (tx *Tx) PutCDREvidence(event int64, body []byte) error {
	tx.data, tx.scratch = tx.codec.seal(tx.data[:0], tx.scratch, body)
	if err := tx.one(sqlPutEvidence, event, tx.data); err != nil {
		return fmt.Errorf("storing the evidence of event %d: %w", event, err)
	}
	return nil
}
