package relay

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// failure says truthfully what became of a request that got no answer.
func failure(err error) *ocpi.Error {
	e, ok := errors.AsType[*egress.Error](err)
	if !ok {
		return &ocpi.Error{Status: ocpi.StatusHubError, Message: "the request could not be forwarded", Err: err}
	}
	switch e.Failure {
	case egress.TimedOut:
		return &ocpi.Error{Status: ocpi.StatusHubTimeout, Message: "receiver did not answer in time", Err: err}
	case egress.Broken:
		return &ocpi.Error{Status: ocpi.StatusHubTimeout, Message: "receiver sent no usable answer; whether it acted is unknown", Err: err}
	case egress.Busy:
		return &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "too many requests are waiting for the receiver", Err: err}
	}
	return &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "receiver cannot be reached", Err: err}
}

// unreachable reports whether the partner could not be reached. A full bulkhead
// is ours and says nothing about it.
func unreachable(err error) bool {
	e, ok := errors.AsType[*egress.Error](err)
	return ok && e.Failure == egress.Unreachable
}

// answer turns a partner's response into ours. 2xxx and 3xxx pass unchanged
// (OCPI 2.2.1 §5); what concerns only the hub and the partner (401, 403,
// redirects) and what is not an OCPI response becomes 4000.
func (r *Relay) answer(ctx context.Context, x *Exchange, res egress.Response, m *trace.Message) (Answer, error) {
	a := Answer{From: ocpi.ClaimOf(x.Target.ID)}
	if x.Target.Platform.Echoed(res.Body) {
		return a, hubError("receiver's answer holds the hub's credentials and is not passed on")
	}
	m.ResponseBody = res.Body
	switch {
	case res.Status == http.StatusUnauthorized || res.Status == http.StatusForbidden:
		return a, hubError("receiver does not accept the hub's credentials")
	case res.Status >= 300 && res.Status < 400:
		return a, hubError("receiver answered with a redirect, which is not followed")
	case res.Status == http.StatusTooManyRequests:
		return a, hubError("receiver is refusing requests for the moment")
	}
	env, err := ocpi.ParseEnvelope(res.Body)
	if err != nil {
		e := hubError("receiver sent no OCPI response")
		e.Err = err
		return a, e
	}
	m.PartnerOCPI, a.Status = env.StatusCode, env.StatusCode
	if env.Success() && res.Status >= 400 {
		return a, hubError("receiver contradicts itself: HTTP error with a success status")
	}
	a.HTTP = res.Status
	if a.Failed = res.Status >= 500; a.Failed {
		a.HTTP = http.StatusOK
	}
	a.Accepted = env.Success()
	if a.Body, err = r.responseBody(x, env, res.Body, m); err != nil {
		return a, err
	}
	a.TotalCount, a.Limit = passable(res.Header.Get(ocpi.HeaderTotalCount)), passable(res.Header.Get(ocpi.HeaderLimit))
	if err := r.rewriteLink(ctx, x, res, &a); err != nil {
		return a, err
	}
	r.rewriteLocation(ctx, x, res, &a)
	return a, nil
}

// responseBody returns the partner's envelope as it is, or, where the versions
// differ or the envelope lacks what OCPI requires, one with the same data.
func (r *Relay) responseBody(x *Exchange, env ocpi.Envelope, body []byte, m *trace.Message) ([]byte, error) {
	data := []byte(env.Data)
	to := x.Target.Platform.Version
	converted := false
	if to != x.Version && len(data) > 0 && env.Success() && (data[0] == '{' || data[0] == '[') {
		out, losses, err := convert.Body(convert.Message{
			Module: x.Request.Module, Interface: x.Request.Interface, Method: x.Request.Method, Path: x.Request.Path, Response: true,
		}, to, x.Version, data)
		if err != nil {
			return nil, inconvertible("the answer", err)
		}
		note(m, losses)
		data, converted = out, true
	}
	if _, err := ocpi.ParseTime(env.Timestamp); err == nil && !converted {
		return body, nil
	}
	return ocpi.AppendEnvelope(nil, data, env.StatusCode, env.StatusMessage, time.Now()), nil
}

func note(m *trace.Message, losses []convert.Loss) {
	for _, l := range losses {
		m.Losses = append(m.Losses, l.Pointer+": "+l.Problem)
	}
}

func hubError(message string) *ocpi.Error {
	return &ocpi.Error{Status: ocpi.StatusHubError, Message: message}
}

// passable returns v if it may stand in a header of ours, else nothing.
func passable(v string) string {
	if len(v) > 20 {
		return ""
	}
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			return ""
		}
	}
	return v
}
