package ingress

import (
	"context"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/ocpi"
)

// noteCommand keeps what gives a driver the right to charge by a command of its
// eMSP, before the operator can act on it: a CDR may follow although the answer
// never came. It is evidence for that CDR. Should it not be storable the driver
// can charge all the same.
func (s *Server) noteCommand(c *call, x *relay.Exchange) {
	q := &x.Request
	if q.Module != ocpi.Commands || q.Interface != ocpi.Receiver || len(q.Path) != 1 ||
		q.Path[0] != "START_SESSION" && q.Path[0] != "RESERVE_NOW" {
		return
	}
	f := gjson.GetManyBytes(x.Body, "authorization_reference", "token.uid", "token.type", "token.contract_id", "location_id")
	s.note(c, ledger.Authorization{
		CPO: x.Target.ID, EMSP: q.From.ID, Method: ledger.ByCommand, Reference: f[0].Str,
		Token: f[1].Str, TokenType: f[2].Str, Contract: f[3].Str, LocationID: f[4].Str,
	})
}

// noteAllowed keeps that an eMSP allowed a token, before the operator is told.
func (s *Server) noteAllowed(c *call, x *relay.Exchange, a relay.Answer) {
	q := &x.Request
	if !a.Accepted || q.Module != ocpi.Tokens || q.Interface != ocpi.Sender || q.Method != http.MethodPost {
		return
	}
	d := gjson.GetBytes(a.Body, "data")
	emsp, err := a.From.Party()
	if d.Get("allowed").Str != "ALLOWED" || err != nil {
		return
	}
	n := ledger.Authorization{
		CPO: q.From.ID, EMSP: emsp, Method: ledger.ByRequest, Reference: d.Get("authorization_reference").Str,
		Token: q.Path[0], TokenType: q.Content.TokenType, Contract: d.Get("token.contract_id").Str, LocationID: d.Get("location.location_id").Str,
	}
	if n.LocationID == "" {
		n.LocationID = gjson.GetBytes(x.Body, "location_id").Str
	}
	s.note(c, n)
}

func (s *Server) note(c *call, n ledger.Authorization) {
	if err := s.Ledger.Authorized(context.WithoutCancel(c.context()), n); err != nil {
		s.Log.Warn("an authorisation could not be kept as evidence", "method", n.Method, "err", err)
	}
}
