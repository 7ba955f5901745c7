package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	maxHeader  = 64 << 10               // of a response, status line and interim responses included
	firstRead  = 64 << 10               // memory for a body before any of it has come
	graceRead  = 500 * time.Millisecond // for the answer of a peer that stopped reading
	readBuffer = 4 << 10
)

var (
	errTooLarge = errors.New("the answer is longer than allowed")
	errTooLate  = errors.New("the time in which the request may be sent is over")
	errStale    = errors.New("the peer has closed the connection, or sent something unasked")
	errEncoding = errors.New("the answer is compressed although that was not asked for")
	longAgo     = time.Unix(1, 0)
)

// connKey is where a connection leads to.
type connKey struct {
	tls  bool
	port uint16
	host string
}

// conn is one HTTP/1.1 connection. One exchange uses it at a time.
type conn struct {
	key    connKey
	tcp    net.Conn
	raw    syscall.RawConn // nil for a connection that is not a socket
	rw     net.Conn        // tcp, or TLS over it
	sent   int64           // bytes given to the kernel in this exchange
	last   time.Time       // nothing is written in this exchange from then on; zero: no bound
	budget int64           // bytes that may still be read in this phase
	plain  bool            // a socket without TLS: swap sends and reads
	used   bool            // it was kept after an exchange
	out    []byte          // what the next read sends first; see swap
	halted bool            // sending it failed
	into   []byte          // for step; nil: into a piece
	piece  *[]byte         // see first
	got    int
	fault  error
	step   func(fd uintptr) bool
	early  []byte          // read before there was a br
	br     *bufio.Reader   // during an exchange whose answer is not read in one piece
	req    http.Request    // tells ReadResponse the method
	tied   context.Context // its end breaks off every exchange; see Request.Lasting
	untie  func() bool
	open   *atomic.Int64 // counts it
	born   time.Time
	idle   time.Time     // since when it is unused
	keep   time.Duration // how long it may be
}

func newConn(tcp net.Conn, key connKey) *conn {
	c := &conn{key: key, tcp: tcp, born: time.Now()}
	if socket, ok := tcp.(syscall.Conn); ok {
		c.raw, _ = socket.SyscallConn()
	}
	c.plain, c.step = c.raw != nil && canSwap, c.sendOrRead
	c.rw = counted{tcp, c}
	return c
}

// counted notes how many bytes were written, below TLS, and writes none too late.
type counted struct {
	net.Conn
	c *conn
}

func (w counted) Write(b []byte) (int, error) {
	if over(w.c.last) {
		return 0, errTooLate
	}
	n, err := w.Conn.Write(b)
	w.c.sent += int64(n)
	return n, err
}

// over reports whether the time t has come. The clock on the wall is asked too:
// the monotonic one stands still while a virtual machine is paused.
func over(t time.Time) bool {
	if t.IsZero() {
		return false
	}
	now := time.Now()
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}

func (c *conn) startTLS(ctx context.Context, cfg *tls.Config) error {
	t := tls.Client(c.rw, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	c.rw, c.plain = t, false
	return nil
}

// wrote reports whether a byte of the request may have left.
func (c *conn) wrote() bool { return c.sent > 0 }

// Close is called once.
func (c *conn) Close() {
	if c.tied != nil {
		c.untie()
	}
	c.rw.Close()
	if c.open != nil {
		c.open.Add(-1)
	}
}

// limited reads from the connection within its budget.
type limited conn

func (l *limited) Read(b []byte) (int, error) {
	if l.budget <= 0 {
		return 0, errTooLarge
	}
	if int64(len(b)) > l.budget {
		b = b[:l.budget]
	}
	var n int
	var err error
	if len(l.early) > 0 {
		n = copy(b, l.early)
		l.early = l.early[n:]
	} else {
		n, err = (*conn)(l).next(b)
	}
	l.budget -= int64(n)
	return n, err
}

// next reads, after it has sent what is to be sent.
func (c *conn) next(b []byte) (int, error) {
	if len(c.out) > 0 {
		n, err := c.swap(b)
		if n > 0 || err != nil {
			c.halted = len(c.out) > 0
			return n, err
		}
		if _, err := c.rw.Write(c.out); err != nil { // the system did not take all of it at once
			c.halted = true
			return 0, err
		}
		c.out = nil
	}
	return c.rw.Read(b)
}

// swap gives the request to the system and reads the beginning of the answer:
// between the two it waits without having tried to read in vain. It returns 0
// and no error when the system took only a part; out is what is left.
func (c *conn) swap(b []byte) (int, error) {
	c.into, c.got, c.fault = b, 0, nil
	err := c.raw.Read(c.step)
	c.into = nil
	if c.fault != nil {
		err = c.fault
	}
	return c.got, err
}

// roundTrip makes one exchange. keep is how long the connection may stay idle;
// zero means that it must be closed.
func (c *conn) roundTrip(ctx context.Context, r *Request, head []byte, deadline time.Time, limit int64) (resp Response, keep time.Duration, fault *Error) {
	c.sent, c.last = 0, r.NotAfter
	if !c.loosen(ctx) {
		return resp, 0, fail(Unreachable, errStale)
	}
	if err := c.rw.SetDeadline(deadline); err != nil {
		return resp, 0, fail(Unreachable, err)
	}
	err := c.tie(ctx)
	if err == nil {
		resp, keep, err = c.sendAndRead(r, head, deadline, limit)
	}
	if ctx.Err() != nil || !r.Lasting && !c.loosen(context.Background()) {
		keep = 0 // its deadline may be overwritten at any moment
	}
	switch {
	case err == nil:
		return resp, keep, nil
	case !c.wrote() && over(r.NotAfter):
		return resp, 0, fail(Busy, errTooLate)
	case !c.wrote():
		return resp, 0, fail(Unreachable, fmt.Errorf("sending: %w", cause(ctx, err)))
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return resp, 0, fail(TimedOut, fmt.Errorf("waiting for the answer: %w", cause(ctx, err)))
	}
	return resp, 0, fail(Broken, fmt.Errorf("reading the answer: %w", cause(ctx, err)))
}

// tie has the end of ctx break off what is under way on c. The deadline must be
// set before: then that of the end is the later one, or the error is not nil.
func (c *conn) tie(ctx context.Context) error {
	if c.tied == nil && ctx.Done() != nil {
		c.tied, c.untie = ctx, context.AfterFunc(ctx, func() { c.tcp.SetDeadline(longAgo) })
	}
	return ctx.Err()
}

// loosen undoes tie, unless it was with ctx. false says that it was too late: the
// deadline of c may be overwritten at any moment.
func (c *conn) loosen(ctx context.Context) bool {
	if c.tied == nil || c.tied == ctx {
		return true
	}
	ok := c.untie()
	c.tied, c.untie = nil, nil
	return ok
}

// cause prefers the reason for which ctx ended to the I/O error it led to.
func cause(ctx context.Context, err error) error {
	if e := context.Cause(ctx); e != nil {
		return e
	}
	// With our own port each failure would read unlike the one before it.
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		return fmt.Errorf("%s: %w", op.Addr, op.Err)
	}
	return err
}

func (c *conn) sendAndRead(r *Request, head []byte, deadline time.Time, limit int64) (Response, time.Duration, error) {
	var err error
	if c.plain && len(r.Body) <= inlineBody {
		c.out, c.halted = head, false
		resp, keep, readErr := c.read(r, limit)
		if c.out = nil; readErr == nil || !c.halted {
			return resp, keep, readErr
		}
		err = readErr
	} else {
		if c.plain && c.used && !c.alive() {
			return Response{}, 0, errStale
		}
		_, err = c.rw.Write(head)
		if err == nil && len(r.Body) > inlineBody {
			_, err = c.rw.Write(r.Body)
		}
		if err == nil {
			return c.read(r, limit)
		}
	}
	// Who refuses a body may answer and close without reading it all.
	if c.wrote() && !errors.Is(err, os.ErrDeadlineExceeded) {
		if grace := time.Now().Add(graceRead); grace.Before(deadline) {
			c.tcp.SetReadDeadline(grace)
		}
		if resp, _, readErr := c.read(r, limit); readErr == nil {
			return resp, 0, nil
		}
	}
	return Response{}, 0, err
}

// read reads one response and says how long the connection may be kept.
func (c *conn) read(r *Request, limit int64) (Response, time.Duration, error) {
	c.budget = maxHeader
	if r.Lean && r.Method != http.MethodHead {
		b, err := c.first()
		defer c.drop()
		if err != nil {
			return Response{}, 0, err
		}
		if resp, ok := simpleAnswer(b, limit); ok {
			if len(b) > len(resp.head)+len(resp.Body) {
				return resp, 0, nil
			}
			return resp, forever, nil
		}
		c.early = b
	}
	c.br, _ = readers.Get().(*bufio.Reader)
	c.br.Reset((*limited)(c))
	defer func() {
		c.br.Reset(nil)
		readers.Put(c.br)
		c.br = nil
	}()
	c.req.Method = r.Method
	res, err := http.ReadResponse(c.br, &c.req)
	for err == nil && res.StatusCode < 200 { // as many interim answers as fit into maxHeader
		if res.StatusCode == http.StatusSwitchingProtocols {
			return Response{}, 0, errors.New("the peer wants to speak another protocol")
		}
		res, err = http.ReadResponse(c.br, &c.req)
	}
	if err != nil {
		return Response{}, 0, err
	}
	if res.ProtoMajor != 1 {
		return Response{}, 0, errors.New("the answer is not HTTP/1")
	}
	if e := res.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return Response{}, 0, errEncoding
	}
	if res.ContentLength > limit {
		return Response{}, 0, errTooLarge
	}
	c.budget = 8*limit + maxHeader // chunks of one byte take six
	body, err := readBody(res.Body, res.ContentLength, limit)
	if err != nil {
		return Response{}, 0, err
	}
	out := Response{Status: res.StatusCode, Header: res.Header, Body: body}
	if res.Close || c.br.Buffered() > 0 {
		return out, 0, nil
	}
	return out, keepAlive(res.Header), nil
}

// readBody reads a body of the stated length, or -1, of at most limit bytes.
// Memory grows with what has come, not with what was announced.
func readBody(r io.Reader, length, limit int64) ([]byte, error) {
	if length == 0 {
		return nil, nil
	}
	size := int64(512)
	if length > 0 {
		size = min(length+1, firstRead) // one more, so that EOF is seen without growing
	}
	b := make([]byte, 0, size)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if int64(len(b)) > limit {
			return nil, errTooLarge
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// forever is how long a connection may be kept if its peer says nothing about it.
const forever = time.Hour

// keepAlive reads how long the peer keeps an idle connection open and stays a
// second below, because a request that crosses with its FIN counts as sent.
func keepAlive(h http.Header) time.Duration {
	for _, v := range h["Keep-Alive"] {
		for part := range strings.SplitSeq(v, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if !strings.EqualFold(name, "timeout") {
				continue
			}
			if n, err := strconv.Atoi(value); err == nil && n < 3600 {
				return max(0, time.Duration(n-1)*time.Second)
			}
		}
	}
	return forever
}
