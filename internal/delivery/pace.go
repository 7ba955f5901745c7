package delivery

import "time"

// paceSlack is how much earlier than its turn a request may go, so that timers
// need not be exact: at high rates a few go together.
const paceSlack = 50 * time.Millisecond

// pace spreads requests evenly. The zero value is ready.
type pace struct {
	turn time.Time
	rate float64 // by which turn was set
}

// due returns when the next request may go at a rate per second: at once when
// the rate is another than before.
func (p *pace) due(rate float64) time.Time {
	if rate != p.rate {
		return time.Time{}
	}
	return p.turn.Add(-paceSlack)
}

// spend notes n requests at the time now and at a rate per second; 0 is without
// bound.
func (p *pace) spend(n int, rate float64, now time.Time) {
	if rate != p.rate {
		p.turn, p.rate = time.Time{}, rate
	}
	if rate <= 0 {
		return
	}
	if p.turn.Before(now) {
		p.turn = now
	}
	p.turn = p.turn.Add(time.Duration(float64(n) / rate * float64(time.Second)))
}
