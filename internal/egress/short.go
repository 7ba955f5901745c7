package egress

import (
	"errors"
	"time"
)

var errShort = errors.New("no more connections may be open")

// logShortEvery is how often it is logged at most that connections are short.
const logShortEvery = 60 // s

// reserve counts one more connection. When that is too many it closes one that
// nobody uses; false when there is none.
func (c *Client) reserve() bool {
	for {
		n := c.open.Load()
		if n < int64(c.opt.MaxConns) {
			if c.open.CompareAndSwap(n, n+1) {
				return true
			}
			continue
		}
		freed := c.closeIdle()
		c.metrics.shortOf(freed)
		now, last := time.Now().Unix(), c.short.Load()
		if now-last >= logShortEvery && c.short.CompareAndSwap(last, now) {
			c.log.Warn("connections to platforms are short: raise the limit of open files, or lower in_flight of receivers",
				"open", n, "limit", c.opt.MaxConns, "idle_closed", freed)
		}
		if !freed {
			return false
		}
	}
}

// closeIdle closes a connection that nobody uses, of any platform.
func (c *Client) closeIdle() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, p := range c.platforms { // in no order: it is nobody's every time
		if conn := p.oldest(); conn != nil {
			conn.Close()
			return true
		}
	}
	return false
}

// oldest takes the connection that was idle for longest, or returns nil.
func (p *platform) oldest() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[0]
	p.idle = append(p.idle[:0], p.idle[1:]...)
	return c
}

// MaxConns returns how many connections there may be.
func (c *Client) MaxConns() int { return c.opt.MaxConns }
