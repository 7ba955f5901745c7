package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/bench/usage"
	"github.com/eroam/eroam/bench/wire"
	"github.com/eroam/eroam/internal/blackbox"
)

// stage is a hub with one owner and many receivers.
type stage struct {
	*lab
	hub     *hub
	n       int // receivers
	name    string
	inbox   *exec.Cmd
	ports   ports
	token   string
	targets []target
	next    int // target to change next
	conn    *wire.Conn
}

// fanout measures what it takes to pass a change on to n receivers, each a
// party on a platform of its own.
func (l *lab) fanout(ctx context.Context, n int) error {
	return l.once(fmt.Sprintf("fanout %d", n), func() (err error) {
		f := &stage{lab: l, n: n, name: fmt.Sprintf("fanout_%d_", n)}
		if f.hub, err = l.newHub(fmt.Sprintf("fanout-%d-%d", n, time.Now().Unix())); err != nil {
			return err
		}
		if _, err := f.hub.Start(ctx); err != nil {
			return err
		}
		defer f.hub.Kill()
		if f.inbox, f.ports, err = l.receivers(); err != nil {
			return err
		}
		defer l.end(f.inbox)
		for _, step := range []func(context.Context) error{f.connect, f.whole, f.bursts, f.hanging} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// connect registers the owner and the receivers through the handshake.
func (f *stage) connect(ctx context.Context) error {
	began := time.Now()
	var err error
	if f.token, err = f.hub.Register(blackbox.Party{Country: "NL", ID: "CP1", Role: "CPO"}, f.versions()); err != nil {
		return err
	}
	var next atomic.Int64
	err = together(ctx, 4, func(ctx context.Context) error {
		for ctx.Err() == nil {
			i := int(next.Add(1) - 1)
			if i >= f.n {
				break
			}
			versions := fmt.Sprintf("http://%s/v/%d/versions", f.ports.Control, i)
			if _, err := f.hub.Register(blackbox.Party{Country: "DE", ID: party(i), Role: "EMSP"}, versions); err != nil {
				return err
			}
			if i%500 == 499 {
				fmt.Printf("  %d of %d receivers registered after %.0f s\n", i+1, f.n, time.Since(began).Seconds())
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	f.result(f.name+"register", time.Since(began).Seconds(), "s", f.n)
	if err := f.fitFiles(); err != nil {
		return err
	}
	rss, _ := usage.Memory(f.hub.Pid())
	f.result(f.name+"rss_registered", rss, "MiB", 1)
	f.conn, err = wire.Dial(f.hub.Addr)
	return err
}

// laneConnections is how many requests the hub has under way to one receiver, if
// nothing else is set.
const laneConnections = 8

// fitFiles lowers the requests under way to each receiver where the system lets
// neither the hub nor the receivers' process open files for all of them.
func (f *stage) fitFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	each := (int(min(limit.Max, 1<<20)) - 3000) / f.n // 3,000 for everything else
	if each >= laneConnections {
		return nil
	}
	each = max(1, each)
	fmt.Printf("  %d files may be open: at most %d requests under way to each receiver instead of %d\n", limit.Max, each, laneConnections)
	for i := range f.n {
		err := f.hub.API(http.MethodPut, "/parties/DE/"+party(i)+"/EMSP/delivery", map[string]any{"in_flight": each}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// party returns a party id for a number: three letters or digits.
func party(i int) string {
	s := strconv.FormatInt(int64(i)+36*36, 36) // three digits from the first on
	return string([]byte{upper(s[0]), upper(s[1]), upper(s[2])})
}

func upper(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 'A'
	}
	return c
}

// whole publishes the locations: each goes to each receiver as a PUT.
func (f *stage) whole(ctx context.Context) error {
	fmt.Printf("fanout to %d: %d new locations\n", f.n, f.o.locations)
	return f.measure(ctx, "put", f.o.locations, func() error {
		for i := range f.o.locations {
			p := f.shape.generate(f.o.seed, uint64(i))
			p.owner = owner{"NL", "CP1"}
			body, err := claim(p.body, p.owner)
			if err != nil {
				return err
			}
			if err := f.send(wire.AppendBody(appendHead(nil, "PUT", f.hub.Addr, p.owner, f.token, p.id), body)); err != nil {
				return err
			}
			f.targets = append(f.targets, target{head: appendHead(nil, "PATCH", f.hub.Addr, p.owner, f.token, p.id, p.evses[0])})
		}
		return nil
	}, nil)
}

// claim makes a location another owner's.
func claim(body []byte, o owner) ([]byte, error) {
	var v map[string]json.RawMessage
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, err
	}
	v["country_code"], v["party_id"] = json.RawMessage(strconv.Quote(o.country)), json.RawMessage(strconv.Quote(o.id))
	return json.Marshal(v)
}

func (f *stage) send(request []byte) error {
	status, body, err := f.conn.Do(request)
	if err == nil && !wire.Accepted(status, body) {
		err = fmt.Errorf("the hub answered %d %s", status, body)
	}
	return err
}

// change changes the next EVSE.
func (f *stage) change() error {
	t := &f.targets[f.next%len(f.targets)]
	f.next++
	return f.send(t.patch(nil, time.Now()))
}

// bursts sends changes as fast as the hub takes them, and the same requests to
// the same receivers with net/http alone.
func (f *stage) bursts(ctx context.Context) error {
	fmt.Printf("fanout to %d: bursts of %d status changes\n", f.n, f.o.burst)
	var all pass
	for round := range f.o.rounds {
		err := f.profiled(f.hub, fmt.Sprintf("fanout-%d-%d", f.n, round+1), 5*time.Second, func() error {
			return f.measure(ctx, "", f.o.burst, func() error {
				for range f.o.burst {
					if err := f.change(); err != nil {
						return err
					}
				}
				return nil
			}, &all)
		})
		if err != nil {
			return err
		}
		if err := f.floor(&all); err != nil {
			return err
		}
	}
	f.add(row{Line: result.Line{Name: f.name + "rate", Value: result.Median(all.rates), Unit: "deliveries/s", Baseline: "net/http", BaselineValue: result.Median(all.floorRates), N: f.o.rounds}})
	f.add(row{Line: result.Line{Name: f.name + "cpu_hub", Value: result.Median(all.cpus), Unit: "us/delivery", Baseline: "net/http", BaselineValue: result.Median(all.floors), N: f.o.rounds}, Most: 45})
	f.result(f.name+"cpu_receivers", result.Median(all.receivers), "us/delivery", f.o.rounds)
	rss, peak := usage.Memory(f.hub.Pid())
	f.result(f.name+"rss", rss, "MiB", 1)
	f.result(f.name+"rss_peak", peak, "MiB", 1)
	return nil
}

// pass collects the rounds.
type pass struct{ rates, cpus, receivers, floors, floorRates []float64 }

// measure counts what arrives of so many changes until everybody has all of
// them, or nothing came for a while.
func (f *stage) measure(ctx context.Context, name string, changes int, send func() error, into *pass) error {
	if err := f.reset(0, 0); err != nil {
		return err
	}
	before := usage.Now(f.hub.Pid(), f.inbox.Process.Pid)
	if err := send(); err != nil {
		return err
	}
	sent := time.Since(before.At)
	t, err := f.settle(ctx, int64(changes)*int64(f.n))
	if err != nil {
		return err
	}
	s := before.Since()
	n := float64(t.Total)
	took := time.Unix(0, t.Last).Sub(before.At).Seconds()
	cpu, receivers := s.By[f.hub.Pid()]*1e6/n, s.By[f.inbox.Process.Pid]*1e6/n
	fmt.Printf("  %d deliveries (%d changes in %.1f s, %d expected) in %.1f s: %.0f/s, hub %.1f us, receivers %.1f us each; %s\n",
		t.Total, changes, sent.Seconds(), changes*f.n, took, n/took, cpu, receivers, s)
	if into == nil {
		f.result(f.name+name+"_rate", n/took, "deliveries/s", int(t.Total))
		f.result(f.name+name+"_cpu_hub", cpu, "us/delivery", int(t.Total))
		return nil
	}
	into.rates, into.cpus, into.receivers = append(into.rates, n/took), append(into.cpus, cpu), append(into.receivers, receivers)
	return nil
}

// settle waits until so many requests have come, or none for ten seconds.
func (f *stage) settle(ctx context.Context, expected int64) (tally, error) {
	for last, since := int64(-1), time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var n int64
		if err := f.ask("/count", &n); err != nil {
			return tally{}, err
		}
		if n != last {
			last, since = n, time.Now()
		}
		if n >= expected || time.Since(since) > 10*time.Second {
			break
		}
		if ctx.Err() != nil {
			return tally{}, ctx.Err()
		}
	}
	var t tally
	err := f.ask("/tally", &t)
	if err == nil && t.Total == 0 {
		err = errors.New("nothing was delivered")
	}
	return t, err
}

func (f *stage) ask(path string, out any) error {
	res, err := http.Get("http://" + f.ports.Control + path) //nolint:noctx // a child of ours
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return json.NewDecoder(res.Body).Decode(out)
}

// reset sets the counters to zero; the first receivers hang or do not count.
func (f *stage) reset(hanging, uncounted int) error {
	res, err := http.PostForm("http://"+f.ports.Control+"/reset", //nolint:noctx // a child of ours
		url.Values{"hanging": {strconv.Itoa(hanging)}, "uncounted": {strconv.Itoa(uncounted)}})
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// floor has a bare net/http client send what the hub sends, to the same
// receivers.
func (f *stage) floor(into *pass) error {
	n := min(f.o.floorOf, f.o.burst*f.n)
	var r floorResult
	cmd, err := f.child(&r, floorCommand, f.ports.Traffic, strconv.Itoa(f.n), strconv.Itoa(n))
	if err != nil {
		return err
	}
	fmt.Printf("    net/http: %d requests, %.0f/s, %.1f us each\n", n, r.Rate, r.CPU)
	into.floors, into.floorRates = append(into.floors, r.CPU), append(into.floorRates, r.Rate)
	f.end(cmd)
	return nil
}
