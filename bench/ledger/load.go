package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/bench/usage"
	"github.com/eroam/eroam/bench/wire"
	"github.com/eroam/eroam/internal/blackbox"
)

// publish puts the locations, tariffs and tokens.
func (l *lab) publish(ctx context.Context) error {
	var all [][]byte
	for i := range l.cpos {
		o := &l.cpos[i]
		all = append(all, l.request("PUT", "tariffs/NL/"+o.ID+"/T1", o, blackbox.HubParty.Country, blackbox.HubParty.ID, []byte(o.tariff)))
		for n := range stations {
			all = append(all, l.request("PUT", fmt.Sprintf("locations/NL/%s/LOC%d", o.ID, n), o, blackbox.HubParty.Country, blackbox.HubParty.ID, location(o, n)))
		}
	}
	for d := range drivers {
		p := &l.emsps[d%providers]
		uid, body := token(p, d)
		all = append(all, l.request("PUT", "tokens/DE/"+p.ID+"/"+url.PathEscape(uid)+"?type=RFID", &operator{Party: p.Party, token: p.token}, blackbox.HubParty.Country, blackbox.HubParty.ID, body))
	}
	began := time.Now()
	_, err := l.send(ctx, all)
	fmt.Printf("published %d objects in %.1f s\n", len(all), time.Since(began).Seconds())
	return err
}

