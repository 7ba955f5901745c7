package realsessions

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is something that is wrong with a CDR, or with what its operator does.
type fault string

const (
	none          fault = ""
	again         fault = "same CDR again"
	conflict      fault = "other content, same id"
	second        fault = "second CDR of a session"
	overcharged   fault = "overcharged"
	undercharged  fault = "undercharged"
	wattHours     fault = "energy in Wh"
	totalWh       fault = "total energy in Wh"
	minutes       fault = "total time in minutes"
	credited      fault = "credited"
	corrected     fault = "credited, and billed anew"
	badCredit     fault = "credit of another amount"
	creditTwice   fault = "credited twice"
	creditUnknown fault = "credit before its original"
	creditCredit  fault = "credit of a credit"
	late          fault = "late"
	veryLate      fault = "very late"
	sessionLater  fault = "session after its CDR"
	missing       fault = "no CDR"
)

// seeds are the faults, how many of a thousand sessions have each, and what the
// ledger is to find in the CDR that has it.
var seeds = []struct {
	fault    fault
	permille int
	found    []string
}{
	{again, 20, nil}, {conflict, 10, nil},
	{second, 10, []string{"C04 hold second_for_session"}},
	{overcharged, 10, []string{"C14 warn cost_above_session", "C18 hold overcharged"}},
	{undercharged, 5, []string{"C18 info undercharged"}},
	{wattHours, 4, []string{"C11 hold energy_unit"}},
	{totalWh, 4, []string{"C11 hold energy_unit"}},
	{minutes, 4, []string{"C11 hold time_unit"}},
	{credited, 10, nil}, {corrected, 5, nil}, {badCredit, 4, nil}, {creditTwice, 4, nil}, {creditUnknown, 4, nil}, {creditCredit, 4, nil},
	{late, 5, []string{"C24 warn late"}},
	{veryLate, 5, []string{"C24 hold very_late"}},
	{sessionLater, 5, []string{"C14 warn session_unknown"}},
	{missing, 10, nil},
}

// The agreements call a CDR late after lateDays, and hold it after holdDays: the
// sessions are of more than a year. Those that are late took place before all
// others, over some weeks.
const (
	lateDays, holdDays       = 450, 600
	lateAfter, veryLateAfter = 500, 700
	spread                   = 50
	fewest                   = 3 // sessions with each fault
	more                     = 5 // cents by which an overcharge is too much, at least
)

// seed gives some charges faults, each one at most. Faults of amounts and units
// need something to be wrong about.
func seed(all []*charge, rnd *rand.Rand) map[fault][]*charge {
	out := map[fault][]*charge{}
	free := slices.Clone(all)
	rnd.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for _, s := range seeds {
		want := max(fewest, len(all)*s.permille/1000)
		free = slices.DeleteFunc(free, func(c *charge) bool {
			if len(out[s.fault]) >= want || !c.fits(s.fault) {
				return false
			}
			c.fault = s.fault
			out[s.fault] = append(out[s.fault], c)
			return true
		})
	}
	return out
}

// fits reports whether a fault shows in the CDR of the session.
func (c *charge) fits(f fault) bool {
	switch f {
	case overcharged, undercharged:
		return amount(c.cdr["total_cost"], "excl_vat").Cmp(big.NewRat(1, 2)) > 0
	case badCredit, creditTwice, credited, corrected, creditCredit:
		return c.energy > 1e9
	case wattHours: // far more than the connector can give in the time
		return c.energy > 1e9 && c.energy/3600*50 > c.evse.watts*int64(c.until.Sub(c.start)/time.Second)/3600*1e6/3600*2
	}
	return true
}

// alter puts the fault into the CDR.
func (c *charge) alter() {
	switch c.fault {
	case overcharged:
		c.scale(big.NewRat(6, 5), big.NewRat(more, 100))
	case undercharged:
		c.scale(big.NewRat(4, 5), new(big.Rat))
	case wattHours:
		c.cdr["total_energy"] = thousandfold(c.cdr["total_energy"])
		for _, p := range c.cdr["charging_periods"].([]any) {
			for _, d := range p.(map[string]any)["dimensions"].([]any) {
				if d := d.(map[string]any); d["type"] == "ENERGY" {
					d["volume"] = thousandfold(d["volume"])
				}
			}
		}
	case totalWh:
		c.cdr["total_energy"] = thousandfold(c.cdr["total_energy"])
	case minutes:
		r, _ := new(big.Rat).SetString(string(c.cdr["total_time"].(json.Number)))
		c.cdr["total_time"] = json.Number(r.Mul(r, big.NewRat(60, 1)).FloatString(4))
	}
}

func thousandfold(v any) json.Number {
	r, _ := new(big.Rat).SetString(string(v.(json.Number)))
	return json.Number(r.Mul(r, big.NewRat(1000, 1)).FloatString(4))
}

// scale changes the total and, by as much, its greatest part; the tax stays in
// proportion.
func (c *charge) scale(by, plus *big.Rat) {
	total := c.cdr["total_cost"]
	excl, incl := amount(total, "excl_vat"), amount(total, "incl_vat")
	now := new(big.Rat).Add(new(big.Rat).Mul(excl, by), plus)
	added := new(big.Rat).Sub(now, excl)
	set := func(name string, excl, incl *big.Rat) {
		v := map[string]any{"excl_vat": json.Number(excl.FloatString(c.operator.decimals))}
		if incl != nil {
			v["incl_vat"] = json.Number(incl.FloatString(c.operator.decimals))
		}
		c.cdr[name] = v
	}
	if incl != nil && excl.Sign() > 0 {
		rate := new(big.Rat).Quo(incl, excl)
		incl = new(big.Rat).Mul(now, rate)
	}
	set("total_cost", now, incl)
	most, name := new(big.Rat), ""
	for _, part := range []string{"total_energy_cost", "total_time_cost", "total_parking_cost", "total_fixed_cost"} {
		if a := amount(c.cdr[part], "excl_vat"); a != nil && a.Cmp(most) >= 0 {
			most, name = a, part
		}
	}
	if name != "" {
		excl, incl := amount(c.cdr[name], "excl_vat"), amount(c.cdr[name], "incl_vat")
		if incl != nil && excl.Sign() > 0 {
			incl = new(big.Rat).Mul(new(big.Rat).Add(excl, added), new(big.Rat).Quo(incl, excl))
		}
		set(name, new(big.Rat).Add(excl, added), incl)
	}
}

// creditOf takes a CDR back.
func creditOf(cdr map[string]any, id string) map[string]any {
	v := copied(cdr)
	v["credit_reference_id"], v["id"], v["credit"] = cdr["id"], id, true
	total := v["total_cost"].(map[string]any)
	for name, n := range total {
		total[name] = negated(string(n.(json.Number)))
	}
	return v
}

func negated(s string) json.Number {
	if strings.Trim(s, "0.") == "" {
		return json.Number(s)
	}
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return json.Number(rest)
	}
	return json.Number("-" + s)
}

// plus returns a CDR with a total that is some cents more.
func plus(cdr map[string]any, n int64) map[string]any {
	v := copied(cdr)
	total := v["total_cost"].(map[string]any)
	for name := range total {
		r := amount(total, name)
		total[name] = json.Number(r.Add(r, big.NewRat(n, 100)).FloatString(4))
	}
	return v
}
