package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// check compares both ends and adds everything up.
func (d *Demo) check() *Result {
	r := &Result{
		Seed: d.opt.Seed, Platforms: len(d.cpos) + len(d.emsps), Drivers: len(d.drivers),
		Locations: d.size.sites, EVSEs: d.size.evses, Tariffs: d.size.tariffs, Tokens: d.size.tokens, Import: d.imported.Report, Oddities: d.imported.Report.Findings(),
		StationsByEMSP: make(map[string]int), SessionsByEMSP: make(map[string]int), SessionsByNetwork: make(map[string]int),
	}
	d.checkDrivers(r)
	d.checkBills(r)
	d.checkProviders(r)
	d.checkBooks(r)
	for _, s := range d.staleSites(maxProblems) {
		r.Mismatches++
		d.problem("%s", s)
	}
	if d.opt.KillHub {
		r.Outage = d.outage()
		if d.kept.commands < heldCommands || d.kept.statuses < changes {
			r.Failures++
		}
	}
	d.latency(r)
	d.mu.Lock()
	r.Problems = append([]string{}, d.problems...)
	d.mu.Unlock()
	// Whatever was noted on the way counts as a failure unless it is counted already.
	if extra := len(r.Problems) - r.Mismatches - r.Failures; extra > 0 {
		r.Failures += extra
	}
	r.OK = r.Mismatches == 0 && r.Failures == 0
	r.DurationS = round(time.Since(d.began).Seconds(), 1)
	return r
}

// checkDrivers compares what drivers were told with the sessions that there are.
func (d *Demo) checkDrivers(r *Result) {
	known := make(map[string]bool)
	for _, o := range d.outcomes {
		if o.refused {
			r.Refused++
		}
		if o.session != "" {
			known[o.session] = true
		}
		if o.lost {
			if id := d.sessionAt(o.attempt); id != "" {
				known[id] = true
			}
		}
	}
	for _, c := range d.cpos {
		for _, b := range c.Sessions() {
			if !known[b.Session.ID] {
				r.Mismatches++
				d.problem("session %s/%s was started by nobody", b.Session.Operator, b.Session.ID)
			}
			delete(known, b.Session.ID)
		}
	}
	for id := range known {
		r.Mismatches++
		d.problem("a driver was told of session %s, which no operator has", id)
	}
}

// checkBills checks that every session of an operator has exactly one CDR, at the
// provider of its token, with the same energy and money; and that there are no
// others.
func (d *Demo) checkBills(r *Result) {
	type found struct {
		at  *sim.EMSP
		cdr sim.CDR
	}
	bills := make(map[string][]found) // by operator and session
	for _, e := range d.emsps {
		for _, c := range e.CDRs() {
			key := c.Operator.String() + "/" + c.SessionID
			bills[key] = append(bills[key], found{e, c})
			r.CDRs++
		}
	}
	wrong := func(format string, args ...any) {
		r.Mismatches++
		d.problem(format, args...)
	}
	for _, c := range d.cpos {
		for _, b := range c.Sessions() {
			key := b.Session.Operator.String() + "/" + b.Session.ID
			r.Sessions++
			f := bills[key]
			delete(bills, key)
			switch {
			case b.CDR == nil:
				wrong("session %s has not ended", key)
			case !b.Bill.Acknowledged:
				wrong("the CDR of session %s was not acknowledged: %v", key, b.Bill.Err)
			case len(f) != 1:
				wrong("session %s has %d CDRs", key, len(f))
			case f[0].at.Party() != b.Session.Token.Issuer:
				wrong("the CDR of session %s is at %s, should be at %s", key, f[0].at.Party(), b.Session.Token.Issuer)
			case f[0].cdr.Usage.Energy.Cmp(b.CDR.Usage.Energy) != 0 || !equal(f[0].cdr.Cost.Total, b.CDR.Cost.Total):
				wrong("the CDR of session %s differs between the ends: %v and %v", key, b.CDR.Cost.Total, f[0].cdr.Cost.Total)
			}
		}
	}
	for key, f := range bills {
		wrong("%d CDRs at %s are of session %s, which no operator has", len(f), f[0].at.Name(), key)
	}
	d.networks(r)
}

func equal(a, b sim.Amount) bool { return a.Net.Cmp(b.Net) == 0 && a.Gross.Cmp(b.Gross) == 0 }

// networks adds up what operators have.
func (d *Demo) networks(r *Result) {
	var energy decimal.Decimal
	money := make(map[string]sim.Amount)
	for i, p := range d.platforms {
		of := make(map[ocpi.PartyID]*NetworkResult)
		for _, o := range p.operators {
			n := NetworkResult{
				Party: o.Party, Name: o.Name, Platform: p.name, Version: p.version, Sites: len(o.Sites), ByEMSP: make(map[string]int),
			}
			for _, s := range o.Sites {
				n.EVSEs += len(s.EVSEs)
			}
			of[o.Party] = &n
		}
		for _, b := range d.cpos[i].Sessions() {
			n := of[b.Session.Operator]
			n.Sessions++
			emsp := d.title(b.Session.Token.Issuer)
			n.ByEMSP[emsp]++
			r.SessionsByNetwork[n.Name]++
			r.SessionsByEMSP[emsp]++
			if b.CDR == nil {
				continue
			}
			if b.Bill.Acknowledged {
				n.CDRs++
			}
			n.Energy = Decimal{plus(n.Energy.Decimal, b.CDR.Usage.Energy)}
			n.Gross = Decimal{plus(n.Gross.Decimal, b.CDR.Cost.Total.Gross)}
			energy = plus(energy, b.CDR.Usage.Energy)
			m := money[b.CDR.Currency]
			m.Net, m.Gross = plus(m.Net, b.CDR.Cost.Total.Net), plus(m.Gross, b.CDR.Cost.Total.Gross)
			money[b.CDR.Currency] = m
		}
		for _, o := range p.operators {
			r.Networks = append(r.Networks, *of[o.Party])
		}
	}
	r.Parties = len(r.Networks) + len(d.emsps)
	r.EnergyKWh = Decimal{energy}
	r.Money = []Money{}
	for currency, m := range money {
		r.Money = append(r.Money, Money{currency, Decimal{m.Net}, Decimal{m.Gross}})
	}
	slices.SortFunc(r.Money, func(a, b Money) int { return cmpString(a.Currency, b.Currency) })
}

