package store

import "fmt"

const sqlObjectSeq = `SELECT seq FROM object WHERE kind = $1 AND country = $2 AND party = $3 AND id = $4`

// ObjectSeq returns the Seq of an object, deleted or not, as this transaction
// sees it; 0 when there never was one. It tells the caller whether what it read
// before the transaction is still so, without reading it again.
func (tx *Tx) ObjectSeq(k ObjectKey) (int64, error) {
	var seq int64
	if _, err := tx.row(sqlObjectSeq, keyArgs(k), &seq); err != nil {
		return 0, fmt.Errorf("reading the place of an object of %s: %w", k.Kind, err)
	}
	return seq, nil
}
