// Package catalog keeps what parties publish through the hub and serves it: the
// first half of the tell way. A push is checked, merged and committed before it
// is answered; package delivery then brings it to the others.
//
// What is stored is what its owner wrote, byte for byte, with patches and parts
// of locations spliced in. Only last_updated of a parent is raised to that of a
// changed EVSE or connector, as OCPI 2.2.1 §8.2.2.2 wants of every receiver.
//
// Who may see an object is decided in one place, [delivery.Visible], besides the
// audience of sessions and CDRs. What a viewer may not see does not exist for
// it: the answers are the same.
package catalog

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/ocpi/v230"
)

// maxAhead is how far an owner's clock may be ahead of ours.
const maxAhead = 5 * time.Minute

// Options are what a Catalog is made of.
type Options struct {
	Store    *store.Store
	Registry *party.Registry
	Delivery *delivery.Delivery
	// SignKey is a secret; links to next pages are signed with it.
	SignKey []byte
	// MaxLimit is the most objects on a page, and how many there are on one
	// when the client does not say; 0 means 1000.
	MaxLimit int
	// Kept is told of each object that is published or kept, in the transaction
	// that stores it; its error undoes that. It may be called more than once, must
	// be quick, and is nil where nobody wants to know.
	Kept    func(tx *store.Tx, o *store.Object) error
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Catalog holds the published objects. Its methods may be called concurrently;
// their errors are *ocpi.Error, HTTP 503 where the store failed or is busy.
type Catalog struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time

	entitled entitled
	build    string
}

// New returns a Catalog.
func New(o Options) *Catalog {
	if o.MaxLimit <= 0 {
		o.MaxLimit = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Catalog{o: o, log: o.Log, metrics: newMetrics(o.Metrics), now: time.Now, build: build()}
}

// check applies the rules of an OCPI version to a whole object.
func check(v ocpi.Version, m ocpi.Module, level int, body []byte) error {
	if v == ocpi.V230 {
		return v230.Check(m, level, body)
	}
	return v221.Check(m, level, body)
}

// unknown is the answer for what does not exist or is not the caller's to see.
func unknown(m ocpi.Module) *ocpi.Error {
	status := ocpi.StatusClientError
	switch m {
	case ocpi.Locations:
		status = ocpi.StatusUnknownLocation
	case ocpi.Tokens:
		status = ocpi.StatusUnknownToken
	}
	return ocpi.NotFound(status, "object is not known")
}

// unavailable turns an error of the store into what a partner is told: that
// nothing is known to have been stored, and to try again. An *ocpi.Error stays as
// it is.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*ocpi.Error](err); ok {
		return e
	}
	return &ocpi.Error{
		HTTP: http.StatusServiceUnavailable, Status: ocpi.StatusServerError,
		Message: "temporarily unavailable, try again", Err: err,
	}
}

// objectKey names the object behind the first three segments of a path.
func objectKey(m ocpi.Module, owner ocpi.PartyID, id, tokenType string) store.ObjectKey {
	k := store.ObjectKey{Kind: string(m), Party: owner, ID: ocpi.FoldID(id)}
	if m == ocpi.Tokens {
		k.ID = ocpi.TokenKey(id, tokenType)
	}
	return k
}

// checkTokenType refuses what could not be told from the uid in a key.
func checkTokenType(t string) error {
	if strings.Contains(t, "/") || len(t) > 36 {
		return ocpi.Invalid("type", "is not a TokenType")
	}
	return nil
}
