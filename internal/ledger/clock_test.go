package ledger

import "time"

// SetClock is for what tests want to have happened before.
func (l *Ledger) SetClock(now func() time.Time) { l.now = now }
