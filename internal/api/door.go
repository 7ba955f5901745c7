package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// How many wrong tokens one address may send.
const (
	failuresPerMinute = 20
	maxAddresses      = 4096 // addresses that are remembered
)

// door lets in who has the admin token, and platforms with the credentials token
// that opens the functional modules of OCPI to them. A right token always gets in,
// so that nobody can lock the operator out by sending wrong ones; wrong ones are
// answered with 429 once an address has sent too many. What makes guessing
// hopeless is the length of the tokens.
type door struct {
	hash         [sha256.Size]byte
	authenticate func(ctx context.Context, authorization string) (*party.Access, error)
	log          *slog.Logger
	now          func() time.Time

	mu       sync.Mutex
	failures map[string]*rate.Limiter // by network address; at most maxAddresses
}

func newDoor(hash [sha256.Size]byte, authenticate func(context.Context, string) (*party.Access, error), log *slog.Logger) *door {
	return &door{hash: hash, authenticate: authenticate, log: log, now: time.Now, failures: map[string]*rate.Limiter{}}
}

// open returns who is calling; when nobody may go on, it has answered.
func (d *door) open(w http.ResponseWriter, r *http.Request) (caller, bool) {
	if d.rightToken(r.Header) {
		return caller{operator: true}, true
	}
	if p, err := d.platform(r); err != nil {
		w.Header().Set("Retry-After", "1")
		writeProblem(w, http.StatusServiceUnavailable, "The hub cannot look the token up; try again.")
		return caller{}, false
	} else if p != nil {
		return caller{platform: p}, true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if wait := d.failed(host); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		writeProblem(w, http.StatusTooManyRequests, "Too many requests without a valid token.")
		return caller{}, false
	}
	d.log.Info("refused an API request without a valid token", "address", host)
	w.Header().Set("WWW-Authenticate", `Bearer realm="eroam"`)
	writeProblem(w, http.StatusUnauthorized, "Send the admin token: Authorization: Bearer …; or, for the ledger, the credentials token of a connected platform: Authorization: Token …")
	return caller{}, false
}

// platform returns whose credentials token r carries; nil when it carries none
// that opens the functional modules. The error says that this cannot be known.
func (d *door) platform(r *http.Request) (*party.Platform, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return nil, nil
	}
	if scheme, _, ok := strings.Cut(values[0], " "); !ok || !strings.EqualFold(scheme, "Token") {
		return nil, nil
	}
	access, err := d.authenticate(r.Context(), values[0])
	switch {
	case err != nil && ocpi.AsError(err).HTTP == http.StatusUnauthorized:
		return nil, nil
	case err != nil:
		return nil, err
	case !access.Registered():
		return nil, nil
	}
	return access.Platform, nil
}

func (d *door) rightToken(h http.Header) bool {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], d.hash[:]) == 1
}

// failed counts a wrong token and returns how long the address must wait, 0
// when it has not sent too many.
func (d *door) failed(host string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	l := d.failures[host]
	if l == nil {
		if len(d.failures) >= maxAddresses {
			d.forget(now)
		}
		l = rate.NewLimiter(rate.Every(time.Minute/failuresPerMinute), failuresPerMinute)
		d.failures[host] = l
	}
	if l.AllowN(now, 1) {
		return 0
	}
	wait := time.Duration((1 - l.TokensAt(now)) * float64(time.Minute/failuresPerMinute))
	return max(wait, time.Millisecond)
}

// forget drops the addresses that have been quiet, or all when none has: a
// flood from many addresses may not fill the memory.
func (d *door) forget(now time.Time) {
	for host, l := range d.failures {
		if l.TokensAt(now) >= failuresPerMinute {
			delete(d.failures, host)
		}
	}
	if len(d.failures) >= maxAddresses {
		clear(d.failures)
	}
}
