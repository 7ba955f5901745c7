package sim_test

import (
	"context"
	"fmt"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// An operator and a provider that are connected without a hub: a driver charges,
// and the provider gets the bill.
func Example() {
	ctx := context.Background()
	// Two days in a blink, ending before now.
	clock := sim.NewClock(time.Now().Add(-48*time.Hour), 100_000)

	cpo, err := sim.NewCPO(sim.CPOConfig{
		Config: sim.Config{Clock: clock, Seed: 1},
		Operators: []sim.Operator{{
			Party: ocpi.PartyID{CountryCode: "US", ID: "BLK"}, Name: "Blink Network",
			Tariffs: []sim.Tariff{{ID: "AC", Currency: "USD", Updated: clock.Now(), Components: []sim.Component{
				{Dimension: sim.Energy, Price: decimal.MustParse("0.49"), StepSize: 1},
			}}},
			Sites: []sim.Site{{
				ID: "L1", Name: "City Hall", Address: "600 4th Ave", City: "Seattle", Country: "USA",
				Lat: 47.6038, Lon: -122.3300, TimeZone: "America/Los_Angeles", Public: true, Updated: clock.Now(),
				EVSEs: []sim.EVSE{{UID: "L1-1", EVSEID: "US*BLK*EL1*1", Status: sim.Available, RFID: true, Updated: clock.Now(), Connectors: []sim.Connector{
					{ID: "1", Plug: sim.PlugJ1772, Volts: 240, Amps: 32, Watts: 7680, TariffID: "AC", Updated: clock.Now()},
				}}},
			}},
		}},
	})
	if err != nil {
		panic(err)
	}
	defer cpo.Close()
	emsp, err := sim.NewEMSP(sim.EMSPConfig{
		Config: sim.Config{Clock: clock}, Party: ocpi.PartyID{CountryCode: "US", ID: "EGM"}, Title: "Evergreen Mobility",
		Tokens: []sim.Token{{UID: "04A1B2C3", Type: "RFID", ContractID: "US-EGM-C00000001", Valid: true}},
	})
	if err != nil {
		panic(err)
	}
	defer emsp.Close()

	emsp.Expect("token-a")
	if err := cpo.Register(ctx, emsp.VersionsURL(), "token-a"); err != nil {
		panic(err)
	}
	if err := cpo.Publish(ctx, nil); err != nil {
		panic(err)
	}
	at := sim.Place{Operator: ocpi.PartyID{CountryCode: "US", ID: "BLK"}, Location: "L1", EVSE: "L1-1"}
	out, err := cpo.Tap(ctx, at, "04A1B2C3")
	if err != nil {
		panic(err)
	}
	if err := cpo.Wait(ctx); err != nil {
		panic(err)
	}
	fmt.Println(out.Allowed)
	for _, c := range emsp.CDRs() {
		fmt.Println(c.Usage.Energy, "kWh", c.Cost.Total.Gross, c.Currency)
	}
	fmt.Println(len(emsp.Mismatches()), "mismatches")
	// Output:
	// ALLOWED
	// 30.08 kWh 14.7392 USD
	// 0 mismatches
}
