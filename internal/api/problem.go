package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// handler is the shape of every operation: huma reads and checks I and writes O.
type handler[I, O any] = func(ctx context.Context, in *I) (*O, error)

// writeProblem answers with a problem detail where huma does not.
func writeProblem(w http.ResponseWriter, status int, detail string, errs ...*huma.ErrorDetail) {
	body, err := json.Marshal(huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail, Errors: errs})
	if err != nil {
		http.Error(w, detail, status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	w.Write(body)
}

// problem turns an error of another package into an answer. What is not known
// to be the caller's fault is logged and answered with 500 and no detail.
func (a *API) problem(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*ocpi.Error](err); ok && e.Status < 3000 {
		return huma.Error422UnprocessableEntity(e.Message)
	}
	if e, ok := errors.AsType[*party.InvalidField](err); ok {
		return huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "body." + e.Field, Message: e.Message})
	}
	if p := ledgerProblem(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, party.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, party.ErrConflict):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, party.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, party.ErrRotation), errors.Is(err, party.ErrRotationUnknown):
		return huma.Error502BadGateway(err.Error())
	case errors.Is(err, store.ErrText):
		return huma.Error422UnprocessableEntity("A text of the request is not valid UTF-8, or has a NUL byte.")
	case errors.Is(err, store.ErrBusy):
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("The hub is busy; try again."), http.Header{"Retry-After": {"1"}})
	case errors.Is(err, context.Canceled):
		return huma.Error503ServiceUnavailable("The request was cancelled.")
	}
	a.log.ErrorContext(ctx, "an API request failed", "err", err)
	return huma.Error500InternalServerError("The hub failed; its log says why.")
}
