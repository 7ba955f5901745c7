package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// request is one message to the peer.
type request struct {
	endpoint        // of the peer
	method   string //
	path     []string
	query    url.Values
	url      string // instead of endpoint and path: response_url, Link, Location
	body     []byte
	from     ocpi.PartyID
	to       ocpi.PartyID // zero: open routing
	corr     string       // default: a new one
	plain    bool         // without routing headers
	retry    retry
}

// retry says after which failures a request is sent again.
type retry uint8

const (
	once      retry = iota // never: nobody knows what a second one would do
	untilSent              // only while it is certain that the peer did not get it
	untilDone              // until it is acknowledged or refused: doing it twice changes nothing
)

// answer is what the peer said.
type answer struct {
	http   int
	header http.Header
	ocpi.Envelope
}

// ExchangeError is returned where a message was not acknowledged with a status 1xxx.
type ExchangeError struct {
	HTTP    int // 0 where there was no answer
	Status  int // OCPI status, 0 where there was none
	Message string
	Err     error // of the connection or of reading the answer
}

func (f *ExchangeError) Error() string {
	if f.Err != nil {
		return f.Err.Error()
	}
	return fmt.Sprintf("HTTP %d, OCPI %d: %s", f.HTTP, f.Status, f.Message)
}

func (f *ExchangeError) Unwrap() error { return f.Err }

// errNotRegistered is returned for messages before the credentials exchange.
var errNotRegistered = errors.New("not registered")

// unsent reports whether the peer certainly did not get the message.
func (f *ExchangeError) unsent() bool {
	var op *net.OpError
	return errors.As(f.Err, &op) && op.Op == "dial" || f.HTTP == http.StatusTooManyRequests || f.Status == ocpi.StatusHubConnection
}

// passing reports whether the failure may be over after a while.
func (f *ExchangeError) passing() bool {
	switch f.Status {
	case ocpi.StatusHubTimeout, ocpi.StatusHubConnection:
		return true
	}
	return f.Err != nil || f.HTTP >= 500 || f.HTTP == http.StatusTooManyRequests
}

// send delivers one request and returns the answer of the peer; anything but a
// status 1xxx is a *ExchangeError. Every attempt has a new X-Request-ID and the same
// X-Correlation-ID, and is in the journal.
func (p *Platform) send(ctx context.Context, rq request) (answer, error) {
	if rq.corr == "" {
		rq.corr = ocpi.NewMessageID()
	}
	deadline := time.Now().Add(p.cfg.RetryFor)
	pause := 25 * time.Millisecond
	for attempt := 1; ; attempt++ {
		a, err := p.attempt(ctx, rq, attempt)
		var f *ExchangeError
		if err == nil || !errors.As(err, &f) || ctx.Err() != nil {
			return a, err
		}
		again := rq.retry == untilDone && f.passing() || rq.retry == untilSent && f.unsent()
		if !again || time.Now().After(deadline) {
			return a, err
		}
		wait := pause
		if s, perr := strconv.Atoi(a.header.Get("Retry-After")); perr == nil && s >= 0 && s <= 60 {
			wait = max(wait, time.Duration(s)*time.Second)
		}
		if sleep(ctx, wait) != nil {
			return a, err
		}
		pause = min(2*pause, time.Second)
	}
}

func (p *Platform) attempt(ctx context.Context, rq request, n int) (a answer, err error) {
	p.mu.Lock()
	token, target := p.peer.token, p.peer.endpoints[rq.endpoint]
	registered := p.peer.registered
	p.mu.Unlock()
	if !registered {
		return a, errNotRegistered
	}
	if rq.url != "" {
		target = rq.url
	} else if target == "" {
		return a, fmt.Errorf("the peer has no %s of %s", rq.side, rq.module)
	} else if target, err = ocpi.JoinPath(target, rq.path...); err != nil {
		return a, err
	}
	if len(rq.query) > 0 {
		target += "?" + rq.query.Encode()
	}
	e := Entry{
		Time: time.Now(), Sent: true, Module: rq.module, Interface: rq.side, Method: rq.method, ID: strings.Join(rq.path, "/"),
		CorrelationID: rq.corr, RequestID: ocpi.NewMessageID(), Attempt: n,
	}
	if !rq.plain {
		e.From, e.To = ocpi.ClaimOf(rq.from), ocpi.ClaimOf(rq.to)
	}
	a, err = p.exchange(ctx, target, token, rq.method, rq.body, &e)
	e.Took = time.Since(e.Time)
	e.HTTP, e.Status = a.http, a.StatusCode
	if err != nil {
		e.Err = err.Error()
	}
	p.journal.add(e)
	return a, err
}

// exchange does one HTTP request. The ids and parties of e go into its headers.
func (p *Platform) exchange(ctx context.Context, target, token, method string, body []byte, e *Entry) (a answer, err error) {
	var rd io.Reader
	if body != nil {
		rd = bytes.NewReader(body)
	}
	hr, err := http.NewRequestWithContext(ctx, method, target, rd)
	if err != nil {
		return a, &ExchangeError{Err: err}
	}
	hr.Header.Set(ocpi.HeaderAuthorization, ocpi.FormatAuthorization(token, p.cfg.Encoding))
	hr.Header.Set(ocpi.HeaderRequestID, e.RequestID)
	hr.Header.Set(ocpi.HeaderCorrelationID, e.CorrelationID)
	ocpi.SetRouting(hr.Header, e.To, e.From)
	if body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	res, err := p.client.Do(hr)
	if err != nil {
		return a, &ExchangeError{Err: err}
	}
	defer res.Body.Close()
	a.http, a.header = res.StatusCode, res.Header
	b, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return a, &ExchangeError{HTTP: a.http, Err: fmt.Errorf("reading the answer: %w", err)}
	}
	if a.Envelope, err = ocpi.ParseEnvelope(b); err != nil {
		return a, &ExchangeError{HTTP: a.http, Err: err}
	}
	if !a.Success() || a.http >= 300 {
		return a, &ExchangeError{HTTP: a.http, Status: a.StatusCode, Message: a.StatusMessage}
	}
	return a, nil
}
