package store

import "fmt"

const agreementColumns = `id, cpo_country, cpo_party, emsp_country, emsp_party, valid_from, valid_to, body`

const sqlPutAgreement = `INSERT INTO agreement (` + agreementColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (id) DO UPDATE SET cpo_country = excluded.cpo_country, cpo_party = excluded.cpo_party,
		emsp_country = excluded.emsp_country, emsp_party = excluded.emsp_party,
		valid_from = excluded.valid_from, valid_to = excluded.valid_to, body = excluded.body`

// PutAgreement inserts the agreement or replaces the one with its ID.
func (tx *Tx) PutAgreement(a AgreementRow) error {
	err := tx.send(sqlPutAgreement, a.ID, a.CPO.CountryCode, a.CPO.ID, a.EMSP.CountryCode, a.EMSP.ID,
		a.ValidFrom, a.ValidTo, blob(a.Body))
	if err != nil {
		return fmt.Errorf("storing agreement %s: %w", a.ID, err)
	}
	return nil
}

const sqlDeleteAgreement = `DELETE FROM agreement WHERE id = $1`

// DeleteAgreement reports whether the agreement was there.
func (tx *Tx) DeleteAgreement(id string) (bool, error) {
	n, err := tx.exec(sqlDeleteAgreement, id)
	if err != nil {
		return false, fmt.Errorf("deleting agreement %s: %w", id, err)
	}
	return n > 0, nil
}

func agreementFields(a *AgreementRow) []any {
	return []any{&a.ID, &a.CPO.CountryCode, &a.CPO.ID, &a.EMSP.CountryCode, &a.EMSP.ID,
		&a.ValidFrom, &a.ValidTo, (*blob)(&a.Body)}
}
