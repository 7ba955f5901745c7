package egress

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Recipient is what many requests have in common, worked out once. It is not
// changed.
type Recipient struct {
	target target
	lines  []byte
}

// NewRecipient returns the recipient of requests to URLs that begin with base, an
// absolute URL without a query, with the header h. A slash at the end of base
// does not count.
func NewRecipient(base string, h http.Header) (*Recipient, error) {
	t, err := parseTarget(base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", "URL of a partner", err)
	}
	if strings.IndexByte(t.path, '?') >= 0 {
		return nil, errors.New("the URL of a partner has a query")
	}
	t.path = strings.TrimRight(t.path, "/")
	lines, err := appendFields(nil, h)
	if err != nil {
		return nil, err
	}
	return &Recipient{t, lines}, nil
}

// at checks what follows the URL of a recipient.
func (to *Recipient) at(rest string) (target, error) {
	if rest == "" || rest[0] != '/' || len(to.target.path)+len(rest) > maxURL {
		return target{}, errors.New("the path is missing, or too long")
	}
	return to.target, checkChars(rest)
}
