package check

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/ocpi/v230"
	"github.com/eroam/eroam/tariff"
)

// maxOthers bounds the CDRs and authorisations that are looked at.
const maxOthers = 1_000

// schema is C01.
func (r *run) schema() {
	err := v221.CheckValid(ocpi.CDRs, 0, r.CDR.Body) // Read has seen that it is JSON
	if r.CDR.Version == ocpi.V230 {
		err = v230.CheckValid(ocpi.CDRs, 0, r.CDR.Body)
	}
	e, ok := errors.AsType[*ocpi.Error](err)
	if !ok {
		return
	}
	field, _, _ := strings.Cut(e.Message, ": ")
	pointer := "/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(field)
	r.found("C01", "schema", pointer, details{"field": field}, "%s", e.Message)
}

// parties is C02.
func (r *run) parties() {
	c, a := r.CDR, r.Agreement
	if !r.Sender.IsZero() && c.Party != r.Sender {
		r.found("C02", "foreign_party", "/party_id", details{"sender": r.Sender.String(), "party": c.Party.String()},
			"%s sent a CDR of %s.", r.Sender, c.Party)
	}
	if !r.Receiver.IsZero() && c.Token.Party != r.Receiver {
		r.found("C02", "wrong_receiver", "/cdr_token/party_id", details{"receiver": r.Receiver.String(), "token": c.Token.Party.String()},
			"The CDR goes to %s, and its token is of %s.", r.Receiver, c.Token.Party)
	}
	switch {
	case a == nil:
		r.found("C02", "no_agreement", "", nil, "%s and %s have no agreement.", c.Party, c.Token.Party)
	case c.Start.Before(a.From), !a.Until.IsZero() && !c.Start.Before(a.Until):
		r.found("C02", "no_agreement", "/start_date_time", details{"start": clock(c.Start)},
			"The agreement of %s and %s does not cover %s.", c.Party, c.Token.Party, clock(c.Start))
	}
}

// sameID is C03.
func (r *run) sameID() {
	if r.Stored != nil && !bytes.Equal(r.Stored, r.CDR.Digest[:]) {
		r.found("C03", "other_content", "/id", nil, "Another CDR is stored as %s of %s. A CDR cannot be changed: send a credit and a new one.", r.CDR.ID, r.CDR.Party)
	}
}

// rivals returns the other CDRs, as many as are looked at, that are not credits,
// not credited, and not this one.
func (r *run) rivals(each func(*Other) (more bool)) {
	for i := range r.Others[:min(len(r.Others), maxOthers)] {
		o := &r.Others[i]
		if o.Credit || o.Credited || o.Party == r.CDR.Party && ocpi.FoldID(o.ID) == r.CDR.Key {
			continue
		}
		if !each(o) {
			return
		}
	}
}

// sameSession is C04.
func (r *run) sameSession() {
	c := r.CDR
	if c.Credit {
		return
	}
	var session, overlap *Other
	r.rivals(func(o *Other) bool {
		switch {
		case o.Party != c.Party:
		case o.Session != "" && o.Session == c.SessionID:
			session = o
		case o.Token == c.Token.Key && o.EVSE == c.Place.EVSEKey && !unknownEVSE(o.EVSE) && !r.badTimes && o.Start.Before(c.End) && c.Start.Before(o.End):
			overlap = o
		}
		return session == nil
	})
	switch {
	case session != nil:
		r.found("C04", "second_for_session", "/session_id", details{"other": session.ID, "session": c.Session, "other_gross": costOf(session)},
			"Session %s has the CDR %s already, of %s.", c.Session, session.ID, costOf(session))
	case overlap != nil:
		r.found("C04", "overlapping", "/start_date_time", details{"other": overlap.ID, "other_start": clock(overlap.Start), "other_end": clock(overlap.End)},
			"The CDR %s has the same EVSE and token from %s to %s.", overlap.ID, clock(overlap.Start), clock(overlap.End))
	}
}

// costOf writes what another CDR costs.
func costOf(o *Other) string {
	return minorText(o.Gross, tariff.CurrencyDecimals(o.Currency)) + " " + o.Currency
}

func unknownEVSE(key string) bool { return key == "" || key == "#na" }

// credit is C05.
func (r *run) credit() {
	c, o := r.CDR, r.Original
	switch {
	case c.Credit && c.CreditOf == "":
		r.found("C05", "reference_missing", "/credit_reference_id", nil, "A credit must name the CDR that it takes back.")
		return
	case !c.Credit && c.CreditOf != "":
		r.found("C05", "reference_without_credit", "/credit", nil, "credit_reference_id is given, and the CDR is not a credit.")
		return
	case !c.Credit:
		return
	case o == nil:
		r.found("C05", "original_unknown", "/credit_reference_id", nil, "%s has no CDR %s.", c.Party, c.CreditOf)
		return
	case o.Credit:
		r.found("C05", "credit_of_credit", "/credit_reference_id", nil, "%s is a credit itself.", c.CreditOf)
		return
	case o.Credited != "" && ocpi.FoldID(o.Credited) != c.Key:
		r.found("C05", "already_credited", "/credit_reference_id", details{"credit": o.Credited}, "%s has been credited by %s.", c.CreditOf, o.Credited)
		return
	}
	if o.CPO != c.Party || o.EMSP != c.Token.Party {
		r.found("C05", "other_parties", "/cdr_token/party_id", details{"cpo": o.CPO.String(), "emsp": o.EMSP.String()},
			"%s is between %s and %s.", c.CreditOf, o.CPO, o.EMSP)
		return
	}
	if !strings.EqualFold(o.Currency, c.Currency) {
		r.found("C05", "other_currency", "/currency", details{"currency": o.Currency}, "%s is in %s.", c.CreditOf, o.Currency)
		return
	}
	r.negation(o)
}

