//go:build unix

package egress

import (
	"io"
	"os"
	"syscall"
)

// canSwap says that sendOrRead works here.
const canSwap = true

// sendOrRead is what swap has done, until it returns true: first the request is
// sent, on a connection that was used before after a look at it as in alive; then,
// whenever something has come, it is read. Whatever comes after that look wakes
// whoever waits.
func (c *conn) sendOrRead(fd uintptr) bool {
	if len(c.out) == 0 {
		return c.receive(int(fd))
	}
	if c.used && !silent(int(fd)) {
		c.fault = errStale
		return true
	}
	if over(c.last) {
		c.fault = errTooLate
		return true
	}
	for {
		n, err := syscall.Write(int(fd), c.out)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			c.fault = os.NewSyscallError("write", err)
			return true
		}
		c.sent += int64(n)
		c.out = c.out[n:]
		return len(c.out) > 0
	}
}

func (c *conn) receive(fd int) bool {
	if c.into == nil {
		c.takePiece()
		c.into = *c.piece
	}
	for {
		n, err := syscall.Read(fd, c.into)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			c.fault = os.NewSyscallError("read", err)
		case n == 0:
			c.fault = io.EOF
		default:
			c.got = n
		}
		return true
	}
}

// silent reports whether a socket is open and nothing has come.
func silent(fd int) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
}

// alive reports whether an idle connection is still open and silent. A peer
// that closed it, or sent bytes that nobody asked for, makes it unusable.
func (c *conn) alive() bool {
	if c.raw == nil {
		return true // writing will tell, see Options.Dial
	}
	ok := false
	err := c.raw.Control(func(fd uintptr) {
		ok = silent(int(fd))
	})
	return err == nil && ok
}
