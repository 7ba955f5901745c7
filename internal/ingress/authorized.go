package ingress

import (
	"context"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/ocpi"
)

// noteAuthorized keeps what gave a driver the right to charge: an eMSP that
// allowed it, or a command of an eMSP that was accepted. It is evidence for the
// CDR that follows, and durable before the answer goes out. Should it not be
// storable the driver can charge all the same.
func (s *Server) noteAuthorized(c *call, x *relay.Exchange, a relay.Answer) {
	if !a.Accepted {
		return
	}
	n, ok := authorization(x, a)
	if !ok {
		return
	}
	if err := s.Ledger.Authorized(context.WithoutCancel(c.context()), n); err != nil {
		s.Log.Warn("an authorisation could not be kept as evidence", "module", string(x.Request.Module), "err", err)
	}
}

func authorization(x *relay.Exchange, a relay.Answer) (n ledger.Authorization, ok bool) {
	q := &x.Request
	switch {
	case q.Module == ocpi.Tokens && q.Interface == ocpi.Sender && q.Method == http.MethodPost:
		d := gjson.GetBytes(a.Body, "data")
		if d.Get("allowed").Str != "ALLOWED" {
			return n, false
		}
		emsp, err := a.From.Party()
		if err != nil {
			return n, false
		}
		n = ledger.Authorization{
			CPO: q.From.ID, EMSP: emsp, Method: ledger.ByRequest, Reference: d.Get("authorization_reference").Str,
			Token: q.Path[0], TokenType: q.Content.TokenType, Contract: d.Get("token.contract_id").Str, LocationID: d.Get("location.location_id").Str,
		}
		if n.LocationID == "" {
			n.LocationID = gjson.GetBytes(x.Body, "location_id").Str
		}
		return n, true
	case q.Module == ocpi.Commands && q.Interface == ocpi.Receiver && len(q.Path) == 1 &&
		(q.Path[0] == "START_SESSION" || q.Path[0] == "RESERVE_NOW"):
		if gjson.GetBytes(a.Body, "data.result").Str != "ACCEPTED" {
			return n, false
		}
		f := gjson.GetManyBytes(x.Body, "authorization_reference", "token.uid", "token.type", "token.contract_id", "location_id")
		return ledger.Authorization{
			CPO: x.Target.ID, EMSP: q.From.ID, Method: ledger.ByCommand, Reference: f[0].Str,
			Token: f[1].Str, TokenType: f[2].Str, Contract: f[3].Str, LocationID: f[4].Str,
		}, true
	}
	return n, false
}