// negation compares a credit with what it takes back.
func (r *run) negation(o *Original) {
	c := r.CDR
	first, err := Read(o.Version, o.Body, r.Zone)
	exact := err != nil || sameAmounts(c, first)
	if c.Net != -o.Net || c.Gross != -o.Gross || !exact {
		r.found("C05", "not_the_negation", "/total_cost", details{"net": r.money(c.Net), "gross": r.money(c.Gross), "original_net": r.money(o.Net), "original_gross": r.money(o.Gross)},
			"The credit is of %s (%s with tax); %s is of %s (%s with tax), and a credit takes back all of it.",
			r.money(c.Net), r.money(c.Gross), c.CreditOf, r.money(o.Net), r.money(o.Gross))
	}
	if err != nil {
		return
	}
	if fields := otherFacts(c, first); len(fields) > 0 {
		r.found("C05", "other_facts", "/"+fields[0], details{"fields": strings.Join(fields, " ")}, "The credit differs from %s in %s.", c.CreditOf, strings.Join(fields, ", "))
	} else if fields := otherFields(c.Body, first.Body); c.Version == o.Version && len(fields) > 0 {
		r.found("C05", "other_fields", "/"+fields[0], details{"fields": strings.Join(fields, " ")}, "The credit differs from %s in %s.", c.CreditOf, strings.Join(fields, ", "))
	}
}

// sameAmounts reports whether the totals, as they are written, cancel out.
func sameAmounts(credit, first *CDR) bool {
	a, b := credit.Tariff.Claim.Total, first.Tariff.Claim.Total
	if !a.Excl.Known() || !b.Excl.Known() { // times that nothing can be priced from
		return true
	}
	return a.Incl.Known() == b.Incl.Known() && a.Excl.Add(b.Excl).IsZero() && (!a.Incl.Known() || a.Incl.Add(b.Incl).IsZero())
}

// otherFacts names fields that decide what is paid for.
func otherFacts(a, b *CDR) (fields []string) {
	differs := func(field string, is bool) {
		if is {
			fields = append(fields, field)
		}
	}
	differs("session_id", a.SessionID != b.SessionID)
	differs("cdr_token", a.Token.Key != b.Token.Key)
	differs("start_date_time", !a.Start.Equal(b.Start))
	differs("end_date_time", !a.End.Equal(b.End))
	differs("cdr_location", a.Place.EVSEKey != b.Place.EVSEKey)
	differs("total_energy", a.Energy != b.Energy)
	return fields
}

// otherFields names fields of two objects that differ, besides those in which a
// credit is to differ. Both must be of one version.
func otherFields(a, b []byte) []string {
	var first, second map[string]jsontext.Value
	if json.Unmarshal(a, &first) != nil || json.Unmarshal(b, &second) != nil {
		return nil
	}
	var fields []string
	for name, value := range first {
		switch name {
		case "id", "credit", "credit_reference_id", "total_cost", "last_updated", "remark", "invoice_reference_id":
			continue
		}
		if other, there := second[name]; !there || !sameValue(value, other) {
			fields = append(fields, name)
		}
	}
	for name := range second {
		if _, there := first[name]; !there && name != "remark" && name != "invoice_reference_id" {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return fields[:min(len(fields), 20)]
}

// sameValue compares JSON values without regard to white space, the order of
// members and the spelling of strings; numbers by their spelling.
func sameValue(a, b jsontext.Value) bool {
	if bytes.Equal(a, b) {
		return true
	}
	one := func(v jsontext.Value) jsontext.Value {
		v = v.Clone()
		if v.Format(jsontext.ReorderRawObjects(true), jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false), jsontext.PreserveRawStrings(false)) != nil {
			return nil
		}
		return v
	}
	x := one(a)
	return x != nil && bytes.Equal(x, one(b))
}

// currency is C06.
func (r *run) currency() {
	c := r.CDR
	if !strings.Contains(currencies, " "+c.Currency+" ") {
		r.badCurrency = true
		r.found("C06", "not_a_currency", "/currency", nil, "%q is not a currency of ISO 4217.", c.Currency)
		return
	}
	for i := range c.Tariff.Tariffs {
		if t := &c.Tariff.Tariffs[i]; t.Currency != c.Currency {
			r.badCurrency = true
			r.found("C06", "tariff_currency", "/tariffs", details{"tariff": t.ID, "currency": t.Currency}, "The CDR is in %s, and its tariff %s in %s.", c.Currency, t.ID, t.Currency)
			break
		}
	}
	for i := range r.AtStart {
		if t := &r.AtStart[i].Tariff; !r.AtStart[i].Deleted && !r.badCurrency && t.Currency != c.Currency {
			r.badCurrency = true
			r.found("C06", "tariff_currency", "/currency", details{"tariff": t.ID, "currency": t.Currency}, "The CDR is in %s, and the tariff %s of %s in %s.", c.Currency, t.ID, c.Party, t.Currency)
		}
	}
	if a := r.Agreement; a != nil && a.Currency != "" && !strings.EqualFold(a.Currency, c.Currency) {
		r.found("C06", "agreement_currency", "/currency", details{"currency": a.Currency}, "The CDR is in %s, and the agreement in %s.", c.Currency, a.Currency)
	}
}

// currencies are the codes of ISO 4217 that money can be in.
const currencies = ` AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG `
