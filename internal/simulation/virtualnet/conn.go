package virtualnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// buffered is how many bytes may be on the way in one direction.
const buffered = 256 << 10

// conn is one end of a connection.
type conn struct {
	host     *Host
	in, out  *stream
	name     [2]address // local, remote
	forgets  bool       // the end of who dialled
	closings sync.Once
}

// stream is one direction.
type stream struct {
	mu       sync.Mutex
	moved    sync.Cond
	bytes    []byte
	ended    bool // by the writer: what is there can still be read
	left     bool // by the reader
	broken   bool
	lost     bool // what is written from now on gets lost
	deadline [2]deadline
}

// deadline is that of the reader (0) or the writer (1).
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func newStream() *stream {
	s := new(stream)
	s.moved.L = &s.mu
	return s
}

func pipe(h *Host) (near, far *conn) {
	there, back := newStream(), newStream()
	names := [2]address{"virtual", h.address}
	near = &conn{host: h, in: back, out: there, name: names, forgets: true}
	far = &conn{host: h, in: there, out: back, name: [2]address{names[1], names[0]}}
	return near, far
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *conn) LocalAddr() net.Addr         { return c.name[0] }
func (c *conn) RemoteAddr() net.Addr        { return c.name[1] }

// Close ends both directions. What was written can still be read.
func (c *conn) Close() error {
	c.closings.Do(func() {
		c.out.change(func(s *stream) { s.ended = true })
		c.in.change(func(s *stream) { s.left = true })
		for i, s := range [...]*stream{c.in, c.out} {
			s.setDeadline(i, time.Time{})
		}
		if c.forgets {
			c.host.forget(c)
		}
	})
	return nil
}

// reset breaks both directions: nothing can be read or written any more.
func (c *conn) reset() {
	for _, s := range [...]*stream{c.in, c.out} {
		s.change(func(s *stream) { s.broken = true })
	}
}

func (c *conn) lose() {
	for _, s := range [...]*stream{c.in, c.out} {
		s.change(func(s *stream) { s.lost = true })
	}
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(0, t)
	c.out.setDeadline(1, t)
	return nil
}

// SetReadDeadline implements [net.Conn].
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(0, t)
	return nil
}

// SetWriteDeadline implements [net.Conn].
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(1, t)
	return nil
}

func (s *stream) change(fn func(*stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(s)
	s.moved.Broadcast()
}

func (s *stream) setDeadline(who int, t time.Time) {
	s.change(func(s *stream) {
		d := &s.deadline[who]
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		if d.at = t; !t.IsZero() {
			if left := time.Until(t); left > 0 {
				d.timer = time.AfterFunc(left, func() { s.change(func(*stream) {}) })
			}
		}
	})
}

// over reports whether a deadline has passed. s.mu is held.
func (s *stream) over(who int) bool {
	at := s.deadline[who].at
	return !at.IsZero() && !time.Now().Before(at)
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.left:
			return 0, net.ErrClosed
		case s.broken:
			return 0, syscall.ECONNRESET
		case s.over(0):
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(s.bytes) > 0:
			n := copy(b, s.bytes)
			s.bytes = s.bytes[n:]
			s.moved.Broadcast()
			return n, nil
		case s.ended && !s.lost:
			return 0, io.EOF
		}
		s.moved.Wait()
	}
}

func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for {
		switch {
		case s.ended:
			return n, net.ErrClosed
		case s.broken:
			return n, syscall.ECONNRESET
		case s.left && !s.lost:
			return n, syscall.EPIPE
		case s.over(1):
			return n, os.ErrDeadlineExceeded
		case s.lost:
			return len(b), nil
		}
		room := min(buffered-len(s.bytes), len(b)-n)
		s.bytes = append(s.bytes, b[n:n+room]...)
		n += room
		s.moved.Broadcast()
		if n == len(b) {
			return n, nil
		}
		s.moved.Wait()
	}
}
