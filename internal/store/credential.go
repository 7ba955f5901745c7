package store

import "fmt"

const credentialColumns = `hash, platform, kind, created, expires`

const sqlPutCredential = `INSERT INTO credential (` + credentialColumns + `)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (hash) DO UPDATE SET platform = excluded.platform, kind = excluded.kind,
		created = excluded.created, expires = excluded.expires`

// PutCredential inserts the credential or replaces the one with its Hash.
func (tx *Tx) PutCredential(c CredentialRow) error {
	if err := tx.send(sqlPutCredential, blob(c.Hash), c.Platform, c.Kind, c.Created, c.Expires); err != nil {
		return fmt.Errorf("storing a credential of platform %s: %w", c.Platform, err)
	}
	return nil
}

const sqlDeleteCredential = `DELETE FROM credential WHERE hash = $1`

// DeleteCredential reports whether the credential was there. Of any number of
// committed writes that delete the same one, in whatever process, exactly one
// sees true: that makes a token single-use.
func (tx *Tx) DeleteCredential(hash []byte) (bool, error) {
	n, err := tx.exec(sqlDeleteCredential, blob(hash))
	if err != nil {
		return false, fmt.Errorf("deleting a credential: %w", err)
	}
	return n > 0, nil
}

const sqlDeleteCredentials = `DELETE FROM credential WHERE platform = $1`

// DeleteCredentials removes all credentials of the platform.
func (tx *Tx) DeleteCredentials(platform string) error {
	if err := tx.send(sqlDeleteCredentials, platform); err != nil {
		return fmt.Errorf("deleting the credentials of platform %s: %w", platform, err)
	}
	return nil
}

func credentialFields(c *CredentialRow) []any {
	return []any{(*blob)(&c.Hash), &c.Platform, &c.Kind, &c.Created, &c.Expires}
}
