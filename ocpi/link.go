package ocpi

import "strings"

// FormatNextLink returns the value of a Link header that leads to the next page
// (OCPI 2.2.1 §4.1.4.1).
func FormatNextLink(url string) string { return "<" + url + `>; rel="next"` }

// ParseNextLink returns the target of the first link with relation "next" in
// the values of a Link header (RFC 8288 §3). Relation names compare without
// regard to case and may stand among others; quoted and bare values are read. An
// empty target, which would lead to the same page again, is not a link.
func ParseNextLink(values []string) (target string, ok bool) {
	for _, v := range values {
		for v != "" {
			var t, params string
			t, params, v, ok = cutLink(v)
			if !ok {
				break
			}
			if t != "" && relHasNext(params) {
				return t, true
			}
		}
	}
	return "", false
}

// cutLink splits off the first link-value of a list: <target> params , rest.
func cutLink(v string) (target, params, rest string, ok bool) {
	v = strings.TrimLeft(v, " \t,")
	if !strings.HasPrefix(v, "<") {
		return "", "", "", false
	}
	end := strings.IndexByte(v, '>')
	if end < 0 {
		return "", "", "", false
	}
	target, v = v[1:end], v[end+1:]
	quoted := false
	for i := 0; i < len(v); i++ {
		switch {
		case quoted && v[i] == '\\':
			i++
		case v[i] == '"':
			quoted = !quoted
		case v[i] == ',' && !quoted:
			return target, v[:i], v[i+1:], true
		}
	}
	return target, v, "", true
}

func relHasNext(params string) bool {
	for params != "" {
		params = strings.TrimLeft(params, " \t;")
		end := strings.IndexAny(params, "=;")
		if end < 0 {
			return false
		}
		if params[end] == ';' { // a parameter without a value
			params = params[end:]
			continue
		}
		name := strings.TrimSpace(params[:end])
		rest := strings.TrimLeft(params[end+1:], " \t")
		var value string
		if strings.HasPrefix(rest, `"`) {
			end := closingQuote(rest)
			if end < 0 {
				return false
			}
			value, params = rest[1:end], rest[end+1:]
		} else {
			value, params, _ = strings.Cut(rest, ";")
		}
		if strings.EqualFold(name, "rel") {
			for r := range strings.FieldsSeq(value) {
				if strings.EqualFold(r, "next") {
					return true
				}
			}
			return false // only the first rel counts (RFC 8288 §3.3)
		}
	}
	return false
}

func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
