package ocpi

import (
	"fmt"
	"strings"
)

// PartyID names one party: an ISO 3166-1 alpha-2 country code and a
// three-character party id (ISO 15118-2, OCPI 2.2.1 §7.3.2). Values made by
// [ParsePartyID] are upper case, so that two of them compare with ==; OCPI
// compares both parts without regard to case (CiString, §16.1).
type PartyID struct {
	CountryCode string `json:"country_code"`
	ID          string `json:"party_id"`
}

// ParsePartyID checks the two parts and returns them in upper case. The error
// is an *Error with status 2001 that names the offending field.
func ParsePartyID(countryCode, partyID string) (PartyID, error) {
	if !alphanumeric(countryCode, 2) || countryCode[0] <= '9' || countryCode[1] <= '9' {
		return PartyID{}, Invalid("country_code", "must be two letters")
	}
	if !alphanumeric(partyID, 3) {
		return PartyID{}, Invalid("party_id", "must be three letters or digits")
	}
	return PartyID{strings.ToUpper(countryCode), strings.ToUpper(partyID)}, nil
}

// ParsePartyString reads the form "US*HUB", "US-HUB" or "USHUB".
func ParsePartyString(s string) (PartyID, error) {
	t := s
	if len(s) == 6 && (s[2] == '*' || s[2] == '-') {
		t = s[:2] + s[3:]
	}
	if len(t) != 5 {
		return PartyID{}, fmt.Errorf("%q is not a party: want two letters, then three letters or digits, such as US*HUB", s)
	}
	return ParsePartyID(t[:2], t[2:])
}

// String returns "NL-TNM".
func (p PartyID) String() string { return p.CountryCode + "-" + p.ID }

// Joined returns the five-character form of OCPI 2.3.0's hub_party_id, "NLTNM".
func (p PartyID) Joined() string { return p.CountryCode + p.ID }

// IsZero reports whether p names nobody.
func (p PartyID) IsZero() bool { return p == PartyID{} }

// Is compares with the parts as a message spells them, without regard to the
// case of ASCII letters.
func (p PartyID) Is(countryCode, partyID string) bool {
	return FoldID(p.CountryCode) == FoldID(countryCode) && FoldID(p.ID) == FoldID(partyID)
}

func alphanumeric(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z') && !(s[i] >= '0' && s[i] <= '9') {
			return false
		}
	}
	return true
}

// FoldID returns the form of an object id under which two spellings of one
// CiString are equal. Only ASCII letters are folded: a CiString holds nothing
// else (OCPI 2.2.1 §16.1), and Unicode folding would make one of two ids.
func FoldID(id string) string {
	for i := range len(id) {
		if c := id[i]; c >= 'A' && c <= 'Z' {
			b := []byte(id)
			for ; i < len(b); i++ {
				if c := b[i]; c >= 'A' && c <= 'Z' {
					b[i] = c | 0x20
				}
			}
			return string(b)
		}
	}
	return id
}

// TokenKey returns one string for a token's uid and type, which together are
// unique for their owner (OCPI 2.2.1 §12.3.2). A missing type means RFID. Keys of
// two spellings of one uid are equal.
func TokenKey(uid, tokenType string) string {
	if tokenType == "" {
		tokenType = "RFID"
	}
	return FoldID(uid) + "/" + tokenType
}
