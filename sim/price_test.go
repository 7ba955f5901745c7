package sim

import (
	"testing"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"
)

func d(s string) decimal.Decimal { return decimal.MustParse(s) }

// The examples of OCPI 2.2.1 §11.4.2 (step_size), §11.3.1 (complex tariff) and
// §10.3.1 (step_size of time and parking).
func TestPriceFollowsTheExamplesOfTheSpecification(t *testing.T) {
	tests := []struct {
		name       string
		components []Component
		tax        string
		usage      Usage
		net, gross string
	}{
		{"115.2 Wh, step 1", []Component{{Energy, d("0.25"), 1}}, "0", Usage{Energy: d("0.116")}, "0.029", "0.029"},
		{"115.2 Wh, step 25", []Component{{Energy, d("0.25"), 25}}, "0", Usage{Energy: d("0.1152")}, "0.0312", "0.0312"},
		{"115.2 Wh, step 500", []Component{{Energy, d("0.25"), 500}}, "0", Usage{Energy: d("0.1152")}, "0.125", "0.125"},
		{"5.4 kWh, step 500", []Component{{Energy, d("0.20"), 500}}, "0", Usage{Energy: d("5.4")}, "1.1", "1.1"},
		{"a multiple of the step stays", []Component{{Energy, d("1"), 500}}, "0", Usage{Energy: d("5.5")}, "5.5", "5.5"},
		{"6 minutes in steps of 5", []Component{{Time, d("6"), 300}}, "0", Usage{Charging: d("0.1")}, "1", "1"},
		{
			"charging is not rounded before parking", []Component{{Time, d("1.00"), 600}, {ParkingTime, d("2.00"), 600}}, "0",
			Usage{Charging: d("0.35"), Parking: d("0.26")}, "1.0167", "1.0167", // 21 min, and 15.6 min as 20
		},
		{
			"charging is rounded where parking costs nothing", []Component{{Time, d("1.00"), 600}}, "0",
			Usage{Charging: d("0.35"), Parking: d("0.26")}, "0.5", "0.5",
		},
		{
			"flat, time and parking with tax", []Component{{Flat, d("2.50"), 1}, {Time, d("1.25"), 900}, {ParkingTime, d("6.00"), 300}}, "15",
			Usage{Charging: d("1.9"), Parking: d("1.19")}, "12.375", "14.2312", // 114 min; 71.4 min as 75
		},
		{"free", []Component{{Flat, d("0"), 1}}, "0", Usage{Energy: d("20")}, "0", "0"},
		{"no components", nil, "0", Usage{Energy: d("20")}, "0", "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Price(Tariff{Components: tt.components, TaxPercent: d(tt.tax)}, tt.usage)
			if err != nil {
				t.Fatal(err)
			}
			if c.Total.Net.Cmp(d(tt.net)) != 0 || c.Total.Gross.Cmp(d(tt.gross)) != 0 {
				t.Errorf("got %s (%s with tax), want %s (%s)", c.Total.Net, c.Total.Gross, tt.net, tt.gross)
			}
		})
	}
}

// The parts make up the total, and more usage never costs less.
func TestPriceIsTheSumOfItsPartsAndGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dec := func(name string, scale int) decimal.Decimal {
			return decimal.MustNew(rapid.Int64Range(0, 500_000).Draw(t, name), scale)
		}
		tariff := Tariff{TaxPercent: dec("tax", 4)}
		for _, dim := range []Dimension{Energy, Time, ParkingTime, Flat} {
			if rapid.Bool().Draw(t, string(dim)) {
				tariff.Components = append(tariff.Components, Component{dim, dec("price", 4), rapid.IntRange(0, 2000).Draw(t, "step")})
			}
		}
		u := Usage{Energy: dec("kwh", 3), Charging: dec("charging", 4), Parking: dec("parking", 4)}
		c, err := Price(tariff, u)
		if err != nil {
			t.Fatal(err)
		}
		net := decimal.Zero
		for _, a := range []Amount{c.Energy, c.Time, c.Parking, c.Flat} {
			net = sum(net, a.Net)
		}
		if net.Cmp(c.Total.Net) != 0 {
			t.Fatalf("parts make %s, total is %s", net, c.Total.Net)
		}
		if c.Total.Gross.Cmp(c.Total.Net) < 0 {
			t.Fatalf("%s with tax is less than %s", c.Total.Gross, c.Total.Net)
		}
		more := u
		more.Energy = sum(u.Energy, dec("more", 3))
		c2, err := Price(tariff, more)
		if err != nil {
			t.Fatal(err)
		}
		if c2.Total.Net.Cmp(c.Total.Net) < 0 {
			t.Fatalf("more energy costs less: %s, %s", c2.Total.Net, c.Total.Net)
		}
	})
}
