package conform

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/sjson"
)

// spelling is a way to write a token into the Authorization header, and which
// connections may read it as that token.
type spelling struct {
	name        string
	header      func(token string) string
	base64, raw bool
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// spellings are what T05 tries. A token that is the Base64 of another
// platform's token cannot be made from outside, since the hub chooses tokens.
func spellings() []spelling {
	return []spelling{
		{"Base64", func(s string) string { return "Token " + b64(s) }, true, false},
		{"as it is", func(s string) string { return "Token " + s }, false, true},
		{"Base64 with a line feed inside", func(s string) string { return "Token " + b64(s+"\n") }, true, false},
		{"scheme in lower case", func(s string) string { return "token " + b64(s) }, true, false},
		{"without padding", func(s string) string { return "Token " + strings.TrimRight(b64(s), "=") }, false, false},
		{"other tail bits", func(s string) string { return "Token " + tailBits(b64(s)) }, false, false},
		{"URL alphabet", func(s string) string { return "Token " + base64.RawURLEncoding.EncodeToString([]byte(s)) }, false, false},
		{"space inside", func(s string) string { return "Token " + b64(s)[:8] + " " + b64(s)[8:] }, false, false},
		{"Base64 of Base64", func(s string) string { return "Token " + b64(b64(s)) }, false, false},
		{"two spaces", func(s string) string { return "Token  " + b64(s) }, false, false},
		{"tab", func(s string) string { return "Token\t" + b64(s) }, false, false},
		{"Bearer", func(s string) string { return "Bearer " + s }, false, false},
		{"Basic", func(s string) string { return "Basic " + b64(s+":") }, false, false},
		{"no scheme", func(s string) string { return s }, false, false},
		{"two in one header", func(s string) string { return "Token " + b64(s) + ", Token " + b64(s) }, false, false},
		{"upper case", func(s string) string { return "Token " + b64(strings.ToUpper(s)) }, false, false},
		{"less at the end", func(s string) string { return "Token " + b64(s[:len(s)-1]) }, false, false},
		{"more at the end", func(s string) string { return "Token " + b64(s+"x") }, false, false},
		{"NUL at the end", func(s string) string { return "Token " + b64(s+"\x00") }, false, false},
		{"space before it", func(s string) string { return "Token " + b64(" "+s) }, false, false},
	}
}

// tailBits changes the bits of the last character before the padding that
// stand for nothing.
func tailBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(s, '=') - 1
	if i < 0 {
		return s
	}
	return s[:i] + alphabet[strings.IndexByte(alphabet, s[i])+1:][:1] + s[i+1:]
}

func t05(t *T) {
	connections := []struct {
		name     string
		encoding ocpi.TokenEncoding
		register bool
		is       ocpi.TokenEncoding
	}{
		{"base64", ocpi.EncodingBase64, true, ocpi.EncodingBase64},
		{"raw", ocpi.EncodingRaw, true, ocpi.EncodingRaw},
		{"auto, after it has settled on Base64", ocpi.EncodingAuto, true, ocpi.EncodingBase64},
		{"auto, before the registration", ocpi.EncodingAuto, false, ocpi.EncodingAuto},
	}
	unknown := t.unauthorized(t.CPO1.Platform, "Token "+b64("no-such-token"))
	for _, c := range connections {
		p := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, encoding: c.encoding})
		token := p.TokenA
		if c.register {
			if err := p.Register(t.ctx); err != nil {
				t.failf("registering with %s: %v", c.name, err)
			}
			token = p.Token()
		}
		for _, s := range spellings() {
			header := s.header(token)
			if !s.base64 && !s.raw && (header == "Token "+b64(token) || header == "Token "+token) {
				continue // this token has no such spelling
			}
			want := s.base64 && c.is != ocpi.EncodingRaw || s.raw && c.is != ocpi.EncodingBase64
			r := t.as(p, Call{Method: http.MethodGet, URL: p.HubVersionsURL, Authorization: header})
			if want {
				t.require(r.HTTP == http.StatusOK, "%s: %s is refused: %s", c.name, s.name, r)
				continue
			}
			t.require(r.HTTP == http.StatusUnauthorized, "%s: %s is accepted: %s", c.name, s.name, r)
			t.equal("401 for "+s.name, bare(r), unknown)
		}
		if c.register { // it is still this platform, not another
			r := t.ok(t.as(p, Call{Method: http.MethodGet, Module: ocpi.Credentials, Interface: ocpi.Receiver}))
			t.equal("token in GET credentials", r.Data.Get("token").String(), token)
		}
		header := "Authorization: Token " + b64(token) + "\r\n"
		r := t.raw(t.get(p.HubVersionsURL, header+header))
		t.require(r.HTTP == http.StatusUnauthorized || r.HTTP == http.StatusBadRequest, "%s: two headers are accepted: %s", c.name, r)
		r = t.raw(t.get(p.HubVersionsURL, "Authorization: Token "+b64(token)[:8]+"\r\n "+b64(token)[8:]+"\r\n"))
		t.require(r.HTTP == http.StatusUnauthorized || r.HTTP == http.StatusBadRequest, "%s: a folded header is accepted: %s", c.name, r)
	}
}

// unauthorized returns what the hub says to a header that opens nothing.
func (t *T) unauthorized(p *Platform, header string) string {
	r := t.as(p, Call{Method: http.MethodGet, URL: p.HubVersionsURL, Authorization: header})
	t.httpStatus(r, http.StatusUnauthorized)
	return bare(r)
}

// bare is an answer without what differs each time: its timestamp.
func bare(r *Response) string {
	out, err := sjson.Delete(string(r.Body), "timestamp")
	if err != nil {
		return string(r.Body)
	}
	return out
}

func t08(t *T) {
	p := t.member()
	old := p.Token()
	for range 3 {
		b := NewToken()
		p.AlsoAccept(b)
		body := p.CredentialsBody(b)
		u, ok := p.HubEndpoint(ocpi.Credentials, ocpi.Receiver)
		t.require(ok, "the hub lists no credentials endpoint")
		conn := t.dial(u)
		_, text := t.request(http.MethodPut, u, "Authorization: Token "+b64(old)+"\r\nContent-Type: application/json\r\n", body)
		t.write(conn, text)
		t.arrives(p, Of(moduleDetails), func(r *Request) bool { return r.Token == b })
		_ = conn.Close() // the answer, with the new token, is lost
		t.notef("%s hung up before the answer", p.Name)
		t.eventually(t.o.Patience, "the hub uses the token of the PUT", func() bool {
			id := t.id()
			t.send(t.EMSP1, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id, To: p.Parties[0]})
			got := p.Seen(About(id))
			return len(got) == 1 && got[0].Admitted
		})
		t.ok(t.credentials(p, http.MethodGet, old, ""))
	}
	id := t.id()
	c := put(ocpi.Locations, p.Parties[0], id, location(p.Parties[0], id), t.EMSP1)
	t.ok(t.send(p.Parties[0], c))
	t.receives(t.EMSP1, About(id))

	_, r := t.putCredentials(p)
	fresh := t.ok(r).Data.Get("token").String()
	t.ok(t.credentials(p, http.MethodGet, old, "")) // until the new one is used
	t.ok(t.credentials(p, http.MethodGet, fresh, ""))
	t.httpStatus(t.credentials(p, http.MethodGet, old, ""), http.StatusUnauthorized)
}
