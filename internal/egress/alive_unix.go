//go:build unix

package egress

import "syscall"

// alive reports whether an idle connection is still open and silent. A peer
// that closed it, or sent bytes that nobody asked for, makes it unusable.
func (c *conn) alive() bool {
	if c.raw == nil {
		return true // writing will tell, see Options.Dial
	}
	ok := false
	err := c.raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ok = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	})
	return err == nil && ok
}
