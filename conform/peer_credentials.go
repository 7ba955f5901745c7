package conform

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// joined is what the other side told a peer's credentials endpoint.
type joined struct {
	Token string // what it wants to be called with
	URL   string // its versions URL
	Body  string
	Posts int
	Mine  string // the token that the peer gave it in return
}

// Joined returns what the other side last told the credentials endpoint.
func (p *Peer) Joined() (token, versionsURL string, posts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.joined.Token, p.joined.URL, p.joined.Posts
}

// Mine returns the token that the peer gave to who registered with it.
func (p *Peer) Mine() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.joined.Mine
}

// credentials plays the receiver of a registration: the other side starts.
func (p *Peer) credentials(r *Request, reply *Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Method {
	case http.MethodPost, http.MethodPut:
		body := gjson.ParseBytes(r.Body)
		p.joined.Token, p.joined.URL, p.joined.Body = body.Get("token").String(), body.Get("url").String(), string(r.Body)
		p.joined.Posts++
		p.joined.Mine = NewToken()
		clear(p.accepts)
		p.accepts[p.joined.Mine] = true
		reply.Data = p.credentialsBody(p.joined.Mine)
	case http.MethodGet:
		reply.Data = p.credentialsBody(r.Token)
	case http.MethodDelete:
		clear(p.accepts)
		p.joined = joined{}
	default:
		reply.HTTP, reply.Status = http.StatusMethodNotAllowed, ocpi.StatusClientError
	}
}

// CredentialsBody is the credentials object of the peer, with token as the one
// that the other side is to use (OCPI 2.2.1 §7.3.1).
func (p *Peer) CredentialsBody(token string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.credentialsBody(token)
}

func (p *Peer) credentialsBody(token string) string {
	return credentials(token, p.base()+"/ocpi/versions", p.roles...)
}

// Play replaces the roles that the peer names in its credentials.
func (p *Peer) Play(roles ...Role) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roles = roles
}

// credentials builds a credentials object.
func credentials(token, versionsURL string, roles ...Role) string {
	var list []string
	for _, r := range roles {
		list = append(list, fmt.Sprintf(`{"role":%q,"party_id":%q,"country_code":%q,"business_details":{"name":%q}}`,
			r.Role, r.PartyID, r.CountryCode, "Conformance "+r.PartyID))
	}
	return fmt.Sprintf(`{"token":%s,"url":%s,"roles":[%s]}`, quote(token), quote(versionsURL), strings.Join(list, ","))
}

// NewToken returns a fresh credentials token.
func NewToken() string { return "conform-" + rand.Text() }

// NewID returns a fresh object id of at most 36 characters.
func NewID(prefix string) string { return prefix + "-" + rand.Text()[:12] }
