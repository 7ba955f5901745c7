package simulation

import (
	"math/rand/v2"
	"time"
)

// fault is what is wrong with a receiver.
type fault int

const (
	well        fault = iota
	unavailable       // 503
	throttled         // 429 with Retry-After
	hangs             // reads requests and never answers
	garbles           // answers with something that is not OCPI
	cuts              // closes the connection instead of answering, or in the middle
	refuses           // 2001 for some objects
	slow              // answers after seconds
	away              // refuses connections
	silent            // swallows what is sent to it
)

func (f fault) String() string {
	return [...]string{"well", "503", "429", "hangs", "garbage", "cuts", "refuses", "slow", "away", "silent"}[f]
}

// total reports whether nothing gets through to a receiver with the fault.
func (f fault) total() bool { return f != well && f != refuses && f != slow }

// illness is a fault for some time.
type illness struct {
	fault fault
	from  time.Duration // since the beginning
	to    time.Duration
	// versions says that the receiver answers for its versions all the same.
	versions bool
	// empty says that it has lost everything when it is back.
	empty bool
	// late says that what it fails to answer has had its effect.
	late bool
}

// illnesses makes up what is wrong with one receiver in the course of a run. The
// pauses between them are long enough for it to get well.
func illnesses(rng *rand.Rand, length time.Duration, dayOff bool) []illness {
	var out []illness
	at := upTo(rng, 2*time.Hour)
	if dayOff {
		i := illness{fault: away, from: at / 4, empty: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			i.fault = silent
		}
		i.to = i.from + 24*time.Hour
		out, at = append(out, i), i.to+recovery
	}
	for {
		i := illness{
			fault: unavailable + fault(rng.IntN(int(silent))), from: at + time.Minute,
			versions: rng.IntN(2) == 0, late: rng.IntN(2) == 0, empty: rng.IntN(6) == 0,
		}
		i.to = i.from + time.Minute + upTo(rng, [...]time.Duration{5 * time.Minute, time.Hour, 4 * time.Hour}[rng.IntN(3)])
		if i.to > length {
			return out
		}
		out, at = append(out, i), i.to+recovery+upTo(rng, time.Hour)
	}
}

// recovery is how long it may take until everything is delivered to a receiver
// that is well again: a pause of maxBackoff, and something for the rest.
const recovery = maxBackoff + 5*time.Minute

// upTo returns a time up to d, in milliseconds.
func upTo(rng *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(d/time.Millisecond))) * time.Millisecond
}
