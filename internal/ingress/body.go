package ingress

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// readBody reads and checks the body of a request: bounded in size and time,
// not compressed, JSON that can be read in one way only, an object.
func (s *Server) readBody(c *call, optional bool) ([]byte, error) {
	r := c.r
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil, nil
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, &ocpi.Error{HTTP: http.StatusUnsupportedMediaType, Status: ocpi.StatusInvalidParameters, Message: "Content-Encoding: compressed requests are not accepted"}
	}
	body, err := s.readAll(c)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		if optional {
			return nil, nil
		}
		return nil, ocpi.Malformed("body: is required")
	}
	if ct := r.Header.Get("Content-Type"); ct != "" && ct != "application/json" {
		if t, _, err := mime.ParseMediaType(ct); err != nil || t != "application/json" {
			return nil, &ocpi.Error{HTTP: http.StatusUnsupportedMediaType, Status: ocpi.StatusInvalidParameters, Message: "Content-Type: must be application/json"}
		}
	}
	if err := ocpi.CheckJSON(body); err != nil {
		return nil, err
	}
	if !ocpi.IsObject(body) {
		return nil, ocpi.Invalid("body", "must be a JSON object")
	}
	return body, nil
}

func (s *Server) readAll(c *call) ([]byte, error) {
	limit := s.MaxBody
	if c.route.module == ocpi.Locations || c.route.module == ocpi.CDRs {
		limit *= 4
	}
	tooLarge := &ocpi.Error{HTTP: http.StatusRequestEntityTooLarge, Status: ocpi.StatusInvalidParameters, Message: "body: is too large"}
	length := c.r.ContentLength
	if length > limit {
		return nil, tooLarge
	}
	if length == 0 {
		return nil, nil
	}
	// A connection that cannot have a deadline (an in-memory one) is bounded by
	// the server's own time-outs.
	_ = http.NewResponseController(c.w).SetReadDeadline(c.received.Add(s.BodyTimeout))
	// Memory is taken for what has come, not for what was announced.
	var b bytes.Buffer
	b.Grow(int(min(max(length, 0), 64<<10)) + bytes.MinRead)
	_, err := b.ReadFrom(io.LimitReader(c.r.Body, limit+1))
	body := b.Bytes()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &ocpi.Error{HTTP: http.StatusRequestTimeout, Status: ocpi.StatusClientError, Message: "body: came too slowly"}
	case err != nil:
		return nil, ocpi.Malformed("body: could not be read")
	case int64(len(body)) > limit:
		return nil, tooLarge
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	return body, nil
}