func cmpString(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d *Demo) title(p ocpi.PartyID) string {
	for _, e := range d.providers {
		if e.party == p {
			return e.name
		}
	}
	return p.String()
}

// plus adds amounts of a demo, which are far from 19 digits.
func plus(a, b decimal.Decimal) decimal.Decimal {
	s, err := a.Add(b)
	if err != nil {
		return a
	}
	return s
}

// checkProviders takes over what providers found wrong.
func (d *Demo) checkProviders(r *Result) {
	over := make(map[string]bool) // CDRs that cost too much on purpose
	for _, b := range d.billed() {
		if b.Overcharged() {
			over[b.CDR.Operator.String()+"/"+b.CDR.ID] = true
		}
	}
	for i, e := range d.emsps {
		got := e.Received()
		p := EMSPResult{Party: e.Party(), Name: d.providers[i].name, Version: e.Version(), Received: got}
		for _, c := range e.CDRs() {
			p.Energy = Decimal{plus(p.Energy.Decimal, c.Usage.Energy)}
			p.Gross = Decimal{plus(p.Gross.Decimal, c.Cost.Total.Gross)}
		}
		for _, m := range e.Mismatches() {
			if m.Price && over[m.Object] {
				continue // the ends agree on what is wrong
			}
			p.Mismatches++
			d.problem("%s: %s %s: %s", p.Name, m.Module, m.Object, m.What)
		}
		r.Mismatches += p.Mismatches
		r.StationsByEMSP[p.Name] = got.Locations
		if got.Locations != r.Locations || got.EVSEs != r.EVSEs || got.Tariffs != r.Tariffs {
			r.Mismatches++
			d.problem("%s has %d locations, %d EVSEs and %d tariffs of %d, %d and %d",
				p.Name, got.Locations, got.EVSEs, got.Tariffs, r.Locations, r.EVSEs, r.Tariffs)
		}
		r.EMSPs = append(r.EMSPs, p)
	}
}

func (d *Demo) outage() *Outage {
	o := &Outage{AwayS: round(d.kept.away.Seconds(), 2), CommandsAnswered: d.kept.commands, StatusChanges: d.kept.statuses}
	for _, out := range d.outcomes {
		if out.lost {
			o.LostAnswers++
		}
	}
	return o
}

// latency fills in how long the hub takes.
func (d *Demo) latency(r *Result) {
	all := d.measured()
	r.Relayed = len(all)
	r.RelayP50, r.RelayP99 = round(ms(percentile(all, 50)), 2), round(ms(percentile(all, 99)), 2)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p50, p99, err := hubLatency(ctx, d.hub.metrics)
	if err != nil {
		d.problem("reading the hub's metrics: %v", err)
		return
	}
	r.HubP50, r.HubP99 = round(p50*1000, 2), round(p99*1000, 2)
}

// measured returns the time that the hub added to each forwarded request: what
// the sender waited, less what the receiver took.
func (d *Demo) measured() []time.Duration {
	relayed := func(e sim.Entry) bool {
		switch e.Module {
		case ocpi.Sessions, ocpi.CDRs, ocpi.Commands:
			return e.Success()
		case ocpi.Tokens:
			return e.Success() && e.Method == http.MethodPost
		}
		return false
	}
	type key struct {
		corr string
		side ocpi.Interface
	}
	var sent, got []sim.Entry
	for _, p := range d.all() {
		for _, e := range p.Journal().Entries(relayed) {
			if e.Sent && e.Attempt == 1 {
				sent = append(sent, e)
			} else if !e.Sent {
				got = append(got, e)
			}
		}
	}
	took := make(map[key]time.Duration, len(got))
	for _, e := range got {
		took[key{e.CorrelationID, e.Interface}] = e.Took
	}
	var out []time.Duration
	for _, e := range sent {
		if t, ok := took[key{e.CorrelationID, e.Interface}]; ok && e.Took > t {
			out = append(out, e.Took-t)
		}
	}
	return out
}

func (d *Demo) all() []*sim.Platform {
	var out []*sim.Platform
	for _, c := range d.cpos {
		out = append(out, c.Platform)
	}
	for _, e := range d.emsps {
		out = append(out, e.Platform)
	}
	return out
}

func percentile(list []time.Duration, p int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)-1, len(list)*p/100)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func round(x float64, places int) float64 {
	f := 1.0
	for range places {
		f *= 10
	}
	return float64(int64(x*f+0.5)) / f
}

// Err returns nil for a good result.
func (r *Result) Err() error {
	if r.OK {
		return nil
	}
	return fmt.Errorf("%d mismatches and %d failures", r.Mismatches, r.Failures)
}
