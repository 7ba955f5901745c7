package tariff_test

import (
	"fmt"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

const exampleTariff = `{
  "country_code": "NL", "party_id": "CPO", "id": "T1", "currency": "EUR", "last_updated": "2025-01-01T00:00:00Z",
  "elements": [
    {"price_components": [{"type": "ENERGY", "price": 0.50, "vat": 21, "step_size": 1}],
     "restrictions": {"start_time": "08:00", "end_time": "20:00"}},
    {"price_components": [{"type": "ENERGY", "price": 0.30, "vat": 21, "step_size": 1}]},
    {"price_components": [{"type": "FLAT", "price": 1, "vat": 21, "step_size": 1}]}
  ]}`

const exampleCDR = `{
  "id": "CDR1", "start_date_time": "2025-01-13T18:00:00Z", "end_date_time": "2025-01-13T20:00:00Z", "currency": "EUR",
  "charging_periods": [
    {"start_date_time": "2025-01-13T18:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 10}]},
    {"start_date_time": "2025-01-13T19:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 5}]}],
  "total_cost": {"excl_vat": 7.50, "incl_vat": 9.08}}`

func exampleList() *tariff.PriceList {
	tariffs, _, err := tariff.ParseTariffs(ocpi.V221, []byte(exampleTariff))
	if err != nil {
		panic(err)
	}
	list, err := tariff.Compile(tariffs...)
	if err != nil {
		panic(err)
	}
	return list
}

// Pricing a CDR and looking at whether it claims the same.
func ExamplePriceList_Price() {
	list := exampleList()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	cdr, _, err := tariff.ParseCDR(ocpi.V221, []byte(exampleCDR), amsterdam)
	if err != nil {
		panic(err)
	}
	result, err := list.Price(&cdr.Session, tariff.Policy{})
	if err != nil {
		panic(err)
	}
	verdict, err := list.Verify(&cdr, &result)
	if err != nil {
		panic(err)
	}
	fmt.Println(result.TotalExcl, result.TotalIncl, result.Rounded.TotalIncl, result.Currency, verdict.Verdict)
	// Output: 7.5000 9.0750 9.08 EUR match
}

// Why each line costs what it costs.
func ExamplePriceList_Explain() {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	cdr, _, err := tariff.ParseCDR(ocpi.V221, []byte(exampleCDR), amsterdam)
	if err != nil {
		panic(err)
	}
	result, err := exampleList().Explain(&cdr.Session, tariff.Policy{})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Text("en"))
	// Output:
	// Total 7.50 EUR without tax, 9.08 with tax.
	// Period 1: 10.0000 kWh of energy at 0.50 EUR per kWh = 5.0000, tax 21 %. Element 1 of tariff T1 applies because its condition holds: time of day.
	// Period 1: start fee, once, 1 EUR = 1.0000, tax 21 %. Element 3 of tariff T1 applies without a condition.
	// Period 2: 5.0000 kWh of energy at 0.30 EUR per kWh = 1.5000, tax 21 %. Element 2 of tariff T1 applies without a condition. Element 1 does not: time of day.
}

// What is wrong with a tariff, with a moment that proves it.
func ExampleLintJSON() {
	findings, err := tariff.LintJSON(ocpi.V221, []byte(`{
	  "country_code": "NL", "party_id": "CPO", "id": "T1", "currency": "EUR", "last_updated": "2025-01-01T00:00:00Z",
	  "elements": [
	    {"price_components": [{"type": "ENERGY", "price": 0.50, "vat": 21, "step_size": 1}],
	     "restrictions": {"start_time": "08:00", "end_time": "20:00"}},
	    {"price_components": [{"type": "ENERGY", "price": 0.30, "vat": 21, "step_size": 1}],
	     "restrictions": {"start_time": "09:00", "end_time": "17:00"}}
	  ]}`), tariff.LintOptions{})
	if err != nil {
		panic(err)
	}
	for _, f := range findings {
		fmt.Println(f.Rule, f.Code, f.Pointer, f.Witness)
	}
	// Output:
	// L02 unreachable /elements/1/price_components/0 Monday 09:00
	// L04 dimension_not_exhaustive /elements Monday 00:00
}

// What a driver will pay, and when it is cheapest.
func ExamplePriceList_Cheapest() {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	plan := tariff.Plan{
		Arrival: time.Date(2025, 1, 13, 18, 0, 0, 0, amsterdam), Zone: amsterdam,
		Energy: 22e9, Power: 11e6, // 22 kWh at 11 kW
	}
	list := exampleList()
	now, err := list.Estimate(plan, tariff.Policy{})
	if err != nil {
		panic(err)
	}
	best, err := list.Cheapest(plan, plan.Arrival.Add(6*time.Hour), tariff.Policy{})
	if err != nil {
		panic(err)
	}
	fmt.Println(now.Result.Rounded.TotalIncl, "now,", best.Result.Rounded.TotalIncl, "from", best.Start.Format("15:04"))
	// Output: 14.52 now, 9.20 from 20:00
}
