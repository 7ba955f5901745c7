package ocpi

import (
	"errors"
	"fmt"
	"net/http"
)

// Status codes (OCPI 2.2.1 §5).
const (
	StatusSuccess             = 1000
	StatusClientError         = 2000
	StatusInvalidParameters   = 2001
	StatusNotEnoughInfo       = 2002
	StatusUnknownLocation     = 2003
	StatusUnknownToken        = 2004
	StatusServerError         = 3000
	StatusCannotUseClient     = 3001
	StatusUnsupportedVersion  = 3002
	StatusNoMatchingEndpoints = 3003
	StatusHubError            = 4000
	StatusUnknownReceiver     = 4001
	StatusHubTimeout          = 4002
	StatusHubConnection       = 4003
)

// Error is an answer that is not a success. It is made where the fault is
// found and becomes an envelope once, at the edge. Message goes out to the
// partner and must hold no secrets and no more of the input than a field name;
// Err is logged and never sent.
type Error struct {
	HTTP    int // HTTP status; 0 means 200
	Status  int // OCPI status code
	Message string
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("ocpi %d: %s: %v", e.Status, e.Message, e.Err)
	}
	return fmt.Sprintf("ocpi %d: %s", e.Status, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// HTTPStatus returns e.HTTP, or 200 where it is unset: a request that reached
// the OCPI layer is answered without an HTTP error (OCPI 2.2.1 §5).
func (e *Error) HTTPStatus() int {
	if e.HTTP == 0 {
		return http.StatusOK
	}
	return e.HTTP
}

// Invalid returns status 2001 with a message that begins with the field.
func Invalid(field, problem string) *Error {
	return &Error{Status: StatusInvalidParameters, Message: field + ": " + problem}
}

// Malformed returns HTTP 400 with status 2001, for what is not JSON or not HTTP.
func Malformed(problem string) *Error {
	return &Error{HTTP: http.StatusBadRequest, Status: StatusInvalidParameters, Message: problem}
}

// NotFound returns HTTP 404 with the given OCPI status.
func NotFound(status int, what string) *Error {
	return &Error{HTTP: http.StatusNotFound, Status: status, Message: what}
}

// Unauthorized is the one answer for every token that opens nothing.
func Unauthorized() *Error {
	return &Error{HTTP: http.StatusUnauthorized, Status: StatusClientError, Message: "missing, unknown or expired token"}
}

// AsError returns err as *Error; any other error becomes 3000 with a constant
// message, so that nothing internal reaches a partner.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{HTTP: http.StatusInternalServerError, Status: StatusServerError, Message: "internal error", Err: err}
}
