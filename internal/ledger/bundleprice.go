package ledger

import (
	"cmp"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// tariffs checks that the tariffs are the bytes that the evidence names.
func (c *cdrCheck) tariffs() bool {
	for i := range c.cdr.Tariffs {
		t := &c.cdr.Tariffs[i]
		if !c.uses(t) {
			c.sayf(Wrong, c.part("tariff "+t.ID), "the evidence does not name this version")
			return false
		}
	}
	for _, used := range c.evidence.Report.Tariffs {
		if used.Received.IsZero() {
			c.sayf(Proven, c.part("tariff "+used.ID), "it is inside the CDR")
			continue
		}
		part := c.part("tariff " + used.ID)
		t := c.version(used)
		switch {
		case t == nil:
			c.sayf(Unchecked, part, "the version that was received at %s is not in the file, and so the price cannot be computed again", ocpi.FormatTime(used.Received))
			return false
		case used.Hash != hexDigest([]byte(t.Body)) || t.Hash != used.Hash:
			c.sayf(Wrong, part, "the digest of its bytes is not the one in the evidence")
			return false
		default:
			c.sayf(Proven, part, "these bytes were received by the hub at %s (SHA-256 %s)", ocpi.FormatTime(used.Received), used.Hash)
		}
	}
	return true
}

// version returns the tariff that the evidence names; nil when it is not there.
func (c *cdrCheck) version(used check.TariffUsed) *bundleTariff {
	for i := range c.cdr.Tariffs {
		if t := &c.cdr.Tariffs[i]; t.ID == used.ID && t.Received.Equal(used.Received) {
			return t
		}
	}
	return nil
}

func (c *cdrCheck) uses(t *bundleTariff) bool {
	for _, used := range c.evidence.Report.Tariffs {
		if t.ID == used.ID && t.Received.Equal(used.Received) {
			return true
		}
	}
	return false
}

// price computes the price again, and compares it and the verdict on the claim
// with what is stored.
func (c *cdrCheck) price() {
	part := c.part("price")
	stored := &c.evidence.Report
	if len(stored.Price) == 0 {
		c.sayf(Unchecked, part, "the hub did not compute one: %s", cmp.Or(stored.NotPriced, "no reason is given"))
		return
	}
	var zone *time.Location
	if c.cdr.Zone != "" {
		if zone = new(zoneCache).load(c.cdr.Zone); zone == nil {
			c.sayf(Unchecked, part, "it could not be computed again: the time zone %.40q is not known here", c.cdr.Zone)
			return
		}
	}
	again, err := c.priceAgain(stored.Price, zone)
	if err != nil {
		c.sayf(Wrong, part, "it cannot be computed again: %v", err)
		return
	}
	if again.Price == nil {
		c.sayf(Wrong, part, "the evidence has a price; here none can be computed: %s", again.NotPriced)
		return
	}
	price, err := json.Marshal(again.Price)
	claim, err2 := json.Marshal(again.Claim)
	if err := cmp.Or(err, err2); err != nil {
		c.sayf(Unchecked, part, "it could not be written: %v", err)
		return
	}
	words := fmt.Sprintf("%s: %s; claim: %s", again.Basis, total(price), again.Claim.Verdict)
	switch engine := gjson.GetBytes(stored.Price, "engine").Str; {
	case equalJSON(price, stored.Price) && equalJSON(claim, stored.Claim):
		c.sayf(Proven, part, "computed again from the tariff of the %s; every line is as stored", words)
	case engine != again.Price.Engine && sameTotals(price, stored.Price):
		c.sayf(Proven, part, "computed again from the tariff of the %s; the totals are as stored (by version %s of the engine, here it is %s, so the lines were not compared)", words, engine, again.Price.Engine)
	case engine != again.Price.Engine:
		c.sayf(Unchecked, part, "version %s of the engine computed %s, here version %s computes %s", engine, total(stored.Price), again.Price.Engine, total(price))
	case equalJSON(price, stored.Price):
		c.sayf(Wrong, part, "the price is as stored, the verdict on the claim is not: it should be %s", claim)
	default:
		c.sayf(Wrong, part, "computed again it is %s; stored is %s, or the lines differ", total(price), total(stored.Price))
	}
}

// priceAgain has the hub's own check price the CDR, with nothing but what is in
// the file.
func (c *cdrCheck) priceAgain(stored jsontext.Value, zone *time.Location) (check.Report, error) {
	policy, err := tariff.ParsePolicy([]byte(gjson.GetBytes(stored, "policy").Raw))
	if err != nil {
		return check.Report{}, fmt.Errorf("its policy: %w", err)
	}
	settings := check.DefaultSettings()
	if policy.Tolerance != "" {
		if settings.PriceTolerance, err = ocpi.ParseNumber(policy.Tolerance); err != nil {
			return check.Report{}, fmt.Errorf("its tolerance: %w", err)
		}
	}
	settings.Pricing = policy
	x := check.Case{Now: c.received.At, Settings: settings, Zone: zone}
	if x.CDR, err = check.Read(ocpi.Version(c.cdr.OCPI), []byte(c.cdr.Body), nil); err != nil {
		return check.Report{}, err
	}
	for i := range c.cdr.Tariffs {
		t := &c.cdr.Tariffs[i]
		v := check.TariffVersion{Received: t.Received, Hash: t.Hash}
		if v.Tariff, err = check.ReadTariff(ocpi.Version(t.OCPI), []byte(t.Body)); err != nil {
			return check.Report{}, fmt.Errorf("tariff %s: %w", t.ID, err)
		}
		x.AtStart, x.Latest = append(x.AtStart, v), append(x.Latest, v)
	}
	return check.Run(&x), nil
}

// total writes the totals of a price.
func total(price jsontext.Value) string {
	f := gjson.GetManyBytes(price, "rounded.total_excl", "rounded.total_incl", "currency")
	return fmt.Sprintf("%s before and %s after tax %s", cmp.Or(f[0].String(), "?"), cmp.Or(f[1].String(), "?"), f[2].Str)
}

func sameTotals(a, b jsontext.Value) bool {
	for _, path := range []string{"total_excl", "total_incl", "rounded"} {
		if !equalJSON([]byte(gjson.GetBytes(a, path).Raw), []byte(gjson.GetBytes(b, path).Raw)) {
			return false
		}
	}
	return true
}

// amounts writes minor units.
func amounts(net, gross int64, currency string) string {
	return fmt.Sprintf("%s before and %s after tax %s", units(net, currency), units(gross, currency), currency)
}

// rowOf is as much of a row as a journal is made of.
func rowOf(l *Leaf, cdr *check.CDR) store.LedgerCDR {
	emsp, _ := partyOf(l.EMSP)
	return store.LedgerCDR{Owner: cdr.Party, EMSP: emsp, Currency: cdr.Currency, Net: cdr.Net, Gross: cdr.Gross}
}
