package tariff

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestStateEqualsTime compares clock and calendar with package time, in all zones
// and centuries.
func TestStateEqualsTime(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 20_000 {
		at := time.Unix(r.Int64N(8e9)-4e9, r.Int64N(1e9)).In(zones[r.IntN(len(zones))])
		if r.IntN(4) == 0 { // about midnight
			y, m, d := at.Date()
			at = time.Date(y, m, d, 0, 0, r.IntN(3)-1, 0, at.Location())
		}
		var s state
		s.at(at)
		y, m, d := at.Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(time.Unix(0, 0)) / (24 * time.Hour)
		if s.minute != at.Hour()*60+at.Minute() || s.weekday != 1<<at.Weekday() || s.day != int(day) {
			t.Fatalf("%v is %+v", at, s)
		}
	}
}
