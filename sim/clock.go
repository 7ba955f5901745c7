package sim

import (
	"context"
	"time"
)

// Clock is the time of a simulation. It can run faster than real time, from a
// start in the past, and never passes the present: partners refuse objects that
// were changed in the future. The nil Clock is real time.
//
// Waiting is scaled and not tied to what Now returns, so that a simulation that
// has reached the present still makes progress.
type Clock struct {
	start, real time.Time
	factor      float64
}

// NewClock returns a clock that stands at start now and runs factor times as
// fast as real time. A factor below 1 counts as 1.
func NewClock(start time.Time, factor float64) *Clock {
	return &Clock{start: start, real: time.Now(), factor: max(1, factor)}
}

// Now returns the simulated time in UTC, in whole milliseconds as OCPI carries
// them.
func (c *Clock) Now() time.Time {
	now := time.Now()
	if c == nil {
		return now.UTC().Truncate(time.Millisecond)
	}
	t := c.start.Add(time.Duration(float64(now.Sub(c.real)) * c.factor))
	if t.After(now) {
		t = now
	}
	return t.UTC().Truncate(time.Millisecond)
}

// Real returns how long d of simulated time takes.
func (c *Clock) Real(d time.Duration) time.Duration {
	if c == nil {
		return d
	}
	return time.Duration(float64(d) / c.factor)
}

// Sleep waits for d of simulated time. The error is that of ctx.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	return sleep(ctx, c.Real(d))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// after returns now, or the millisecond after last where now is not later:
// last_updated of an object must grow with each change.
func (c *Clock) after(last time.Time) time.Time {
	if now := c.Now(); now.After(last) {
		return now
	}
	return last.Add(time.Millisecond)
}
