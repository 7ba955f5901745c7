package conform

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Options say which hub is checked and how.
type Options struct {
	VersionsURL string                          // of the hub; a platform's invitation may name another
	Operator    Operator                        // must be set
	Restart     func(ctx context.Context) error // kill the hub and start it again; nil: cannot be done

	Only     []string // patterns of ids, see [Select]; empty: all
	Parallel int      // checks at the same time; 0 means 8

	// How the hub is configured: how long it waits for a receiver, and how
	// long a platform may be silent before the hub asks whether it is alive.
	// Zero means 5 s and 5 min; checks that would have to wait for longer
	// than MaxWait (0: 20 s) are skipped.
	ForwardTimeout time.Duration
	StillAlive     time.Duration
	MaxWait        time.Duration

	// How long the hub waits for the result of a command beyond the time that the
	// operator named, before it reports TIMEOUT. Zero means 60 s.
	CommandGrace time.Duration

	ListenHost string // where the peers listen; "" means 127.0.0.1
	PublicHost string // what they call themselves in URLs; "" means ListenHost

	// Divergences are the ids whose departure from the specification the hub
	// documents, with the reason; nil means those of eroam.
	Divergences map[string]string

	// How long the hub may take for what it does after it has answered, such
	// as a broadcast. Zero means 5 s.
	Patience time.Duration

	Progress func(Result) // is called after each check, one at a time; may be nil
}

// Suite is a hub with the platforms of the fixture registered.
type Suite struct {
	o      Options
	client *client
	*Fixture

	mu    sync.Mutex
	peers []*Peer // all that were ever started, for the checks over everything
	count atomic.Int64
}

const (
	patience   = 5 * time.Second        // for what the hub does asynchronously
	quiet      = 300 * time.Millisecond // in which nothing must arrive
	parallel   = 8
	maxWait    = 20 * time.Second
	forward    = 5 * time.Second
	stillAlive = 5 * time.Minute
)

// Open starts the peers, lets the operator invite them and registers them. The
// caller must Close the suite.
func Open(ctx context.Context, o Options) (*Suite, error) {
	setDefault(&o.Parallel, parallel)
	setDefault(&o.ForwardTimeout, forward)
	setDefault(&o.StillAlive, stillAlive)
	setDefault(&o.MaxWait, maxWait)
	setDefault(&o.CommandGrace, time.Minute)
	setDefault(&o.Patience, patience)
	setDefault(&o.ListenHost, "127.0.0.1")
	if o.Divergences == nil {
		o.Divergences = Divergences()
	}
	if o.Operator == nil {
		return nil, errors.New("conform: no operator")
	}
	s := &Suite{o: o, client: newClient()}
	s.count.Store(rand.Int64N(10000)) // so that two runs on one hub use other parties
	var err error
	if s.Fixture, err = s.build(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("preparing the fixture: %w", err)
	}
	return s, nil
}

func setDefault[V comparable](v *V, def V) {
	var zero V
	if *v == zero {
		*v = def
	}
}

// Close removes the platforms from the hub and stops the peers.
func (s *Suite) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.Fixture != nil {
		for _, p := range s.Platforms {
			_ = s.o.Operator.Remove(ctx, p.ID) // the hub may be gone; nothing depends on it
		}
	}
	for _, p := range s.allPeers() {
		p.Stop()
	}
	s.client.http.CloseIdleConnections()
}

func (s *Suite) allPeers() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Peer(nil), s.peers...)
}

// everything returns all that any peer received and that matches.
func (s *Suite) everything(match Match) []*Request {
	var out []*Request
	for _, p := range s.allPeers() {
		out = append(out, p.Seen(match)...)
	}
	return out
}

// freshRole returns a party that no other check uses.
func (s *Suite) freshRole(role ocpi.Role) Role {
	countries := [...]string{"AT", "CH", "DK", "FI", "IT", "PL", "PT", "ES", "CZ", "NO"}
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	n := int(s.count.Add(1))
	id := []byte{digits[10+n/1296%26], digits[n/36%36], digits[n%36]}
	return Role{countries[n%len(countries)], string(id), role}
}

// platform invites a platform and starts its peer. It is not registered yet.
func (s *Suite) platform(ctx context.Context, v ocpi.Version, inv Invitation) (*Platform, error) {
	invited, err := s.o.Operator.Invite(ctx, inv)
	if err != nil {
		return nil, err
	}
	if invited.VersionsURL == "" || s.o.VersionsURL != "" {
		invited.VersionsURL = s.o.VersionsURL
	}
	peer, err := NewPeer(inv.Name, s.o.ListenHost, s.o.PublicHost, invited.Roles...)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.peers = append(s.peers, peer)
	s.mu.Unlock()
	peer.Speak(v)
	if inv.Encoding != "" {
		peer.encoding = inv.Encoding
	}
	p := &Platform{
		Peer: peer, ID: invited.ID, Version: v, client: s.client,
		HubVersionsURL: invited.VersionsURL, TokenA: invited.TokenA,
	}
	for _, r := range invited.Roles {
		p.Parties = append(p.Parties, &Party{Platform: p, CountryCode: r.CountryCode, ID: r.PartyID, Role: r.Role})
	}
	return p, nil
}

// agree lets two parties talk to each other, whichever of them is the CPO.
func (s *Suite) agree(ctx context.Context, a, b *Party) error {
	if a.Role != ocpi.RoleCPO {
		a, b = b, a
	}
	if a.Role != ocpi.RoleCPO || b.Role == ocpi.RoleCPO {
		return fmt.Errorf("%s %s and %s %s cannot have an agreement", a, a.Role, b, b.Role)
	}
	return s.o.Operator.Agree(ctx, Role{a.CountryCode, a.ID, a.Role}, Role{b.CountryCode, b.ID, b.Role})
}

// Run runs the selected checks, most of them at the same time, and reports all
// of them in order of their ids.
func (s *Suite) Run(ctx context.Context) Report {
	start := time.Now()
	checks, err := Select(Checks(), s.o.Only...)
	if err != nil {
		return Report{Error: err.Error()}
	}
	results := make([]Result, len(checks))
	var progress sync.Mutex
	run := func(i int) {
		results[i] = s.Check(ctx, checks[i])
		if s.o.Progress != nil {
			progress.Lock()
			defer progress.Unlock()
			s.o.Progress(results[i])
		}
	}
	slots := make(chan struct{}, s.o.Parallel)
	var wg sync.WaitGroup
	for i, c := range checks {
		if c.order != anytime {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			run(i)
		})
	}
	wg.Wait()
	for _, o := range []order{alone, last} {
		for i, c := range checks {
			if c.order == o {
				run(i)
			}
		}
	}
	return Report{Results: results, Took: time.Since(start)}
}

// Check runs one check.
func (s *Suite) Check(ctx context.Context, c Check) Result {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	t := &T{Suite: s, check: c, ctx: ctx, began: start, outcome: Pass}
	t.run()
	return Result{
		ID: c.ID, Level: c.Level, Ref: c.Ref, Title: c.Title,
		Outcome: t.outcome, Reason: t.reason, Steps: t.steps, Took: time.Since(start),
	}
}
