package ocpi

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Envelope is the body of every OCPI response (OCPI 2.2.1 §4.1.7).
type Envelope struct {
	Data          jsontext.Value // as written; nil when absent
	StatusCode    int
	StatusMessage string
	Timestamp     string // as written
}

// Success reports whether the status code is 1xxx.
func (e Envelope) Success() bool { return e.StatusCode >= 1000 && e.StatusCode < 2000 }

// ErrEnvelope is wrapped by every error of [ParseEnvelope].
var ErrEnvelope = errors.New("not an OCPI response envelope")

// ParseEnvelope reads a response body. It wants one strict JSON object with an
// integer status_code from 1000 to 9999; the rest is optional, since deployed
// systems leave out the timestamp. Data aliases body.
func ParseEnvelope(body []byte) (Envelope, error) {
	if e, ok := plainEnvelope(body); ok {
		return e, nil
	}
	return parseEnvelope(body)
}

func parseEnvelope(body []byte) (Envelope, error) {
	var e Envelope
	if err := CheckJSON(body); err != nil {
		return e, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return e, fmt.Errorf("%w: not an object", ErrEnvelope)
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return e, fmt.Errorf("%w: %w", ErrEnvelope, err)
		}
		name := tok.String()
		v, err := dec.ReadValue()
		if err != nil {
			return e, fmt.Errorf("%w: %w", ErrEnvelope, err)
		}
		switch name {
		case "data":
			end := int(dec.InputOffset())
			e.Data = jsontext.Value(body[end-len(v) : end : end])
		case "status_code":
			n, err := strconv.Atoi(string(v))
			if err != nil || n < 1000 || n > 9999 {
				return e, fmt.Errorf("%w: status_code is not an integer from 1000 to 9999", ErrEnvelope)
			}
			e.StatusCode = n
		case "status_message":
			e.StatusMessage = unquote(v)
		case "timestamp":
			e.Timestamp = unquote(v)
		}
	}
	if e.StatusCode == 0 {
		return e, fmt.Errorf("%w: status_code is missing", ErrEnvelope)
	}
	return e, nil
}

// List yields the elements of an array as they are written. An error is the last
// that it yields.
func List(data jsontext.Value) iter.Seq2[jsontext.Value, error] {
	return func(yield func(jsontext.Value, error) bool) {
		dec := jsontext.NewDecoder(bytes.NewBuffer(data))
		if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
			yield(nil, errors.New("data is not a list"))
			return
		}
		for dec.PeekKind() != ']' {
			v, err := dec.ReadValue()
			if err != nil {
				yield(nil, err)
				return
			}
			end := int(dec.InputOffset())
			if !yield(data[end-len(v):end:end], nil) {
				return
			}
		}
		_, err := dec.ReadToken()
		if rest := data[dec.InputOffset():]; err == nil && len(bytes.TrimSpace(rest)) > 0 {
			err = errors.New("data holds more than a list")
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// AppendEnvelope appends a response body. data must be valid JSON or empty, in
// which case the member is left out; an empty message is left out too.
func AppendEnvelope(b []byte, data []byte, status int, message string, now time.Time) []byte {
	b = append(b, '{')
	if len(data) > 0 {
		b = append(b, `"data":`...)
		b = append(b, data...)
		b = append(b, ',')
	}
	b = append(b, `"status_code":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	if message != "" {
		b = append(b, `,"status_message":`...)
		b, _ = jsontext.AppendQuote(b, message)
	}
	b = append(b, `,"timestamp":"`...)
	b = AppendTime(b, now)
	return append(b, `"}`...)
}

// WriteEnvelope writes a whole response. Headers set on w before are kept.
func WriteEnvelope(w http.ResponseWriter, httpStatus, status int, message string, data []byte) {
	WriteBody(w, httpStatus, AppendEnvelope(make([]byte, 0, 128+len(data)+len(message)), data, status, message, time.Now()))
}

// WriteBody writes an envelope that is already there, byte for byte.
func WriteBody(w http.ResponseWriter, httpStatus int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(httpStatus)
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}

func unquote(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	s, _ := jsontext.AppendUnquote(nil, v)
	return string(s)
}
