package conform

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Reply is what a peer answers. A rule gets the standard one and may change
// all of it.
type Reply struct {
	HTTP    int
	Status  int    // OCPI status code
	Message string // status_message
	Data    string // JSON; "" for none
	Header  http.Header
	Body    string         // whole body instead of an envelope
	Delay   time.Duration  // before anything is answered
	Hang    bool           // never answer
	Cut     bool           // close the connection instead of answering
	Raw     func(net.Conn) // writes the bytes of the answer itself
}

// rule changes what a peer answers to matching requests.
type rule struct {
	match  Match
	change func(*Request, *Reply)
}

// On makes change decide the answer to every matching request, from now on
// until the returned function is called. The latest rule that matches counts.
// change runs without the lock of the peer and may call the hub.
func (p *Peer) On(match Match, change func(*Request, *Reply)) (remove func()) {
	r := &rule{match, change}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, r)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, other := range p.rules {
			if other == r {
				p.rules = append(p.rules[:i:i], p.rules[i+1:]...)
				return
			}
		}
	}
}

func (p *Peer) script(r *Request) func(*Request, *Reply) {
	for _, rule := range slices.Backward(p.rules) {
		if rule.match(r) {
			return rule.change
		}
	}
	return nil
}

// standard is the answer of a proper platform.
func (p *Peer) standard(r *Request) Reply {
	reply := Reply{HTTP: http.StatusOK, Status: ocpi.StatusSuccess, Header: http.Header{}}
	for _, name := range []string{ocpi.HeaderRequestID, ocpi.HeaderCorrelationID} {
		if v := r.Header.Get(name); v != "" {
			reply.Header.Set(name, v)
		}
	}
	if functional(r) {
		swapRouting(reply.Header, r.Header)
	}
	switch {
	case !r.Admitted:
		reply.HTTP, reply.Status, reply.Message = http.StatusUnauthorized, ocpi.StatusClientError, "unknown token"
	case r.Module == ocpi.VersionsModule:
		reply.Data = p.versionList()
	case r.Module == moduleDetails:
		reply.Data = p.details(r.Version)
	case r.Module == ocpi.Credentials:
		p.credentials(r, &reply)
	case r.Module == "":
		reply.HTTP, reply.Status, reply.Message = http.StatusNotFound, ocpi.StatusClientError, "no such endpoint"
	default:
		standardData(r, &reply)
	}
	return reply
}

// swapRouting answers with TO and FROM the other way round.
func swapRouting(out, in http.Header) {
	pairs := [][2]string{
		{ocpi.HeaderToCountryCode, ocpi.HeaderFromCountryCode},
		{ocpi.HeaderToPartyID, ocpi.HeaderFromPartyID},
		{ocpi.HeaderFromCountryCode, ocpi.HeaderToCountryCode},
		{ocpi.HeaderFromPartyID, ocpi.HeaderToPartyID},
	}
	for _, p := range pairs {
		if v := in.Get(p[1]); v != "" {
			out.Set(p[0], v)
		}
	}
}

// standardData answers the requests of the functional modules.
func standardData(r *Request, reply *Reply) {
	switch {
	case r.Module == ocpi.Tokens && strings.HasSuffix(r.Path, "/authorize"):
		reply.Data = `{"allowed":"ALLOWED","token":` + authorizedToken(r) + `}`
	case r.Module == ocpi.Commands && r.Interface == ocpi.Receiver,
		r.Module == ocpi.ChargingProfiles && r.Interface == ocpi.Receiver:
		reply.Data = `{"result":"ACCEPTED","timeout":30}`
	case r.Module == ocpi.Sessions && strings.HasSuffix(r.Path, "/charging_preferences"):
		reply.Data = `"ACCEPTED"`
	case r.Module == ocpi.CDRs && r.Method == http.MethodPost:
		reply.Header.Set(ocpi.HeaderLocation, r.Peer.EndpointURL(r.Version, r.Module, r.Interface)+"/stored/"+NewID("cdr"))
	case r.Method == http.MethodGet && r.Path == "":
		reply.Data = "[]"
		reply.Header.Set(ocpi.HeaderTotalCount, "0")
		reply.Header.Set(ocpi.HeaderLimit, "50")
	case r.Method == http.MethodGet:
		reply.HTTP, reply.Status, reply.Message = http.StatusNotFound, ocpi.StatusUnknownLocation, "no such object"
	}
}

// authorizedToken is the token of an AuthorizationInfo, which is required.
func authorizedToken(r *Request) string {
	uid, _ := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(r.Path, "/"), "/authorize"))
	owner := &Party{CountryCode: r.Header.Get(ocpi.HeaderToCountryCode), ID: r.Header.Get(ocpi.HeaderToPartyID)}
	return token(owner, uid)
}

func (p *Peer) versionList() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var items []string
	for _, v := range p.versions {
		items = append(items, fmt.Sprintf(`{"version":%q,"url":%q}`, v, p.base()+"/ocpi/details/"+string(v)))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (p *Peer) details(v ocpi.Version) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var items []string
	for _, e := range p.endpoints[v] {
		items = append(items, fmt.Sprintf(`{"identifier":%q,"role":%q,"url":%q}`, e.Module, e.Interface,
			p.base()+p.prefix+"/"+string(v)+"/"+strings.ToLower(string(e.Interface))+"/"+string(e.Module)))
	}
	return fmt.Sprintf(`{"version":%q,"endpoints":[%s]}`, v, strings.Join(items, ","))
}

// write sends the reply, or ends the connection without one.
func (reply *Reply) write(w http.ResponseWriter, r *http.Request, req *Request) {
	if reply.Delay > 0 {
		t := time.NewTimer(reply.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler) // returning would answer
		}
	}
	if reply.Hang {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	if reply.Cut {
		panic(http.ErrAbortHandler)
	}
	if reply.Raw != nil {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer conn.Close()
		reply.Raw(conn)
		return
	}
	maps.Copy(w.Header(), reply.Header)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(reply.HTTP)
	body := reply.Body
	if body == "" {
		body = envelope(reply.Status, reply.Message, reply.Data)
	}
	_, _ = w.Write([]byte(body))
}

// envelope builds a response body (OCPI 2.2.1 §4.1.7).
func envelope(status int, message, data string) string {
	var b strings.Builder
	b.WriteByte('{')
	if data != "" {
		fmt.Fprintf(&b, `"data":%s,`, data)
	}
	fmt.Fprintf(&b, `"status_code":%d,`, status)
	if message != "" {
		fmt.Fprintf(&b, `"status_message":%s,`, quote(message))
	}
	fmt.Fprintf(&b, `"timestamp":%q}`, ocpi.FormatTime(time.Now()))
	return b.String()
}
