package party

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Bounds of what a partner may list.
const (
	maxVersions  = 50
	maxEndpoints = 500
)

// exchangeWait is how long a handshake waits for another one of the same
// platform, and for a slot.
const exchangeWait = 5 * time.Second

// enter takes the exchange lock of a platform and a slot for talking to it.
// leave must be called. The error is HTTP 429 when the wait is too long.
func (r *Registry) enter(ctx context.Context, p *Platform) (leave func(), err error) {
	busy := &ocpi.Error{HTTP: http.StatusTooManyRequests, Status: ocpi.StatusClientError, Message: "another credentials exchange is under way, try again"}
	ctx, cancel := context.WithTimeout(ctx, exchangeWait)
	defer cancel()
	select {
	case p.live.exchange <- struct{}{}:
	case <-ctx.Done():
		return nil, busy
	}
	select {
	case r.handshakes <- struct{}{}:
	case <-ctx.Done():
		<-p.live.exchange
		return nil, busy
	}
	return func() {
		<-r.handshakes
		<-p.live.exchange
	}, nil
}

// peer is a partner as the hub calls it during a handshake.
type peer struct {
	platform string
	versions string // URL
	token    string
	encoding ocpi.TokenEncoding // auto: base64, and raw after one 401
}

// remote is what a partner says about itself.
type remote struct {
	version   ocpi.Version
	endpoints map[EndpointKey]string
	encoding  ocpi.TokenEncoding // pinned to raw when only that worked
}

// cannotUse is 3001 (OCPI 2.2.1 §7.1.5). The message tells nothing about
// addresses that the hub does not connect to.
func cannotUse(what string, err error) *ocpi.Error {
	return &ocpi.Error{Status: ocpi.StatusCannotUseClient, Message: what, Err: err}
}

// discover fetches the versions and then the details of the one that choose
// picks. Errors are *ocpi.Error with status 3001, or 3002 when choose finds none.
func (r *Registry) discover(ctx context.Context, p peer, choose func([]ocpi.Version) ocpi.Version) (*remote, error) {
	if err := r.o.Egress.CheckURL(p.versions); err != nil {
		return nil, cannotUse("the versions URL cannot be used", err)
	}
	data, enc, err := r.get(ctx, p, p.versions)
	if err != nil {
		return nil, cannotUse("the versions endpoint cannot be used", err)
	}
	p.encoding = enc
	var versions []struct {
		Version ocpi.Version `json:"version"`
		URL     string       `json:"url"`
	}
	if err := json.Unmarshal(data, &versions); err != nil || len(versions) > maxVersions {
		return nil, cannotUse("the versions endpoint does not answer with a list of versions", err)
	}
	urls := make(map[ocpi.Version]string, len(versions))
	var known []ocpi.Version
	for _, v := range versions {
		if _, twice := urls[v.Version]; !twice {
			urls[v.Version] = v.URL
			known = append(known, v.Version)
		}
	}
	chosen := choose(known)
	if chosen == "" {
		return nil, &ocpi.Error{Status: ocpi.StatusUnsupportedVersion, Message: "the versions endpoint does not list a version that both sides can use here"}
	}
	if err := r.o.Egress.CheckURL(urls[chosen]); err != nil {
		return nil, cannotUse("the version details URL cannot be used", err)
	}
	data, enc, err = r.get(ctx, p, urls[chosen])
	if err != nil {
		return nil, cannotUse("the version details endpoint cannot be used", err)
	}
	endpoints, err := r.readDetails(data, chosen)
	if err != nil {
		return nil, err
	}
	return &remote{version: chosen, endpoints: endpoints, encoding: enc}, nil
}

