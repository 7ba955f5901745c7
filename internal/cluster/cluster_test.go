//go:build linux

package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
)

// pair is two processes with an operator and receivers that have agreements.
type pair struct {
	*cluster
	t         *testing.T
	a, b      *node
	cpo       *partner
	receivers []*partner

	mu    sync.Mutex
	truth map[string]int // the last accepted state of each location
}

// newPair starts two processes. Partners are invited at one and register at the
// other, by turns.
func newPair(t *testing.T, receivers int) *pair {
	t.Helper()
	c := newCluster(t)
	p := &pair{cluster: c, t: t, truth: map[string]int{}}
	p.a, p.b = c.start("a"), c.start("b")
	p.cpo = c.partner("NL-CP1", "CPO")
	p.cpo.register(p.a, p.b)
	for i := range receivers {
		r := c.partner(fmt.Sprintf("DE-E%02d", i), "EMSP")
		if i%2 == 0 {
			r.register(p.a, p.b)
		} else {
			r.register(p.b, p.a)
		}
		p.a.api("PUT", "/agreements/"+r.id, map[string]any{
			"cpo":  map[string]string{"country_code": "NL", "party_id": "CP1"},
			"emsp": map[string]string{"country_code": r.country(), "party_id": r.party()},
		}, nil)
		p.receivers = append(p.receivers, r)
	}
	return p
}

// publish puts a state of a location at a process.
func (p *pair) publish(n *node, id string, state int) error {
	stamp := time.Date(2026, 1, 1, 0, 0, state, 0, time.UTC).Format(time.RFC3339)
	body := strings.Replace(deliverytest.Location(id, stamp), "Main 1", fmt.Sprintf("State %06d", state), 1)
	_, err := p.cpo.call(n, "PUT", "/ocpi/2.2.1/receiver/locations/NL/CP1/"+id, "DE-HUB", []byte(body))
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.truth[id] = max(p.truth[id], state)
	return nil
}

// stateOf reads the state out of a push; -1 when it has none.
func stateOf(r received) int {
	_, rest, ok := strings.Cut(r.body, `"State `)
	if !ok || len(rest) < 6 {
		return -1
	}
	var n int
	if _, err := fmt.Sscanf(rest[:6], "%06d", &n); err != nil {
		return -1
	}
	return n
}

// settled reports whether every receiver has the last state of everything.
func (p *pair) settled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.receivers {
		if !r.has(p.truth) {
			return false
		}
	}
	return true
}