// send makes all requests on so many connections as intake has, each as soon as
// the one before has its answer. It returns how long each took, in order of time.
func (l *lab) send(ctx context.Context, all [][]byte) ([]time.Duration, error) {
	took := make([]time.Duration, len(all))
	var next atomic.Int64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range l.o.connections {
		wg.Go(func() {
			c, err := wire.Dial(l.hub.Addr)
			if err != nil {
				cancel(err)
				return
			}
			defer func() { _ = c.Close() }()
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= len(all) {
					return
				}
				began := time.Now()
				if err := accept(c, all[i]); err != nil {
					cancel(err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return took, nil
}

func accept(c *wire.Conn, request []byte) error {
	status, body, err := c.Do(request)
	if err == nil && !wire.Accepted(status, body) {
		err = fmt.Errorf("the hub answered %d %.300s", status, body)
	}
	return err
}

func cdrs(all []document) (out [][]byte) {
	for i := range all {
		out = append(out, all[i].cdr)
	}
	return out
}

// milliseconds returns a percentile.
func milliseconds(d []time.Duration, q int) float64 {
	return float64(result.Percentile(slices.Sorted(slices.Values(d)), q)) / float64(time.Millisecond)
}

// intake measures how many CDRs a second the hub accepts.
func (l *lab) intake(ctx context.Context) error {
	var rates, p50s, p99s, cpus []float64
	for round := range l.o.rounds {
		all, err := l.documents(l.o.cdrs, -1)
		if err != nil {
			return err
		}
		var sessions [][]byte
		for i := range all {
			sessions = append(sessions, all[i].session)
		}
		if _, err := l.send(ctx, sessions); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
		profiled := func() error { return nil }
		if l.o.profile != "" && round == l.o.rounds-1 {
			profiled = l.startProfile(ctx)
		}
		before := usage.Now(l.hub.Pid())
		took, err := l.send(ctx, cdrs(all))
		if err != nil {
			return err
		}
		s := before.Since()
		if err := profiled(); err != nil {
			return err
		}
		rates = append(rates, float64(len(all))/s.Seconds)
		p50s, p99s = append(p50s, milliseconds(took, 50)), append(p99s, milliseconds(took, 99))
		cpus = append(cpus, s.By[l.hub.Pid()]/float64(len(all))*1e6)
		fmt.Printf("  %d CDRs in %.1f s: %.0f/s, p50 %.1f ms, p99 %.1f ms, hub %.0f us each; %s\n", len(all), s.Seconds, rates[round], p50s[round], p99s[round], cpus[round], s)
	}
	n := l.o.cdrs * l.o.rounds
	l.add(row{Line: result.Line{Name: "intake", Value: result.Median(rates), Unit: "1/s", N: n}, Least: 1500})
	l.add(row{Line: result.Line{Name: "intake_p50", Value: result.Median(p50s), Unit: "ms", N: n}})
	l.add(row{Line: result.Line{Name: "intake_p99", Value: result.Median(p99s), Unit: "ms", N: n}, Most: 75})
	l.add(row{Line: result.Line{Name: "intake_cpu", Value: result.Median(cpus), Unit: "us", N: n}})
	rss, _ := usage.Memory(l.hub.Pid())
	l.add(row{Line: result.Line{Name: "rss", Value: rss, Unit: "MiB", N: 1}})
	return nil
}

// startProfile has the hub write a CPU profile for some seconds; the function that
// it returns waits for it.
func (l *lab) startProfile(ctx context.Context) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.metrics+"/debug/pprof/profile?seconds=5", nil)
			if err != nil {
				return err
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer func() { _ = res.Body.Close() }()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			return os.WriteFile(l.o.profile, b, 0o600)
		}()
	}()
	return func() error { return <-done }
}

// drain measures how long the CDRs of a receiver that was away take, once it is
// back, and what the others notice.
func (l *lab) drain(ctx context.Context) error {
	l.inbox.away.Store(true)
	all, err := l.documents(l.o.backlog, 0)
	if err != nil {
		return err
	}
	fmt.Printf("%d CDRs for a receiver that is away\n", len(all))
	if _, err := l.send(ctx, cdrs(all)); err != nil {
		return err
	}
	before, err := l.paced(ctx, func(since time.Duration) bool { return since < l.o.paced })
	if err != nil {
		return err
	}
	l.inbox.first.Store(0)
	l.inbox.away.Store(false)
	back := time.Now()
	const giveUp = 20 * time.Minute
	during, err := l.paced(ctx, func(since time.Duration) bool {
		return since < giveUp && (l.inbox.first.Load() < int64(l.o.backlog) || since < l.o.paced/2)
	})
	if err != nil {
		return err
	}
	if n := l.inbox.first.Load(); n < int64(l.o.backlog) {
		return fmt.Errorf("after %v %d of %d CDRs have come", giveUp, n, l.o.backlog)
	}
	took := time.Unix(0, l.inbox.last.Load()).Sub(back)
	l.add(row{Line: result.Line{Name: "drain", Value: took.Seconds(), Unit: "s", N: l.o.backlog}, Most: 600})
	l.add(row{Line: result.Line{Name: "drain_rate", Value: float64(l.o.backlog) / took.Seconds(), Unit: "1/s", N: l.o.backlog}})
	a, b := milliseconds(before, 99), milliseconds(during, 99)
	l.add(row{Line: result.Line{Name: "others_p99_before", Value: a, Unit: "ms", N: len(before)}})
	l.add(row{Line: result.Line{Name: "others_p99_draining", Value: b, Unit: "ms", N: len(during), Baseline: "others_p99_before", BaselineValue: a}})
	l.add(row{Line: result.Line{Name: "others_p99_ratio", Value: b / a, Unit: "times", N: len(during)}, Most: 1.1})
	return nil
}

// paced sends CDRs for the others at a steady rate while more says so. A CDR's time
// counts from when it was to be sent.
func (l *lab) paced(ctx context.Context, more func(since time.Duration) bool) ([]time.Duration, error) {
	const workers = 8
	type job struct {
		at      time.Time
		request []byte
	}
	jobs := make(chan job, 1024)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			c, err := wire.Dial(l.hub.Addr)
			if err != nil {
				cancel(err)
				return
			}
			defer func() { _ = c.Close() }()
			for j := range jobs {
				if err := accept(c, j.request); err != nil {
					cancel(err)
					return
				}
				d := time.Since(j.at)
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	before := usage.Now(l.hub.Pid())
	began := time.Now()
	for n := 0; more(time.Since(began)) && ctx.Err() == nil; n++ {
		d, err := l.document(-1)
		if err != nil {
			cancel(err)
			break
		}
		at := began.Add(time.Duration(n) * time.Second / time.Duration(l.o.pace))
		time.Sleep(time.Until(at))
		select {
		case jobs <- job{at, d.cdr}:
		case <-ctx.Done():
		}
	}
	close(jobs)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	fmt.Printf("  %d CDRs for the others: p50 %.1f ms, p99 %.1f ms; %s\n", len(took), milliseconds(took, 50), milliseconds(took, 99), before.Since())
	return took, nil
}
