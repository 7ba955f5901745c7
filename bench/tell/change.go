package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/bench/usage"
	"github.com/eroam/eroam/bench/wire"
)

// target is an EVSE whose status is changed: the head of its request.
type target struct {
	head []byte
	flip bool
}

// stampFormat is a DateTime as fine as OCPI allows, 25 characters.
const stampFormat = "2006-01-02T15:04:05.0000Z"

// patch puts together a change of the status as of now.
func (t *target) patch(req []byte, now time.Time) []byte {
	t.flip = !t.flip
	req = append(req, t.head...)
	status := "AVAILABLE"
	if t.flip {
		status = "BLOCKED" // which hardly any is: the first change is one too
	}
	var body [96]byte
	b := append(body[:0], `{"status":"`...)
	b = append(append(b, status...), `","last_updated":"`...)
	b = now.UTC().AppendFormat(b, stampFormat)
	b = append(b, `"}`...)
	return wire.AppendBody(req, b)
}

// targets picks EVSEs spread evenly over the generated set, one of a location.
func (l *lab) targets(h *hub, s *set, n int) []target {
	step := max(1, s.Locations/n)
	var out []target
	for i := 0; i < s.Locations && len(out) < n; i += step {
		p := l.shape.generate(l.o.seed, uint64(i))
		out = append(out, target{head: appendHead(nil, "PATCH", h.Addr, p.owner, s.Tokens[p.owner.country+p.owner.id], p.id, p.evses[0])})
	}
	return out
}

// changes measures durable changes of EVSE status, beside the same requests to
// a server that does nothing.
func (l *lab) changes(ctx context.Context, h *hub, s *set) error {
	return l.once("changes", func() error {
		targets := l.targets(h, s, l.o.targets)
		fmt.Printf("changes: status PATCHes of %d EVSEs, rounds of %v\n", len(targets), l.o.duration)
		idle, ports, err := l.receivers()
		if err != nil {
			return err
		}
		defer l.end(idle)
		for _, n := range l.o.connections {
			if err := l.changeRounds(ctx, h, targets, n, idle, ports.Traffic); err != nil {
				return err
			}
		}
		rss, peak := usage.Memory(h.Pid())
		l.result("change_rss", rss, "MiB", 1)
		l.result("change_rss_peak", peak, "MiB", 1)
		return nil
	})
}

func (l *lab) changeRounds(ctx context.Context, h *hub, targets []target, connections int, idle *exec.Cmd, idleAddr string) error {
	var rates, p50s, p99s, cpus, own, floors, floorOwn []float64
	for round := range l.o.rounds {
		f, err := l.hammer(ctx, idleAddr, idle.Process.Pid, slices.Clone(targets), connections, l.o.duration/4)
		if err != nil {
			return fmt.Errorf("the floor: %w", err)
		}
		if _, err := h.idle(ctx); err != nil {
			return err
		}
		var t turn
		err = l.profiled(h, fmt.Sprintf("changes-%d-%d", connections, round+1), l.o.duration, func() (err error) {
			t, err = l.hammer(ctx, h.Addr, h.Pid(), targets, connections, l.o.duration)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Printf("  %3d connections, round %d: %7.0f/s, p50 %.2f ms, p99 %.2f ms, hub %.0f us, generator %.0f us (floor: %.0f/s, %.0f us); %s\n",
			connections, round+1, t.rate, t.p50, t.p99, t.cpu, t.own, f.rate, f.own, t.span)
		rates, p50s, p99s, cpus, own = append(rates, t.rate), append(p50s, t.p50), append(p99s, t.p99), append(cpus, t.cpu), append(own, t.own)
		floors, floorOwn = append(floors, f.rate), append(floorOwn, f.own)
	}
	name := fmt.Sprintf("change_%d_", connections)
	n := l.o.rounds
	l.add(row{Line: result.Line{Name: name + "rate", Value: result.Median(rates), Unit: "PATCH/s", Baseline: "idle server", BaselineValue: result.Median(floors), N: n}, Least: 8000})
	l.result(name+"p50", result.Median(p50s), "ms", n)
	l.result(name+"p99", result.Median(p99s), "ms", n)
	l.result(name+"cpu_hub", result.Median(cpus), "us/PATCH", n)
	l.add(row{Line: result.Line{Name: name + "cpu_generator", Value: result.Median(own), Unit: "us/PATCH", Baseline: "idle server", BaselineValue: result.Median(floorOwn), N: n}})
	return nil
}

// turn is what one round did.
type turn struct {
	rate, p50, p99 float64 // 1/s, ms, ms
	cpu, own       float64 // µs a request: the server's, this process's
	span           usage.Span
}

// hammer changes states as fast as the server takes it.
func (l *lab) hammer(ctx context.Context, addr string, pid int, targets []target, connections int, d time.Duration) (turn, error) {
	took := make([][]time.Duration, connections)
	slots := make(chan int, connections)
	for i := range connections {
		slots <- i
	}
	before := usage.Now(pid)
	end := before.At.Add(d)
	err := inParallel(ctx, connections, addr, func(ctx context.Context, c *wire.Conn) error {
		slot := <-slots
		mine := targets[len(targets)*slot/connections : len(targets)*(slot+1)/connections]
		if len(mine) == 0 {
			return errors.New("fewer EVSEs than connections")
		}
		var req []byte
		for i := 0; ctx.Err() == nil; i++ {
			now := time.Now()
			if now.After(end) {
				return nil
			}
			req = mine[i%len(mine)].patch(req[:0], now)
			status, body, err := c.Do(req)
			if err != nil {
				return err
			}
			if !wire.Accepted(status, body) {
				return fmt.Errorf("answered %d %s", status, body)
			}
			took[slot] = append(took[slot], time.Since(now))
		}
		return nil
	})
	if err != nil {
		return turn{}, err
	}
	t := turn{span: before.Since()}
	var all []time.Duration
	for _, one := range took {
		all = append(all, one...)
	}
	n := float64(len(all))
	t.rate = n / t.span.Seconds
	t.p50, t.p99 = percentiles(all)
	t.cpu, t.own = t.span.By[pid]*1e6/n, t.span.Self*1e6/n
	return t, nil
}

// ports is where the child that plays the receivers listens.
type ports struct {
	Traffic string `json:"traffic"` // cheap answers to everything
	Control string `json:"control"` // handshake and counters
}

// receivers starts the child.
func (l *lab) receivers() (*exec.Cmd, ports, error) {
	var p ports
	cmd, err := l.child(&p, receiveCommand)
	return cmd, p, err
}