// settle waits until every receiver has everything, and says what is missing.
func (p *pair) settle() {
	p.t.Helper()
	for end := time.Now().Add(60 * time.Second); !p.settled(); time.Sleep(100 * time.Millisecond) {
		if time.Now().Before(end) {
			continue
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, r := range p.receivers {
			for id, state := range p.truth {
				if got := r.stateOf(id); got < state {
					p.t.Errorf("%s has state %d of %s, want %d", r.id, got, id, state)
				}
			}
		}
		var list any
		p.a.api("GET", "/lanes", nil, &list)
		p.t.Fatalf("the lanes are %v", list)
	}
}

// lanes returns how many of the receivers' lanes each process says that it has.
func (p *pair) lanes(n *node) (byNode map[string]int, waiting int) {
	p.t.Helper()
	var list struct {
		Items []struct {
			State, Node, Role string
		} `json:"items"`
	}
	n.api("GET", "/lanes", nil, &list)
	byNode = map[string]int{}
	for _, l := range list.Items {
		if l.Role == "EMSP" {
			byNode[l.Node]++
			if l.Node == "" {
				waiting++
			}
		}
	}
	return byNode, waiting
}

// spread waits until both processes have lanes, and says so to both.
func (p *pair) spread() {
	p.t.Helper()
	eventually(p.t, "both processes have lanes, and each knows it", 20*time.Second, func() bool {
		x, wx := p.lanes(p.a)
		y, wy := p.lanes(p.b)
		return len(x) == 2 && len(y) == 2 && wx+wy == 0 && fmt.Sprint(x) == fmt.Sprint(y)
	})
}

// check looks at what the receivers saw: never an older state after a newer one,
// never two requests for one object at a time.
func (p *pair) check() {
	p.t.Helper()
	for _, r := range p.receivers {
		last := map[string]int{}
		for _, got := range r.pushed() {
			state := stateOf(got)
			if state < last[got.path] {
				p.t.Errorf("%s got state %d of %s after state %d, from process %d", r.id, state, got.path, last[got.path], got.pid)
			}
			last[got.path] = state
		}
		if r.overlapping > 0 {
			p.t.Errorf("%s got %d requests for an object while another was in its hands", r.id, r.overlapping)
		}
	}
}

// What is done at one process holds at the other: tokens, agreements, objects,
// commands. An overdue result is reported by one of them.
func TestAnyProcessServes(t *testing.T) {
	t.Parallel()
	p := newPair(t, 12)
	p.spread()
	must(t, p.publish(p.a, "L1", 1))
	must(t, p.publish(p.b, "L1", 2))
	must(t, p.publish(p.a, "L2", 1))
	p.settle()
	p.check()
	senders := map[int]bool{}
	for _, r := range p.receivers {
		for _, got := range r.pushed() {
			senders[got.pid] = true
		}
	}
	if len(senders) != 2 || senders[0] {
		t.Errorf("the pushes came from the processes %v, want both", senders)
	}
	// A list has what the other accepted.
	data, err := p.receivers[0].call(p.b, "GET", "/ocpi/2.2.1/sender/locations", "DE-HUB", nil)
	if err != nil || !strings.Contains(string(data), "L2") {
		t.Errorf("the list of the other process: %s, error %v", data, err)
	}
	p.commands()
	p.endAgreement()
	p.rotate()
}

// commands sends commands to one process and gives the results to the other.
func (p *pair) commands() {
	emsp := p.receivers[0]
	command := func(session string) (ours string) {
		p.t.Helper()
		before := len(p.cpo.all())
		_, err := emsp.call(p.a, "POST", "/ocpi/2.2.1/receiver/commands/START_SESSION", p.cpo.id, []byte(fmt.Sprintf(
			`{"response_url":%q,"token":{"country_code":"DE","party_id":"E00","uid":"1","type":"RFID","contract_id":"c","issuer":"i","valid":true,"whitelist":"NEVER","last_updated":"2026-01-01T00:00:00Z"},"location_id":"L1"}`,
			emsp.url()+"/2.2.1/results/"+session)))
		must(p.t, err)
		for _, r := range p.cpo.all()[before:] {
			if strings.HasSuffix(r.path, "/START_SESSION") {
				var body struct {
					URL string `json:"response_url"`
				}
				must(p.t, json.Unmarshal([]byte(r.body), &body))
				ours = strings.TrimPrefix(body.URL, p.balancer.URL)
			}
		}
		return ours
	}
	results := func(session string) (got []string) {
		for _, r := range emsp.all() {
			if r.path == "/2.2.1/results/"+session {
				got = append(got, r.body)
			}
		}
		return got
	}
	answered := command("answered")
	for i := range 20 {
		command(fmt.Sprint("overdue-", i))
	}
	if _, err := p.cpo.call(p.b, "POST", answered, "", []byte(`{"result":"ACCEPTED"}`)); err != nil {
		p.t.Errorf("a result at the other process: %v", err)
	}
	if got := results("answered"); len(got) != 1 || !strings.Contains(got[0], "ACCEPTED") {
		p.t.Errorf("the result arrived as %q", got)
	}
	eventually(p.t, "every overdue result is reported", 15*time.Second, func() bool {
		for i := range 20 {
			if len(results(fmt.Sprint("overdue-", i))) == 0 {
				return false
			}
		}
		return true
	})
	time.Sleep(1500 * time.Millisecond) // one more tick of both
	for i := range 20 {
		if got := results(fmt.Sprint("overdue-", i)); len(got) != 1 || !strings.Contains(got[0], "TIMEOUT") {
			p.t.Errorf("an overdue result was reported as %q, want one TIMEOUT", got)
		}
	}
}

// endAgreement ends an agreement at one process; within a second no process
// sends anything for it.
func (p *pair) endAgreement() {
	ended := append([]*partner(nil), p.receivers[1:3]...)
	p.a.api("DELETE", "/agreements/"+ended[0].id, nil, nil)
	p.b.api("DELETE", "/agreements/"+ended[1].id, nil, nil)
	p.receivers = append(p.receivers[:1], p.receivers[3:]...)
	time.Sleep(time.Second)
	before := []int{len(ended[0].pushed()), len(ended[1].pushed())}
	must(p.t, p.publish(p.a, "L1", 10))
	eventually(p.t, "the others have it", 10*time.Second, p.settled)
	for i, r := range ended {
		if len(r.pushed()) != before[i] {
			p.t.Errorf("%s got a push without an agreement", r.id)
		}
	}
}

// rotate gives the operator a new token at one process; it works at the other at
// once, and the old one ends with its first use.
func (p *pair) rotate() {
	old := p.cpo.token
	body, err := json.Marshal(p.cpo.credentials())
	must(p.t, err)
	data, err := p.cpo.call(p.a, "PUT", "/ocpi/2.2.1/credentials", "", body)
	must(p.t, err)
	var got struct {
		Token string `json:"token"`
	}
	must(p.t, json.Unmarshal(data, &got))
	p.cpo.token = got.Token
	must(p.t, p.publish(p.b, "L1", 11))
	p.cpo.token = old
	eventually(p.t, "the old token is refused everywhere", time.Second, func() bool {
		return p.publish(p.a, "L1", 12) != nil && p.publish(p.b, "L1", 13) != nil
	})
	p.cpo.token = got.Token
	must(p.t, p.publish(p.a, "L1", 14))
	eventually(p.t, "everybody has it", 10*time.Second, p.settled)
}

// load publishes at the processes by turns until stop is called.
func (p *pair) load(nodes ...*node) (stop func()) {
	end := make(chan struct{})
	var done sync.WaitGroup
	for worker := range 4 {
		done.Go(func() {
			for state := 1; ; state++ {
				select {
				case <-end:
					return
				default:
				}
				_ = p.publish(nodes[(worker+state/10)%len(nodes)], fmt.Sprintf("L%d%d", worker, state%10), 1000*worker+state) // an error is no promise
				time.Sleep(25 * time.Millisecond)
			}
		})
	}
	return sync.OnceFunc(func() {
		close(end)
		done.Wait()
	})
}

// A process is killed under load. Its lanes move within 15 s, and nothing that
// any process accepted is missing anywhere.
func TestKill(t *testing.T) {
	t.Parallel()
	p := newPair(t, 12)
	p.spread()
	stop := p.load(p.a, p.b)
	time.Sleep(2 * time.Second)
	p.b.kill()
	began := time.Now()
	eventually(t, "the lanes of the killed process have moved", 15*time.Second, func() bool {
		by, waiting := p.lanes(p.a)
		return len(by) == 1 && waiting == 0
	})
	t.Logf("the lanes moved after %.1f s", time.Since(began).Seconds())
	stop()
	p.settle()
	p.check()
	// It comes back and takes its part, without a wait for its own end.
	p.b.run()
	p.spread()
}

// A process that comes back in the place of a killed one has its lanes at once.
func TestRestart(t *testing.T) {
	t.Parallel()
	p := newPair(t, 12)
	p.spread()
	p.a.kill()
	p.b.kill()
	p.b.run()
	p.a.run()
	took := eventually(t, "both have lanes again", 8*time.Second, func() bool {
		by, waiting := p.lanes(p.a)
		return len(by) == 2 && waiting == 0
	})
	t.Logf("the lanes were taken after %.1f s", took.Seconds())
}

// A process ends in good order: its lanes move at once.
func TestStop(t *testing.T) {
	t.Parallel()
	p := newPair(t, 12)
	p.spread()
	stop := p.load(p.a)
	time.Sleep(time.Second)
	p.b.signal(syscall.SIGTERM)
	took := eventually(t, "the lanes of the process that ends have moved", 8*time.Second, func() bool {
		by, waiting := p.lanes(p.a)
		return len(by) == 1 && waiting == 0
	})
	t.Logf("the lanes moved after %.1f s", took.Seconds())
	stop()
	p.settle()
	p.check()
}

// stopTime is how long a process is stopped.
func stopTime(t *testing.T) time.Duration {
	text := os.Getenv("EROAM_CLUSTER_STOP")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	must(t, err)
	return d
}

// A process is stopped in the middle of its work for longer than its lease, and
// goes on. Until it has joined the others again it sends nothing: what it was
// about to send has been overtaken by what its heir has sent.
func TestZombie(t *testing.T) {
	t.Parallel()
	p := newPair(t, 12)
	p.spread()
	for _, r := range p.receivers {
		r.delay.Store(int64(30 * time.Millisecond)) // so that there is always something to be sent
	}
	stop := p.load(p.a)
	time.Sleep(2 * time.Second)
	p.b.signal(syscall.SIGSTOP)
	stopped := time.Now()
	eventually(t, "the lanes of the stopped process have moved", 15*time.Second, func() bool {
		by, waiting := p.lanes(p.a)
		return len(by) == 1 && waiting == 0
	})
	t.Logf("the lanes moved after %.1f s", time.Since(stopped).Seconds())
	time.Sleep(time.Until(stopped.Add(stopTime(t))))
	woken := time.Now()
	p.b.signal(syscall.SIGCONT)
	eventually(t, "the process has joined again", 15*time.Second, func() bool { return len(p.b.events("joined the processes")) == 2 })
	joined := p.b.events("joined the processes")[1]
	p.spread()
	stop()
	p.settle()
	zombie, before, after := 0, 0, 0
	for _, r := range p.receivers {
		for _, got := range r.pushed() {
			switch {
			case got.pid == 0:
				t.Errorf("it is not known who sent %s %s to %s", got.method, got.path, r.id)
			case got.pid != int(p.b.pid.Load()):
			case got.at.Before(woken): // a process that is stopped sends nothing
				before++
			case got.at.Before(joined):
				zombie++
				t.Errorf("%v after it was woken it sent %s %s with state %d to %s", got.at.Sub(woken), got.method, got.path, stateOf(got), r.id)
			default:
				after++
			}
		}
	}
	t.Logf("the process sent %d pushes before it was stopped, and %d after it had joined again, %.0f ms after it was woken",
		before, after, float64(joined.Sub(woken).Microseconds())/1000)
	if zombie > 0 {
		t.Errorf("the process sent %d pushes after it had lost its lanes", zombie)
	}
	if before == 0 || after == 0 {
		t.Error("the process had nothing to do with it")
	}
	p.check()
}
