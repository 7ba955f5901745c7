package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/tariff"
)

// session is what is read of a Session object.
type session struct {
	id, token, party, evse, currency, status string // token is ocpi.TokenKey
	start, end, updated                      time.Time
	energy                                   int64
	hasEnergy                                bool
	cost                                     ocpi.Number // before tax
}

// readSession reads the session of the case; false where there is none that can be
// read.
func (c *Case) readSession() (s session, ok bool) {
	if c.Session == nil {
		return s, false
	}
	var kwh ocpi.Number
	var m members
	m.each(gjson.ParseBytes(c.Session.Body), func(name string, v gjson.Result) {
		switch name {
		case "id":
			s.id = v.Str
		case "start_date_time":
			s.start = moment(v)
		case "end_date_time":
			s.end = moment(v)
		case "last_updated":
			s.updated = moment(v)
		case "kwh":
			m.number(v, &kwh)
		case "cdr_token":
			s.token = ocpi.TokenKey(v.Get("uid").Str, v.Get("type").Str)
			s.party = v.Get("country_code").Str + "-" + v.Get("party_id").Str
		case "evse_uid":
			s.evse = v.Str
		case "currency":
			s.currency = v.Str
		case "status":
			s.status = v.Str
		case "total_cost":
			if cost := v.Get("excl_vat"); cost.Exists() {
				m.number(cost, &s.cost)
			} else if cost := v.Get("before_taxes"); cost.Exists() {
				m.number(cost, &s.cost)
			}
		}
	})
	e, err := tariff.ParseEnergy(kwh.String())
	s.energy, s.hasEnergy = e, kwh.IsSet() && err == nil
	return s, m.err == nil && s.status != ""
}

// moment reads a DateTime; the zero time where there is none.
func moment(v gjson.Result) time.Time {
	t, err := ocpi.ParseTime(v.Str)
	if err != nil {
		return time.Time{}
	}
	return t
}

// bySession is C14.
func (r *run) bySession() {
	c := r.CDR
	if c.Session == "" || c.Credit { // a credit is about the session of its original
		return
	}
	s, ok := r.readSession()
	if !ok {
		r.found("C14", "session_unknown", "/session_id", details{"session": c.Session}, "The hub does not know session %s.", c.Session)
		return
	}
	var fields []string
	d := details{"session": c.Session}
	differs := func(field, ours, theirs string) {
		fields = append(fields, field)
		if ours != "" {
			d[field], d["session_"+field] = ours, theirs
		}
	}
	if ocpi.FoldID(s.id) != c.SessionID {
		differs("session_id", c.Session, s.id)
	}
	if s.token != c.Token.Key || !strings.EqualFold(s.party, c.Token.Party.String()) {
		differs("cdr_token", "", "")
	}
	if ocpi.FoldID(s.evse) != c.Place.EVSEKey {
		differs("evse_uid", c.Place.EVSE, s.evse)
	}
	if !strings.EqualFold(s.currency, c.Currency) {
		differs("currency", c.Currency, s.currency)
	}
	near := time.Duration(r.settings.SessionSeconds) * time.Second
	if !s.start.IsZero() && !within(s.start, c.Start, near) {
		differs("start_date_time", clock(c.Start), clock(s.start))
	}
	if !s.end.IsZero() && !within(s.end, c.End, near) {
		differs("end_date_time", clock(c.End), clock(s.end))
	}
	if s.hasEnergy && !r.energySlip && distance(s.energy, c.Energy) > max(limitOf(r.settings.SessionKWh), c.Energy/100) {
		differs("total_energy", kwh(c.Energy), kwh(s.energy))
	}
	if len(fields) > 0 {
		r.found("C14", "differs", "/session_id", d, "CDR and session %s differ in %s.", c.Session, figures(fields, d))
	}
	r.sessionState(&s)
}

// figures lists fields with both values, where they are told.
func figures(fields []string, d details) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		if parts[i] = f; d[f] != "" {
			parts[i] = fmt.Sprintf("%s (%s, session %s)", f, d[f], d["session_"+f])
		}
	}
	return strings.Join(parts, ", ")
}

func (r *run) sessionState(s *session) {
	c := r.CDR
	if s.status != string(v221.SessionCompleted) {
		r.found("C14", "not_completed", "/session_id", details{"status": short(s.status)}, "Session %s is %q.", c.Session, short(s.status))
		return
	}
	cost, err := tariff.AmountOf(s.cost)
	if err != nil || !s.cost.IsSet() || !strings.EqualFold(s.currency, c.Currency) {
		return
	}
	if net, ok := minor(cost, c.Currency); ok && c.Net > net+max(limitMinor(r.settings.PriceTolerance, c.Currency), 1) {
		r.found("C14", "cost_above_session", "/total_cost", details{"total": r.money(c.Net), "session": r.money(net)},
			"The CDR costs %s before tax; the session did last cost %s.", r.money(c.Net), r.money(net))
	}
}

// byToken is C16.
func (r *run) byToken() {
	c := r.CDR
	if c.Credit {
		return
	}
	var token gjson.Result
	if r.Token != nil {
		token = gjson.ParseBytes(r.Token.Body)
	}
	there := token.IsObject()
	seen := r.seen()
	if there {
		r.tokenState(token)
	}
	if c.Reference != "" {
		r.reference()
	}
	switch method := v221.AuthMethod(c.Method); {
	case !there && seen.any == 0:
		r.found("C16", "token_unknown", "/cdr_token", nil, "The hub does not know the token, and no authorisation of it went through the hub.")
	case method != v221.AuthWhitelist && seen.any == 0:
		r.found("C16", "no_authorization", "/auth_method", details{"auth_method": c.Method}, "auth_method is %s, and no authorisation of the token went through the hub.", c.Method)
	case method == v221.AuthWhitelist && token.Get("whitelist").Str == string(v221.WhitelistNever) && seen.any == 0:
		r.found("C16", "no_authorization", "/auth_method", details{"auth_method": c.Method}, "auth_method is WHITELIST, and the token must be authorised each time.")
	case method == v221.AuthRequest && seen.requests == 0, method == v221.AuthCommand && seen.commands == 0:
		if seen.any > 0 {
			r.found("C16", "method_differs", "/auth_method", details{"auth_method": c.Method}, "auth_method is %s, and the authorisation that went through the hub was of another kind.", c.Method)
		}
	}
}

// seen counts the authorisations that can have started the session.
type seen struct{ any, requests, commands int }

func (r *run) seen() (s seen) {
	c, skew := r.CDR, time.Duration(r.settings.ClockSkewSeconds)*time.Second
	for i := range r.Auths[:min(len(r.Auths), maxOthers)] {
		a := &r.Auths[i]
		same := a.Token == c.Token.Key || c.Reference != "" && ocpi.FoldID(a.Reference) == ocpi.FoldID(c.Reference)
		if !same || a.At.After(c.End.Add(skew)) {
			continue
		}
		s.any++
		switch v221.AuthMethod(a.Method) {
		case v221.AuthRequest:
			s.requests++
		case v221.AuthCommand:
			s.commands++
		}
	}
	return s
}

func (r *run) tokenState(t gjson.Result) {
	c := r.CDR
	if updated := moment(t.Get("last_updated")); t.Get("valid").Type == gjson.False && !updated.After(c.Start) {
		r.found("C16", "token_invalid", "/cdr_token", details{"since": clock(updated)}, "The token is invalid since %s.", clock(updated))
	}
	if contract(t.Get("contract_id").Str) != contract(c.Token.Contract) {
		r.found("C16", "contract_differs", "/cdr_token/contract_id", nil, "The token has another contract_id than the CDR says.")
	}
}

// contract returns a contract id without separators and, where it is an eMA-ID
// with one, without the check digit.
func contract(id string) string {
	id = strings.ToUpper(strings.Map(func(c rune) rune {
		if strings.ContainsRune("-*_ .", c) {
			return -1
		}
		return c
	}, id))
	if len(id) == 15 {
		id = id[:14]
	}
	return id
}

// reference looks for the authorisation that the CDR names.
func (r *run) reference() {
	c := r.CDR
	var named, last *Authorization
	for i := range r.Auths[:min(len(r.Auths), maxOthers)] {
		a := &r.Auths[i]
		if a.Reference == "" {
			continue
		}
		if ocpi.FoldID(a.Reference) == ocpi.FoldID(c.Reference) {
			if named == nil || a.At.After(named.At) {
				named = a
			}
		}
		sameSession := a.Session != "" && ocpi.FoldID(a.Session) == c.SessionID || a.Location != "" && ocpi.FoldID(a.Location) == c.Place.LocationKey
		if a.Token == c.Token.Key && sameSession && !a.At.After(c.Start) && (last == nil || a.At.After(last.At)) {
			last = a
		}
	}
	switch {
	case named == nil:
		r.found("C16", "reference_unknown", "/authorization_reference", details{"reference": c.Reference}, "No authorisation %s went through the hub.", c.Reference)
	case last != nil && last.At.After(named.At):
		r.found("C16", "reference_outdated", "/authorization_reference", details{"reference": c.Reference, "last": last.Reference},
			"Authorisation %s of %s was followed by %s before the session started.", c.Reference, clock(named.At), last.Reference)
	}
}
