package ocpi

import (
	"net/url"
	"strings"
)

// MaxSegment is the longest path segment, in bytes, that [JoinPath] and
// [SplitPath] let through. Identifiers of the standard modules are shorter
// (36 or 39); the ingress checks those.
const MaxSegment = 255

// CheckSegment refuses a path segment that could be read as anything but one
// name: empty, "." or "..", also between slashes or backslashes inside it,
// outside printable ASCII, or over-long. The error names field.
func CheckSegment(field, s string) error {
	switch {
	case s == "":
		return Invalid(field, "must not be empty")
	case len(s) > MaxSegment:
		return Invalid(field, "is too long")
	}
	start := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '/' || s[i] == '\\' {
			if part := s[start:i]; part == "." || part == ".." {
				return Invalid(field, "must not contain dot segments")
			}
			start = i + 1
			continue
		}
		if s[i] < 0x20 || s[i] > 0x7e {
			return Invalid(field, "must be printable ASCII")
		}
	}
	return nil
}

// JoinPath returns base followed by the segments, each escaped once and joined
// by exactly one slash. A query in base is kept behind the path. No segment can
// lead out of base: those that could are refused, see [CheckSegment].
func JoinPath(base string, segments ...string) (string, error) {
	base, query, hasQuery := strings.Cut(base, "?")
	var b strings.Builder
	b.Grow(len(base) + 48)
	b.WriteString(strings.TrimRight(base, "/"))
	for _, s := range segments {
		if err := CheckSegment("path", s); err != nil {
			return "", err
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	if hasQuery {
		b.WriteByte('?')
		b.WriteString(query)
	}
	return b.String(), nil
}

// SplitPath splits an escaped path (as [url.URL.EscapedPath] returns it, below
// the endpoint) into unescaped segments. One trailing slash is tolerated; empty
// segments, bad escapes and what [CheckSegment] refuses are an error.
func SplitPath(escaped string) ([]string, error) {
	escaped = strings.TrimPrefix(escaped, "/")
	escaped = strings.TrimSuffix(escaped, "/")
	if escaped == "" {
		return nil, nil
	}
	parts := strings.Split(escaped, "/")
	for i, p := range parts {
		u, err := url.PathUnescape(p)
		if err != nil {
			return nil, Invalid("path", "has a broken percent escape")
		}
		if err := CheckSegment("path", u); err != nil {
			return nil, err
		}
		parts[i] = u
	}
	return parts, nil
}
