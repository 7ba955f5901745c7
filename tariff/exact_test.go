package tariff

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

// TestTextEqualsBig writes amounts of every size and compares with math/big.
func TestTextEqualsBig(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(unitDigits), nil)
	unit.Mul(unit, big.NewInt(3600))
	for range 20_000 {
		var x exact
		for i := range r.IntN(4) {
			x.mag[i] = r.Uint64() >> r.IntN(64)
		}
		if r.IntN(3) == 0 { // a round number of some unit
			x = exact{mag: [4]uint64{r.Uint64() >> (20 + r.IntN(44))}}
			x.mulPow10(unitDigits - r.IntN(12))
			x.mul(3600)
		}
		x.mag[3] >>= 8
		x.neg = r.IntN(2) == 0 && !x.isZero()
		v := new(big.Rat).SetFrac(x.big(), unit)
		for _, d := range []int{0, 2, 4, 10} {
			want := v.FloatString(d)
			if strings.Trim(want, "-0.") == "" {
				want = strings.TrimPrefix(want, "-")
			}
			if got := string(x.appendText(nil, d, d)); got != want {
				t.Fatalf("%v with %d decimals is %s, want %s", x, d, got, want)
			}
			if got := string(x.round(d, HalfAwayFromZero).appendText(nil, d, d)); got != want {
				t.Fatalf("%v rounded to %d decimals is %s, want %s", x, d, got, want)
			}
		}
	}
}

func TestRoundingModes(t *testing.T) {
	for _, c := range []struct {
		in                            string
		halfAway, halfEven, cut, away string
	}{
		{"0.005", "0.01", "0.00", "0.00", "0.01"},
		{"0.015", "0.02", "0.02", "0.01", "0.02"},
		{"0.025", "0.03", "0.02", "0.02", "0.03"},
		{"0.0250001", "0.03", "0.03", "0.02", "0.03"},
		{"-0.025", "-0.03", "-0.02", "-0.02", "-0.03"},
		{"-0.001", "0.00", "0.00", "0.00", "-0.01"},
		{"1", "1.00", "1.00", "1.00", "1.00"},
		{"1.994", "1.99", "1.99", "1.99", "2.00"},
	} {
		a, err := AmountOf(ocpi.MustNumber(c.in))
		if err != nil {
			t.Fatal(err)
		}
		for mode, want := range map[RoundingMode]string{HalfAwayFromZero: c.halfAway, HalfEven: c.halfEven, Truncate: c.cut, AwayFromZero: c.away, "": c.halfAway} {
			if got := a.Round(2, mode).Text(2); got != want {
				t.Errorf("%s %s is %s, want %s", c.in, mode, got, want)
			}
		}
	}
}

func TestAllocateSumsToTheRoundedTotal(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"0.333", "0.333", "0.334"}, []string{"0.33", "0.33", "0.34"}},
		{[]string{"1.005", "1.005"}, []string{"1.01", "1.00"}},
		{[]string{"-0.005", "-0.004", "-0.006"}, []string{"-0.01", "0.00", "-0.01"}},
		{[]string{"2"}, []string{"2.00"}},
	} {
		var parts []Amount
		for _, s := range c.in {
			a, err := AmountOf(ocpi.MustNumber(s))
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, a)
		}
		for i, a := range Allocate(parts, 2) {
			if a.Text(2) != c.want[i] {
				t.Errorf("part %d of %v is %s, want %v", i, c.in, a, c.want)
			}
		}
	}
}

// TestVolumeTextEqualsBig writes volumes of every size and compares with math/big.
func TestVolumeTextEqualsBig(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 20_000 {
		v := Volume{r.Int64() >> r.IntN(63), unit(i % 3)}
		if r.IntN(2) == 0 {
			v.n = -v.n
		}
		if i < 3 {
			v.n = math.MinInt64
		}
		per := map[unit]int64{count: 1, energy: 1e9, span: 3600}[v.unit]
		want := big.NewRat(v.n, per).FloatString(9)
		for strings.HasSuffix(want, "0") && len(want)-strings.Index(want, ".") > 5 {
			want = want[:len(want)-1]
		}
		if got := v.String(); got != want {
			t.Fatalf("%+v is %s, want %s", v, got, want)
		}
	}
}

// TestAddEqualsBig adds amounts of every size and sign, also to themselves.
func TestAddEqualsBig(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	one := func() (a Amount) {
		for i := range r.IntN(5) {
			a.x.mag[i] = pickOne(random{r}, r.Uint64(), math.MaxUint64, 0, 1)
		}
		a.known, a.x.neg = true, r.IntN(2) == 0 && !a.x.isZero()
		return a
	}
	for range 20_000 {
		a, b := one(), one()
		if r.IntN(10) == 0 {
			b = a.Neg()
		}
		want := new(big.Int).Add(a.x.big(), b.x.big())
		got := a.Add(b)
		if fits := want.BitLen() <= 256; got.Known() != fits || fits && (got.x.big().Cmp(want) != 0 || got.x.neg != (want.Sign() < 0)) {
			t.Fatalf("%v + %v is %v, want %v", a.x.big(), b.x.big(), got, want)
		}
		twice := a
		twice.add(&twice)
		if want.Add(a.x.big(), a.x.big()); twice.Known() && twice.x.big().Cmp(want) != 0 {
			t.Fatalf("twice %v is %v", a.x.big(), twice.x.big())
		}
	}
	if a := one(); a.Add(Amount{}).Known() || (Amount{}).Add(a).Known() {
		t.Error("a sum with an unknown amount is known")
	}
}
