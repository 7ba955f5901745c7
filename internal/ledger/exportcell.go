package ledger

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// header appends the line of names.
func (e *export[T]) header(b []byte) []byte {
	for i, c := range e.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c.name...)
	}
	return append(b, "\r\n"...)
}

// cells appends a line of CSV. (encoding/csv drops carriage returns within cells
// when it ends lines as RFC 4180 wants.)
func (e *export[T]) cells(b []byte, v *T) []byte {
	for i, c := range e.columns {
		if i > 0 {
			b = append(b, ',')
		}
		s := c.of(v)
		if c.kind == text {
			s = guarded(s)
		}
		if strings.ContainsAny(s, "\",\r\n") || strings.TrimSpace(s) != s {
			s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		b = append(b, s...)
	}
	return append(b, "\r\n"...)
}

// dangers are the characters with which a formula begins in one spreadsheet or
// another, and the apostrophe, so that a guard can be told from a text's own.
const dangers = "=+-@\t\r\n'＝＋－＠"

// guarded keeps a spreadsheet from computing a text: an apostrophe goes before one
// that begins like a formula and is not a plain number. Who reads the file by
// program drops one leading apostrophe.
func guarded(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	if s == "" || !strings.ContainsRune(dangers, first) || isNumber(s) {
		return s
	}
	return "'" + s
}

// isNumber reports whether s is digits with at most one point between them, and
// perhaps a sign.
func isNumber(s string) bool {
	whole, fraction, point := strings.Cut(strings.TrimLeft(s[:1], "+-")+s[1:], ".")
	return digits(whole) && (!point || digits(fraction))
}

func digits(s string) bool {
	return s != "" && !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' })
}

// object appends a line of JSON.
func (e *export[T]) object(b []byte, v *T) []byte {
	b = append(b, '{')
	first := true
	for _, c := range e.columns {
		s := c.of(v)
		if s == "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), c.name...), `":`...)
		if c.kind == text || c.kind == amount {
			b = appendQuoted(b, s)
		} else {
			b = append(b, s...)
		}
	}
	return append(b, "}\n"...)
}

// appendQuoted appends a JSON string; what is not UTF-8 becomes U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil { // it is valid UTF-8
		panic(err)
	}
	return b
}
