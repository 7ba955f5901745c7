package ocpi

import (
	"math/rand/v2"
	"net/http"
)

// Header names, in the canonical form of net/http. On the wire their case does
// not matter (OCPI 2.2.1 §4.1.8.2).
const (
	HeaderAuthorization   = "Authorization"
	HeaderRequestID       = "X-Request-Id"
	HeaderCorrelationID   = "X-Correlation-Id"
	HeaderToCountryCode   = "Ocpi-To-Country-Code"
	HeaderToPartyID       = "Ocpi-To-Party-Id"
	HeaderFromCountryCode = "Ocpi-From-Country-Code"
	HeaderFromPartyID     = "Ocpi-From-Party-Id"
	HeaderTotalCount      = "X-Total-Count"
	HeaderLimit           = "X-Limit"
	HeaderLink            = "Link"
	HeaderLocation        = "Location"
)

// maxMessageID bounds X-Request-ID and X-Correlation-ID, in characters.
const maxMessageID = 64

// Claim is a party as a message spells it. It is a claim until it has been
// compared with the parties of the platform that sent it.
type Claim struct{ CountryCode, ID string }

// IsZero reports whether the claim is absent.
func (c Claim) IsZero() bool { return c == Claim{} }

// Party returns the claimed party in canonical spelling.
func (c Claim) Party() (PartyID, error) { return ParsePartyID(c.CountryCode, c.ID) }

// ClaimOf returns p as a claim.
func ClaimOf(p PartyID) Claim { return Claim(p) }

// Header holds the message and routing headers of one request.
type Header struct {
	RequestID     string
	CorrelationID string
	To, From      Claim
}

// ParseHeader reads the message and routing headers. Each may occur once; a
// repeated or half-given one, or one with control or non-ASCII characters, is
// an *Error and nothing of the message may be used but the two ids. Absent and
// unusable ids are replaced by fresh ones, also beside an error, so that every
// message can be found again and the ids can always be sent back.
func ParseHeader(h http.Header) (Header, error) {
	var out Header
	var err error
	get := func(key, name string, limit int) string {
		v := h[key]
		problem := ""
		switch {
		case len(v) == 0:
			return ""
		case len(v) > 1:
			problem = "must occur once"
		case len(v[0]) > limit:
			problem = "is too long"
		case !printable(v[0]):
			problem = "must be printable ASCII"
		default:
			return v[0]
		}
		if err == nil {
			err = Malformed(name + ": " + problem)
		}
		return ""
	}
	out.RequestID = get(HeaderRequestID, "X-Request-ID", maxMessageID)
	out.CorrelationID = get(HeaderCorrelationID, "X-Correlation-ID", maxMessageID)
	out.To.CountryCode = get(HeaderToCountryCode, "OCPI-to-country-code", 2)
	out.To.ID = get(HeaderToPartyID, "OCPI-to-party-id", 3)
	out.From.CountryCode = get(HeaderFromCountryCode, "OCPI-from-country-code", 2)
	out.From.ID = get(HeaderFromPartyID, "OCPI-from-party-id", 3)
	if out.RequestID == "" {
		out.RequestID = NewMessageID()
	}
	if out.CorrelationID == "" {
		out.CorrelationID = NewMessageID()
	}
	if err != nil {
		return Header{RequestID: out.RequestID, CorrelationID: out.CorrelationID}, err
	}
	if (out.To.CountryCode == "") != (out.To.ID == "") {
		return out, Invalid("OCPI-to-country-code and OCPI-to-party-id", "must be given together")
	}
	if (out.From.CountryCode == "") != (out.From.ID == "") {
		return out, Invalid("OCPI-from-country-code and OCPI-from-party-id", "must be given together")
	}
	return out, nil
}

// NewMessageID returns a fresh X-Request-ID or X-Correlation-ID: 26 characters,
// 130 random bits. It is unique, and no secret: a token must come from
// crypto/rand, which costs forty times as much.
func NewMessageID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var id [26]byte
	var bits uint64
	for i := range id {
		if i%12 == 0 {
			bits = rand.Uint64()
		}
		id[i] = alphabet[bits%32]
		bits /= 32
	}
	return string(id[:])
}

// SetRouting writes the routing headers that are present in to and from.
func SetRouting(h http.Header, to, from Claim) {
	if !to.IsZero() {
		h[HeaderToCountryCode] = []string{to.CountryCode}
		h[HeaderToPartyID] = []string{to.ID}
	}
	if !from.IsZero() {
		h[HeaderFromCountryCode] = []string{from.CountryCode}
		h[HeaderFromPartyID] = []string{from.ID}
	}
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