// readDetails checks version details. Every URL must be one that the hub may
// connect to; hosts may differ.
func (r *Registry) readDetails(data []byte, want ocpi.Version) (map[EndpointKey]string, error) {
	var details struct {
		Version   ocpi.Version `json:"version"`
		Endpoints []endpoint   `json:"endpoints"`
	}
	if err := json.Unmarshal(data, &details); err != nil {
		return nil, cannotUse("the version details cannot be read", err)
	}
	switch {
	case details.Version != want:
		return nil, cannotUse("the version details are not those of "+string(want), nil)
	case len(details.Endpoints) == 0 || len(details.Endpoints) > maxEndpoints:
		return nil, cannotUse("the version details have no endpoints, or too many", nil)
	}
	out := make(map[EndpointKey]string, len(details.Endpoints))
	for _, e := range details.Endpoints {
		k := EndpointKey{ocpi.ParseModule(e.Identifier), ocpi.Interface(strings.ToUpper(e.Role))}
		if k.Module == ocpi.Credentials {
			k.Interface = ocpi.Sender // its role says nothing (OCPI 2.2.1 §6.2)
		}
		if k.Module == "" || len(k.Module) > ocpi.MaxSegment || (k.Interface != ocpi.Sender && k.Interface != ocpi.Receiver) {
			return nil, cannotUse("an endpoint lacks its identifier, or its role is neither SENDER nor RECEIVER", nil)
		}
		if err := r.o.Egress.CheckURL(e.URL); err != nil {
			return nil, cannotUse("the URL of an endpoint cannot be used", err)
		}
		if _, twice := out[k]; !twice {
			out[k] = e.URL
		}
	}
	return out, nil
}

// missing returns the required modules that m does not implement. A CPO or an
// eMSP must implement at least one functional module, whichever; without any it
// could neither be asked nor told anything. Other roles may well only fetch.
func (r *Registry) missing(m *remote, parties []*Party) []ocpi.Module {
	var out []ocpi.Module
	for _, want := range append([]ocpi.Module{ocpi.Credentials}, r.o.RequiredModules...) {
		_, sender := m.endpoints[EndpointKey{want, ocpi.Sender}]
		_, receiver := m.endpoints[EndpointKey{want, ocpi.Receiver}]
		if !sender && !receiver {
			out = append(out, want)
		}
	}
	if len(out) > 0 || !slices.ContainsFunc(parties, func(p *Party) bool { return p.Role == ocpi.RoleCPO || p.Role == ocpi.RoleEMSP }) {
		return out
	}
	for k := range m.endpoints {
		if k.Module != ocpi.Credentials && k.Module != ocpi.HubClientInfo {
			return nil
		}
	}
	return ocpi.Functional(m.version)
}

// get fetches url and returns the data of a successful envelope. With encoding
// auto, one 401 is answered by trying the raw token; enc is what worked.
func (r *Registry) get(ctx context.Context, p peer, url string) (data []byte, enc ocpi.TokenEncoding, err error) {
	enc = p.encoding
	res, err := r.ask(ctx, p, enc, http.MethodGet, url, nil)
	if err == nil && res.Status == http.StatusUnauthorized && enc == ocpi.EncodingAuto {
		enc = ocpi.EncodingRaw
		res, err = r.ask(ctx, p, enc, http.MethodGet, url, nil)
	}
	if err != nil {
		return nil, enc, err
	}
	if res.Status != http.StatusOK {
		return nil, enc, fmt.Errorf("the answer has HTTP status %d", res.Status)
	}
	e, err := ocpi.ParseEnvelope(res.Body)
	if err != nil {
		return nil, enc, err
	}
	if !e.Success() || len(e.Data) == 0 {
		return nil, enc, errors.New("the answer is not a success with data")
	}
	return e.Data, enc, nil
}

// ask sends one request of the hub's own, with both message ids and without
// routing headers, and records it without its bodies: they hold tokens.
func (r *Registry) ask(ctx context.Context, p peer, enc ocpi.TokenEncoding, method, url string, body []byte) (egress.Response, error) {
	h := http.Header{
		ocpi.HeaderAuthorization: {ocpi.FormatAuthorization(p.token, enc)},
		ocpi.HeaderRequestID:     {ocpi.NewMessageID()},
		ocpi.HeaderCorrelationID: {ocpi.NewMessageID()},
		"Accept":                 {"application/json"},
	}
	if body != nil {
		h["Content-Type"] = []string{"application/json"}
	}
	start := time.Now()
	res, err := r.o.Egress.Do(ctx, egress.Request{
		Platform: p.platform, Method: method, URL: url, Header: h, Body: body, Timeout: r.o.HandshakeTimeout,
	})
	m := trace.Message{
		Time: start, Way: "hub", Mode: "handshake", ToPlatform: p.platform, Method: method, Module: string(ocpi.VersionsModule),
		RequestID: h.Get(ocpi.HeaderRequestID), CorrelationID: h.Get(ocpi.HeaderCorrelationID),
		PartnerHTTP: res.Status, PartnerMicros: time.Since(start).Microseconds(),
	}
	if body != nil {
		m.Module = string(ocpi.Credentials)
	}
	if err != nil {
		m.Error = err.Error()
	}
	r.o.Trace.Record(m)
	return res, err
}
