package relay

import (
	"context"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

// Ask asks several eMSPs at once whether they know a token. The first that
// allows it wins and the others are no longer waited for; failing that, the
// first that knows the token at all; failing that, the token is unknown.
func (r *Relay) Ask(ctx context.Context, x *Exchange, candidates []*party.Party) (Answer, error) {
	toHub := slices.ContainsFunc(candidates, func(p *party.Party) bool { return p.Platform.Hub })
	done, err := r.loops.enter(x, toHub)
	if err != nil {
		return Answer{}, err
	}
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		answer Answer
		err    error
	}
	replies := make(chan reply, len(candidates))
	for _, c := range candidates {
		one := *x
		one.Target, one.Mode = c, routing.Ask
		r.started.Go(func() {
			a, err := r.Forward(ctx, &one)
			replies <- reply{a, err}
		})
	}
	var known *Answer
	for range candidates {
		p := <-replies
		if p.err != nil || !p.answer.Accepted {
			continue
		}
		if gjson.GetBytes(p.answer.Body, "data.allowed").String() == "ALLOWED" {
			return p.answer, nil
		}
		if known == nil {
			known = &p.answer
		}
	}
	if known != nil {
		return *known, nil
	}
	return Answer{}, &ocpi.Error{HTTP: http.StatusNotFound, Status: ocpi.StatusUnknownToken, Message: "token is not known"}
}
