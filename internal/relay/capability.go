package relay

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Kinds of capability URLs.
const (
	kindResponse = "response" // used up by the first result that was delivered
	kindResults  = "results"
	kindLink     = "link"
	kindLocation = "location"
)

// locationLife is how long the URL of a posted CDR leads to it.
const locationLife = 10 * 365 * 24 * time.Hour

// PathPrefix is where capability URLs live below the public URL.
const PathPrefix = "/ocpi/c/"

// mint stores c under 130 fresh random bits and returns its URL. It is durable
// before it is handed out, so that a result that comes after a restart still
// finds its way.
func (r *Relay) mint(ctx context.Context, c *store.Capability, life time.Duration) (string, error) {
	now := time.Now()
	c.ID = rand.Text()
	c.Created, c.Expires = now.UnixMicro(), now.Add(life).UnixMicro()
	err := r.Store.Write(ctx, func(tx *store.Tx) error { return tx.PutCapability(*c) })
	if err != nil {
		return "", unavailable(err)
	}
	return r.PublicURL + PathPrefix + c.ID, nil
}

// unavailable is the answer when the database cannot take a write now.
func unavailable(err error) *ocpi.Error {
	return &ocpi.Error{HTTP: 503, Status: ocpi.StatusServerError, Message: "the hub cannot store this at the moment; try again", Err: err}
}
