package ingress

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

// This file answers what the hub itself is asked: versions, version details,
// credentials and HubClientInfo. None of them has routing headers (OCPI 2.2.1
// §4.1.8.1).

type versionEntry struct {
	Version ocpi.Version `json:"version"`
	URL     string       `json:"url"`
}

// versions answers OCPI 2.2.1 §6.1.
func (s *Server) versions(c *call) error {
	if err := onlyGet(c); err != nil {
		return err
	}
	var list []versionEntry
	for _, v := range ocpi.Versions() {
		list = append(list, versionEntry{v, s.PublicURL + "/ocpi/" + string(v)})
	}
	return s.ok(c, list)
}

type endpointEntry struct {
	Identifier ocpi.Module    `json:"identifier"`
	Role       ocpi.Interface `json:"role"`
	URL        string         `json:"url"`
}

type detailsBody struct {
	Version   ocpi.Version    `json:"version"`
	Endpoints []endpointEntry `json:"endpoints"`
}

// details answers OCPI 2.2.1 §6.2: every functional module on both interfaces,
// credentials once, HubClientInfo as sender; another hub may push its own
// HubClientInfo to us as well.
func (s *Server) details(c *call) error {
	if err := onlyGet(c); err != nil {
		return err
	}
	v := c.route.version
	base := s.PublicURL + "/ocpi/" + string(v)
	d := detailsBody{v, []endpointEntry{
		{ocpi.Credentials, ocpi.Sender, base + "/credentials"},
		{ocpi.HubClientInfo, ocpi.Sender, base + "/hubclientinfo"},
	}}
	for _, m := range ocpi.Functional(v) {
		d.Endpoints = append(d.Endpoints,
			endpointEntry{m, ocpi.Sender, base + "/sender/" + string(m)},
			endpointEntry{m, ocpi.Receiver, base + "/receiver/" + string(m)})
	}
	if c.access.Platform.Hub {
		d.Endpoints = append(d.Endpoints, endpointEntry{ocpi.HubClientInfo, ocpi.Receiver, base + "/receiver/hubclientinfo"})
	}
	return s.ok(c, d)
}

// credentials answers OCPI 2.2.1 §7.2.
func (s *Server) credentials(c *call) error {
	raw, err := s.readBody(c, false)
	if err != nil {
		return err
	}
	data, err := s.Registry.Credentials(c.context(), c.access, c.route.version, c.r.Method, raw)
	if err != nil {
		return err
	}
	s.respond(c, http.StatusOK, ocpi.StatusSuccess, "", data)
	return nil
}

// hubClientInfo answers OCPI 2.2.1 §15: the list of parties, and, for another
// hub, its report of a party behind it.
func (s *Server) hubClientInfo(c *call) error {
	rt := c.route
	if err := routing.CheckShape(rt.version, rt.module, rt.iface, c.r.Method, rt.path); err != nil {
		return err
	}
	if rt.iface == ocpi.Receiver {
		return s.learnClientInfo(c)
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return ocpi.Invalid("query", "has a broken escape or separator")
	}
	res, err := s.Catalog.List(c.context(), catalog.ListRequest{
		Platform: c.access.Platform, Version: rt.version, Module: rt.module, Query: query,
		SelfURL: s.PublicURL + c.r.URL.EscapedPath(),
	})
	if err != nil {
		return err
	}
	s.page(c, res)
	return nil
}

func (s *Server) learnClientInfo(c *call) error {
	if !c.access.Platform.Hub || c.r.Method != http.MethodPut {
		return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method: only another hub reports parties here"}
	}
	raw, err := s.readBody(c, false)
	if err != nil {
		return err
	}
	var info party.ClientInfo
	if err := json.Unmarshal(raw, &info); err != nil {
		return ocpi.Invalid("body", "is not a ClientInfo object")
	}
	if !strings.EqualFold(info.CountryCode, c.route.path[0]) || !strings.EqualFold(info.PartyID, c.route.path[1]) {
		return ocpi.Invalid("party_id", "differs from the party in the path")
	}
	if err := s.Registry.LearnClientInfo(c.context(), c.access.Platform.ID, info); err != nil {
		return err
	}
	s.respond(c, http.StatusOK, ocpi.StatusSuccess, "", nil)
	return nil
}

func (s *Server) ok(c *call, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	s.respond(c, http.StatusOK, ocpi.StatusSuccess, "", b)
	return nil
}

func onlyGet(c *call) error {
	if c.r.Method != http.MethodGet {
		return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method: only GET is allowed here"}
	}
	return nil
}
