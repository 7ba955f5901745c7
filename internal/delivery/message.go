package delivery

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// message is one request to any receiver. All lanes share it: what does not
// depend on the receiver is worked out once.
type message struct {
	module      ocpi.Module
	method      string
	path        []string
	query       url.Values
	version     ocpi.Version // of body and query
	body        []byte
	correlation string
	from        string // the owner
	name        string // the last segment of path
	depth       int    // segments of path
	partial     bool   // means something only to a receiver that has the object

	forms [2]atomic.Pointer[form] // by version
}

// form is a message in one version.
type form struct {
	path   string // escaped, behind the endpoint
	query  string // encoded, may be empty
	target string // path and query
	body   []byte
	losses []string
	err    error // there is no such form
}

// pushed is the message that the owner sent, for another receiver.
func pushed(key store.ObjectKey, p Push) *message {
	m := &message{
		module: p.Module, method: p.Method, path: p.Path, version: p.Version, body: p.Body,
		correlation: p.CorrelationID, from: key.Party.String(), partial: partial(&p),
	}
	if t := p.Query["type"]; p.Module == ocpi.Tokens && len(t) == 1 {
		m.query = url.Values{"type": t}
	}
	return m.named()
}

// present is the message that brings a receiver to the state of o, whatever it
// has.
func present(o *store.Object) *message {
	m := &message{
		module: ocpi.Module(o.Kind), method: http.MethodPut, path: []string{o.Party.CountryCode, o.Party.ID, o.Name},
		version: ocpi.Version(o.Version), body: o.Body, correlation: ocpi.NewMessageID(), from: o.Party.String(),
	}
	switch m.module {
	case ocpi.HubClientInfo:
		m.path = m.path[:2]
	case ocpi.Tokens:
		if t := o.ID[strings.LastIndexByte(o.ID, '/')+1:]; t != "RFID" {
			m.query = url.Values{"type": {t}}
		}
	}
	if o.Deleted {
		m.method, m.body = http.MethodDelete, nil
	}
	return m.named()
}

func (m *message) named() *message {
	m.depth = len(m.path)
	m.name = m.path[m.depth-1]
	return m
}

// in returns m in the version v. Several may work out the same at once.
func (m *message) in(v ocpi.Version) *form {
	slot := &m.forms[0]
	if v != ocpi.V221 {
		slot = &m.forms[1]
	}
	if f := slot.Load(); f != nil {
		return f
	}
	f := m.form(v)
	slot.Store(f)
	return f
}

func (m *message) form(v ocpi.Version) *form {
	f := &form{body: m.body}
	if f.path, f.err = ocpi.JoinPath("", m.path...); f.err != nil {
		return f
	}
	query := m.query
	if m.version != v {
		as := convert.Message{Module: m.module, Interface: ocpi.Receiver, Method: m.method, Path: m.path}
		query = convert.Query(as, m.version, v, query)
		if len(m.body) > 0 {
			body, losses, err := convert.Body(as, m.version, v, m.body)
			if err != nil {
				f.err = fmt.Errorf("converting from %s to %s: %w", m.version, v, err)
				return f
			}
			f.body = body
			for _, l := range losses {
				f.losses = append(f.losses, l.Pointer+": "+l.Problem)
			}
		}
	}
	f.query = query.Encode()
	if f.target = f.path; f.query != "" {
		f.target += "?" + f.query
	}
	return f
}

// at returns the URL of f at an endpoint.
func (f *form) at(endpoint string) (string, error) {
	if strings.IndexByte(endpoint, '#') >= 0 {
		return "", fmt.Errorf("endpoint URL %q has a fragment", endpoint)
	}
	base, query, has := strings.Cut(endpoint, "?")
	target := strings.TrimRight(base, "/") + f.path
	switch {
	case has && f.query != "":
		target += "?" + query + "&" + f.query
	case has:
		target += "?" + query
	case f.query != "":
		target += "?" + f.query
	}
	return target, nil
}
