// Package virtualnet is a network in memory for tests in testing/synctest
// bubbles: connections honour deadlines of the bubble's clock, bytes take no
// time, and whoever waits for some is durably blocked, so that the clock goes on.
// Everything must be made and used within one bubble.
package virtualnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// State is what a host does with those who come.
type State int

// The states of a host.
const (
	Up      State = iota
	Refuses       // connections are cut and new ones refused at once
	Silent        // nothing arrives and nothing is refused: what is sent gets lost
)

// backlog bounds the connections of a host that wait to be accepted.
const backlog = 1024

// Network connects hosts that are named by their address, such as "10.0.0.1:80".
type Network struct {
	mu    sync.Mutex
	hosts map[string]*Host
}

// New returns a network without hosts.
func New() *Network { return &Network{hosts: make(map[string]*Host)} }

// Host is a listener that can go away and come back. It is Up at first.
type Host struct {
	address address
	accept  chan net.Conn
	closed  chan struct{}
	once    sync.Once

	mu    sync.Mutex
	state State
	conns map[*conn]bool // the ends of those who dialled
	dials int
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// Listen makes a host. An address has one host at most, for ever.
func (n *Network) Listen(addr string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts[addr] != nil {
		panic("virtualnet: " + addr + " is in use")
	}
	h := &Host{address: address(addr), accept: make(chan net.Conn, backlog), closed: make(chan struct{}), conns: make(map[*conn]bool)}
	n.hosts[addr] = h
	return h
}

// Dial connects to a host, as [net.Dialer.DialContext] does. To a silent host it
// takes until ctx ends.
func (n *Network) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	h := n.hosts[addr]
	n.mu.Unlock()
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: address(addr), Err: err}
	}
	if h == nil {
		return fail(syscall.ECONNREFUSED)
	}
	h.mu.Lock()
	h.dials++
	state := h.state
	var near *conn
	if state == Up {
		var far *conn
		near, far = pipe(h)
		select {
		case h.accept <- far:
			h.conns[near] = true
		default:
			state = Refuses
		}
	}
	h.mu.Unlock()
	switch state {
	case Up:
		return near, nil
	case Silent:
		<-ctx.Done()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fail(os.ErrDeadlineExceeded)
		}
		return fail(ctx.Err())
	}
	return fail(syscall.ECONNREFUSED)
}

// Set changes what the host does. Connections are lost by going away: at once
// when it refuses, at the next coming back when it is silent.
func (h *Host) Set(s State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.state
	h.state = s
	for c := range h.conns {
		switch {
		case s == Silent:
			c.lose()
		case s == Refuses || old == Silent:
			c.reset()
			delete(h.conns, c)
		}
	}
}

// Dials is how often somebody tried to connect.
func (h *Host) Dials() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dials
}

// Accept implements [net.Listener].
func (h *Host) Accept() (net.Conn, error) {
	select {
	case c := <-h.accept:
		return c, nil
	case <-h.closed:
		return nil, fmt.Errorf("virtualnet: %w", net.ErrClosed)
	}
}

// Close implements [net.Listener].
func (h *Host) Close() error {
	h.once.Do(func() { close(h.closed) })
	h.Set(Refuses)
	return nil
}

// Addr implements [net.Listener].
func (h *Host) Addr() net.Addr { return h.address }

func (h *Host) forget(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}
