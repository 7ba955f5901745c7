package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/bench/usage"
	"github.com/eroam/eroam/bench/wire"
	"github.com/eroam/eroam/internal/blackbox"
)

// source gives the locations of a set one after the other, from a number on,
// until there are no more or yield says false.
type source func(from int, yield func(place) bool) error

// generated is the source of a set of so many EVSEs.
func (l *lab) generated() source {
	return func(from int, yield func(place) bool) error {
		evses := 0
		for n := 0; evses < l.o.evses; n++ {
			p := l.shape.generate(l.o.seed, uint64(n))
			evses += len(p.evses)
			if n >= from && !yield(p) {
				break
			}
		}
		return nil
	}
}

// published is the source of the real set.
func published(path string, limit int) source {
	return func(from int, yield func(place) bool) (err error) {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		z, err := gzip.NewReader(f)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		r := bufio.NewReaderSize(z, 1<<20)
		for n := 0; limit == 0 || n < limit; n++ {
			b, err := r.ReadBytes('\n')
			if len(b) > 0 && n >= from {
				p, err := parse(b)
				if err != nil {
					return fmt.Errorf("%s, line %d: %w", path, n+1, err)
				}
				if !yield(p) {
					return nil
				}
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		return nil
	}
}

// timeZone is required in 2.2.1; the public copy of the real set has lost it.
const timeZone = `,"time_zone":"Europe/Amsterdam"}`

// parse reads what a request needs of a location, and gives it the time zone
// that the copy lacks. One without an owner gets a party of its own, and will
// be refused.
func parse(b []byte) (place, error) {
	b = bytes.TrimSpace(b)
	var v struct {
		TimeZone string `json:"time_zone"`
		Country  string `json:"country_code"`
		Party    string `json:"party_id"`
		ID       string `json:"id"`
		EVSEs    []struct {
			UID string `json:"uid"`
		} `json:"evses"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return place{}, err
	}
	if v.TimeZone == "" {
		b = append(bytes.TrimSuffix(b, []byte("}")), timeZone...)
	}
	p := place{owner: owner{v.Country, v.Party}, id: v.ID, body: b}
	if v.Country == "" {
		p.owner = owner{"NL", "XXX"}
	}
	for _, e := range v.EVSEs {
		p.evses = append(p.evses, e.UID)
	}
	return p, nil
}

// chunk is how many locations are sent before it is noted how far it came.
const chunk = 20_000

// load publishes a set through OCPI: a PUT for each location, over many
// connections, every owner with a platform of its own.
func (l *lab) load(ctx context.Context, h *hub, s *set, from source) error {
	if s.Complete {
		fmt.Printf("%s: loaded already: %d locations, %d EVSEs\n", s.Name, s.Locations, s.EVSEs)
		return nil
	}
	fmt.Printf("%s: loading through OCPI: PUT of each location, %d connections\n", s.Name, l.o.loaders)
	if s.Viewer == "" {
		token, err := h.Register(blackbox.Party{Country: "DE", ID: "VIE", Role: "EMSP"}, l.versions())
		if err != nil {
			return err
		}
		s.Viewer = token
	}
	var batch []place
	send := func() error {
		if err := l.registerOwners(h, s, batch); err != nil {
			return err
		}
		if err := l.publish(ctx, h, s, batch); err != nil {
			return err
		}
		batch = batch[:0]
		rss, _ := usage.Memory(h.Pid())
		fmt.Printf("  %9d locations, %9d EVSEs, %4d refused, %6.0f s, %6.0f PUT/s, hub %4.0f MiB\n", s.Locations, s.EVSEs, s.Refused, s.Seconds,
			float64(s.Locations)/s.Seconds, rss)
		return l.save()
	}
	var failed error
	err := from(s.Locations, func(p place) bool {
		if batch = append(batch, p); len(batch) == chunk {
			failed = send()
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err == nil && len(batch) > 0 {
		err = send()
	}
	if err != nil {
		return err
	}
	if s.Refused*100 > s.Locations {
		return fmt.Errorf("%d of %d locations were refused", s.Refused, s.Locations)
	}
	s.Complete = true
	return l.save()
}

func (l *lab) registerOwners(h *hub, s *set, batch []place) error {
	for _, p := range batch {
		name := p.owner.country + p.owner.id
		if s.Tokens[name] != "" {
			continue
		}
		token, err := h.Register(blackbox.Party{Country: p.owner.country, ID: p.owner.id, Role: "CPO"}, l.versions())
		if err != nil {
			return err
		}
		s.Tokens[name] = token
	}
	return l.save()
}

// publish sends a batch and adds up in s what came of it.
func (l *lab) publish(ctx context.Context, h *hub, s *set, batch []place) error {
	var next, refused, evses, size atomic.Int64
	began, before := time.Now(), usage.CPU(h.Pid())
	err := inParallel(ctx, l.o.loaders, h.Addr, func(ctx context.Context, c *wire.Conn) error {
		var req []byte
		for ctx.Err() == nil {
			i := next.Add(1) - 1
			if i >= int64(len(batch)) {
				return nil
			}
			p := &batch[i]
			req = appendHead(req[:0], "PUT", h.Addr, p.owner, s.Tokens[p.owner.country+p.owner.id], p.id)
			req = wire.AppendBody(req, p.body)
			status, body, err := c.Do(req)
			if err != nil {
				return err
			}
			switch {
			case wire.Accepted(status, body):
				evses.Add(int64(len(p.evses)))
				size.Add(int64(len(p.body)))
			case status == 429 || status >= 500:
				return fmt.Errorf("the hub answered %d %s", status, body)
			default:
				if refused.Add(1) == 1 {
					fmt.Printf("  the first refused: %s/%s: %d %s\n", p.owner.id, p.id, status, body)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Seconds += time.Since(began).Seconds()
	s.CPU += usage.CPU(h.Pid()) - before
	s.Locations += len(batch)
	s.EVSEs += int(evses.Load())
	s.Bytes += size.Load()
	s.Refused += int(refused.Load())
	return nil
}

// inParallel does the same on so many connections; see together.
func inParallel(ctx context.Context, n int, addr string, do func(context.Context, *wire.Conn) error) error {
	return together(ctx, n, func(ctx context.Context) error {
		c, err := wire.Dial(addr)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		return do(ctx, c)
	})
}

// together does the same in so many goroutines and returns when all have ended.
// The first error ends their context; it, or why ctx has ended, is returned.
func together(ctx context.Context, n int, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := do(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
