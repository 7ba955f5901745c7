package ocpi

import (
	"fmt"
	"net/url"
	"strings"
)

// MaxSegment is the longest path segment, in bytes, that [JoinPath] and
// [SplitPath] let through. Identifiers of the standard modules are shorter
// (36 or 39); the ingress checks those.
const MaxSegment = 255

// CheckSegment refuses a path segment that could be read as anything but one
// name: empty, outside printable ASCII, over-long, or a dot segment, be it
// between slashes or backslashes inside it, before a semicolon (a path
// parameter to some servers), or escaped once or several times more. The error
// names field.
func CheckSegment(field, s string) error {
	switch {
	case s == "":
		return Invalid(field, "must not be empty")
	case len(s) > MaxSegment:
		return Invalid(field, "is too long")
	case !printable(s):
		return Invalid(field, "must be printable ASCII")
	case hasDotSegment(s):
		return Invalid(field, "must not contain dot segments")
	}
	for strings.Contains(s, "%") { // shorter each time
		u, err := url.PathUnescape(s)
		if err != nil || u == s {
			break
		}
		if hasDotSegment(u) {
			return Invalid(field, "must not contain dot segments")
		}
		s = u
	}
	return nil
}

func hasDotSegment(s string) bool {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part, _, _ = strings.Cut(part, ";"); part == "." || part == ".." {
			return true
		}
	}
	return false
}

// JoinPath returns base followed by the segments, each escaped once and joined
// by exactly one slash. A query in base is kept behind the path. No segment can
// lead out of base: those that could are refused, see [CheckSegment], as is a
// base with a fragment, which would swallow them.
func JoinPath(base string, segments ...string) (string, error) {
	if strings.Contains(base, "#") {
		return "", fmt.Errorf("endpoint URL %q has a fragment", base)
	}
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
	if escaped == "" {
		return nil, nil
	}
	parts := strings.Split(strings.TrimSuffix(escaped, "/"), "/")
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
