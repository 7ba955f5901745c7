package ocpi

import "github.com/go-json-experiment/json/jsontext"

// plainEnvelope reads an envelope of the form that nearly every answer to a push
// has: the four members of OCPI, each at most once, strings of printable ASCII
// without escapes, a status_code of four digits, and no data but null. Anything
// else is not ok, and left to the JSON decoder, which needs ten times as long.
func plainEnvelope(body []byte) (e Envelope, ok bool) {
	p := plainReader{rest: body}
	if !p.skip('{') {
		return e, false
	}
	var code, message, stamp, data bool // seen
	for {
		name, ok := p.text()
		if !ok || !p.skip(':') {
			return e, false
		}
		switch string(name) {
		case "status_code":
			if ok = !code; ok {
				e.StatusCode, ok = p.code()
			}
			code = true
		case "status_message":
			var s []byte
			if s, ok = p.text(); message {
				ok = false
			}
			e.StatusMessage, message = string(s), true
		case "timestamp":
			var s []byte
			if s, ok = p.text(); stamp {
				ok = false
			}
			e.Timestamp, stamp = string(s), true
		case "data":
			if ok = !data; ok {
				e.Data, ok = p.null()
			}
			data = true
		default:
			ok = false
		}
		switch {
		case !ok:
			return e, false
		case p.skip(','):
		case p.skip('}'):
			p.space()
			return e, code && len(p.rest) == 0
		default:
			return e, false
		}
	}
}

// plainReader reads the few forms of JSON that plainEnvelope knows.
type plainReader struct{ rest []byte }

func (p *plainReader) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\r' || p.rest[0] == '\t') {
		p.rest = p.rest[1:]
	}
}

// skip passes white space and c, and reports whether c was there.
func (p *plainReader) skip(c byte) bool {
	p.space()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// text reads a string.
func (p *plainReader) text() ([]byte, bool) {
	if !p.skip('"') {
		return nil, false
	}
	for i, c := range p.rest {
		switch {
		case c == '"':
			s := p.rest[:i]
			p.rest = p.rest[i+1:]
			return s, true
		case c < ' ' || c > '~' || c == '\\':
			return nil, false
		}
	}
	return nil, false
}

// code reads a number of four digits; what follows must end it.
func (p *plainReader) code() (n int, ok bool) {
	p.space()
	if len(p.rest) < 5 || p.rest[0] == '0' {
		return 0, false
	}
	for _, c := range p.rest[:4] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	p.rest = p.rest[4:]
	return n, true
}

// null reads null.
func (p *plainReader) null() (jsontext.Value, bool) {
	p.space()
	const null = "null"
	if len(p.rest) < len(null) || string(p.rest[:len(null)]) != null {
		return nil, false
	}
	v := jsontext.Value(p.rest[:len(null):len(null)])
	p.rest = p.rest[len(null):]
	return v, true
}
