package blackbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Tariff is one of OCPI 2.2.1.
type Tariff struct {
	Owner Party
	ID    string
	Body  []byte
}

// Remember has the hub know tariffs since a moment in the past. It is for a hub
// that was never started and keeps its data in its directory.
func (h *Hub) Remember(ctx context.Context, since time.Time, tariffs []Tariff) (err error) {
	if err := os.MkdirAll(h.Data, 0o700); err != nil {
		return err
	}
	db, err := store.Open(ctx, h.Database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Write(ctx, func(tx *store.Tx) error {
		for _, t := range tariffs {
			hash := sha256.Sum256(t.Body)
			err := tx.PutTariffVersion(store.TariffVersion{
				Owner: ocpi.PartyID{CountryCode: t.Owner.Country, ID: t.Owner.ID}, ID: ocpi.FoldID(t.ID), Received: since.UnixMicro(),
				Version: string(ocpi.V221), Hash: hash[:], Body: t.Body,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
