package ingress

import (
	"net/http"
	"net/url"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

// functional handles a request to a module that is relayed between parties.
func (s *Server) functional(c *call) error {
	snap := s.Registry.Snapshot()
	p, rt := c.access.Platform, c.route
	var err error
	if c.via, err = relay.ParseVia(c.r.Header, snap.Hub); err != nil {
		return err // whoever it claims to be from: it has been here before
	}
	from, err := sender(p, c.header.From, rt)
	if err != nil {
		return err
	}
	c.replyTo, c.replyBy = c.header.From, ocpi.ClaimOf(snap.Hub)
	if c.replyTo.IsZero() {
		c.header.From = ocpi.ClaimOf(from.ID)
		c.replyTo = c.header.From
	}
	if err := routing.CheckShape(rt.version, rt.module, rt.iface, c.r.Method, rt.path); err != nil {
		return err
	}
	if err := checkPath(rt, from); err != nil {
		return err
	}
	req, raw, err := s.request(c, from)
	if err != nil {
		return err
	}
	if key, ok := routing.Lookup(req, snap.Hub); ok {
		if req.Known, err = s.Relay.Owners(c.context(), key); err != nil {
			return err
		}
	}
	d := routing.Decide(req, snap, c.received)
	return s.carryOut(c, req, raw, d)
}

// request reads the body and gathers what routing looks at.
func (s *Server) request(c *call, from *party.Party) (routing.Request, []byte, error) {
	rt := c.route
	req := routing.Request{
		Module: rt.module, Interface: rt.iface, Method: c.r.Method, Path: rt.path, From: from,
		FromHub: c.access.Platform.Hub,
	}
	var err error
	if c.r.URL.RawQuery != "" {
		if req.Query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
			return req, nil, ocpi.Invalid("query", "has a broken escape or separator")
		}
	}
	if !c.header.To.IsZero() {
		if req.To, err = c.header.To.Party(); err != nil {
			return req, nil, ocpi.Invalid("OCPI-to-party-id", "is not a party")
		}
	}
	optional := rt.iface == ocpi.Sender && c.r.Method == http.MethodPost || !rt.module.Standard(rt.version)
	raw, err := s.readBody(c, optional)
	if err != nil {
		return req, nil, err
	}
	b, err := scan(raw)
	if err != nil {
		return req, nil, err
	}
	if err := checkBody(rt, c.r.Method, from, &b, c.received); err != nil {
		return req, nil, err
	}
	req.Content, err = content(req, &b)
	return req, raw, err
}

// content picks what open routing goes by.
func content(req routing.Request, b *body) (routing.Content, error) {
	c := routing.Content{LocationID: b.locationID, SessionID: b.sessionID, ReservationID: b.reserve}
	var err error
	switch req.Module {
	case ocpi.Tokens:
		c.TokenType = b.tokenType
		if t := req.Query.Get("type"); t != "" {
			c.TokenType = t
		}
	case ocpi.Sessions, ocpi.CDRs:
		c.TokenParty, err = tokenOwner(b.cdrToken)
	}
	return c, err
}

// carryOut does what was decided.
func (s *Server) carryOut(c *call, req routing.Request, raw []byte, d routing.Decision) error {
	switch d.Mode {
	case routing.Refuse:
		return d.Err
	case routing.Broadcast:
		return s.publish(c, req, raw)
	case routing.List:
		return s.list(c, req)
	case routing.Get:
		data, tag, err := s.Catalog.Get(c.context(), req.From, c.route.version, req.Module, req.Interface, req.Path, req.Query)
		if err != nil {
			return err
		}
		s.answer(c, tag, [][]byte{data}, "", "")
		return nil
	}
	x := &relay.Exchange{
		Header: c.header, Version: c.route.version, Request: req, RawQuery: c.r.URL.RawQuery, Body: raw,
		Mode: d.Mode, Target: d.Target, Via: c.via, Received: c.received,
	}
	s.noteCommand(c, x)
	var a relay.Answer
	var err error
	switch {
	case d.Bill:
		a, err = s.Ledger.Intake(c.context(), ledger.Submission{Exchange: x, Away: d.Away, Promise: len(c.r.Header[headerPromise]) > 0})
	case d.Mode == routing.Ask:
		a, err = s.Relay.Ask(c.context(), x, d.Candidates)
	default:
		a, err = s.Relay.Forward(c.context(), x)
	}
	if err != nil {
		return err
	}
	s.noteAllowed(c, x, a)
	if d.Keep && a.Accepted {
		if err := s.Catalog.Keep(c.context(), s.push(c, req, raw), d.Target.ID); err != nil {
			s.Log.Warn("a routed object could not be kept for GET all", "module", string(req.Module), "err", err)
		}
	}
	s.relayed(c, a)
	return nil
}

func (s *Server) push(c *call, req routing.Request, raw []byte) delivery.Push {
	return delivery.Push{
		From: req.From, Version: c.route.version, Module: req.Module, Method: req.Method, Path: req.Path,
		Query: req.Query, Body: raw, CorrelationID: c.header.CorrelationID, FromHub: req.FromHub,
	}
}

// publish stores a push to the hub, durably, and answers.
func (s *Server) publish(c *call, req routing.Request, raw []byte) error {
	created, err := s.Catalog.Publish(c.context(), s.push(c, req, raw))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	s.respond(c, status, ocpi.StatusSuccess, "", nil)
	return nil
}

// list answers GET all.
func (s *Server) list(c *call, req routing.Request) error {
	res, err := s.Catalog.List(c.context(), catalog.ListRequest{
		Viewer: req.From, Version: c.route.version, Module: req.Module, Query: req.Query,
		SelfURL: s.PublicURL + c.r.URL.EscapedPath(),
	})
	if err != nil {
		return err
	}
	s.page(c, res)
	return nil
}

// headerPromise asks for a promise of the ledger (package receipt) about a CDR
// that is sent, and is the promise in the answer.
const headerPromise = "Eroam-Promise"

// relayed writes a partner's answer.
func (s *Server) relayed(c *call, a relay.Answer) {
	if !a.From.IsZero() {
		c.replyBy = a.From
	}
	c.headers()
	h := c.w.Header()
	setIf(h, ocpi.HeaderTotalCount, a.TotalCount)
	setIf(h, ocpi.HeaderLimit, a.Limit)
	setIf(h, ocpi.HeaderLocation, a.Location)
	setIf(h, headerPromise, a.Promise)
	if a.Link != "" {
		h.Set(ocpi.HeaderLink, ocpi.FormatNextLink(a.Link))
	}
	s.metrics.count(c.route, a.Status)
	ocpi.WriteBody(c.w, a.HTTP, a.Body)
}

func setIf(h http.Header, name, value string) {
	if value != "" {
		h[name] = []string{value}
	}
}

// capability answers a URL that stands for one of a partner's.
func (s *Server) capability(c *call) error {
	if c.header.From.IsZero() && len(c.access.Platform.Parties) > 0 {
		c.replyTo = ocpi.ClaimOf(c.access.Platform.Parties[0].ID)
	} else {
		c.replyTo = c.header.From
	}
	c.replyBy = s.hub()
	raw, err := s.readBody(c, false)
	if err != nil {
		return err
	}
	a, err := s.Relay.Callback(c.context(), relay.Call{
		Platform: c.access.Platform, ID: c.route.path[0], Method: c.r.Method, Header: c.header, Body: raw, Received: c.received,
	})
	if err != nil {
		return err
	}
	s.relayed(c, a)
	return nil
}
