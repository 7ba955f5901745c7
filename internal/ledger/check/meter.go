package check

import (
	"strings"
	"time"

	"github.com/eroam/eroam/internal/ocmf"
	"github.com/eroam/eroam/tariff"
)

// readSigned looks at signed data once, for C21, C22 and C23.
func (r *run) readSigned() {
	c := r.CDR
	if c.Signed == nil {
		return
	}
	want := ocmf.Expected{
		Tokens: known(c.Token.UID, c.Token.Contract), EVSEs: known(c.Place.EVSEID, c.Place.EVSE),
		TimeBilled: r.costs(tariff.Time) || r.costs(tariff.ParkingTime),
	}
	s := ocmf.FromOCPI(*c.Signed, r.MeterKey, want)
	r.signed, r.report.Signature = &s, s.Verification.Outcome
	if t := &s.Transaction; t.HasEnergy && !t.Resets() {
		r.report.Register = &Register{Meter: t.Meter, Energy: t.EndEnergy, At: t.End, CDR: c.ID}
	}
}

// known returns the texts that are not empty.
func known(list ...string) (out []string) {
	for _, s := range list {
		if s != "" && s != "#NA" {
			out = append(out, s)
		}
	}
	return out
}

// registerSlack is how far a register may be below the last reading, 10⁻⁹ kWh.
const registerSlack = 1_000_000

// meter is C21.
func (r *run) meter() {
	c := r.CDR
	r.readSigned()
	if r.LastMeter != "" && !strings.EqualFold(c.Meter, r.LastMeter) {
		r.found("C21", "meter_changed", "/meter_id", details{"meter_id": c.Meter, "last": r.LastMeter}, "The meter is %q; the last CDR of the EVSE had %q.", c.Meter, r.LastMeter)
		return
	}
	last := r.LastRegister
	if c.Credit || last == nil || r.report.Register == nil {
		return
	}
	if start := r.signed.Transaction.StartEnergy; start < last.Energy-registerSlack {
		r.found("C21", "register_fell", "/signed_data", details{"start": kwh(start), "last": kwh(last.Energy), "other": last.CDR},
			"The meter starts at %s; the CDR %s ended with %s at %s.", kwh(start), last.CDR, kwh(last.Energy), clock(last.At))
	}
}

// problems joins those whose code is one of codes; "" none. It leaves out what
// names the driver.
func (r *run) problems(codes ...ocmf.Code) string {
	var found []string
	for _, p := range r.signed.Problems {
		for _, c := range codes {
			if p.Code == c && len(found) < 5 {
				found = append(found, strings.TrimSuffix(p.Message, "."))
			}
		}
	}
	return strings.Join(found, "; ")
}

// signature is C22.
func (r *run) signature() {
	s := r.signed
	if s == nil {
		if !r.CDR.Credit {
			r.found("C22", "missing", "/signed_data", nil, "The CDR has no signed meter data.")
		}
		return
	}
	if p := r.problems(ocmf.EncodingUnknown, ocmf.RecordUnreadable); p != "" {
		r.found("C22", "unreadable", "/signed_data", details{"encoding": short(s.Encoding)}, "The signed data cannot be read: %s.", p)
		return
	}
	if p := r.problems(ocmf.EncodingForeign); p != "" {
		r.found("C22", "not_verified", "/signed_data", details{"encoding": short(s.Encoding)}, "The signed data cannot be verified here: %s.", p)
		return
	}
	if p := r.problems(ocmf.BeginMissing, ocmf.EndMissing, ocmf.NatureDiffers); p != "" {
		r.found("C22", "incomplete", "/signed_data/signed_values", nil, "The signed data are incomplete: %s.", p)
	}
	r.verification()
}

func (r *run) verification() {
	s := r.signed
	const at = "/signed_data"
	switch v := s.Verification; v.Outcome {
	case ocmf.Verified:
	case ocmf.Invalid:
		r.found("C22", "invalid", at, nil, "The signature is wrong: %s.", v.Reason)
		return
	case ocmf.NoKey:
		switch s.Enclosed.Outcome {
		case ocmf.Invalid:
			r.found("C22", "invalid", at, nil, "The signature is wrong even by the key that came with it: %s.", s.Enclosed.Reason)
		case ocmf.Verified:
			r.found("C22", "key_unknown", at+"/public_key", nil, "The signature fits the key that came with it, and no key is known for the EVSE.")
		default:
			r.found("C22", "not_verified", at, nil, "The signature was not verified: no key is known for the EVSE.")
		}
		return
	default:
		r.found("C22", "not_verified", at, nil, "The signature cannot be verified: %s.", v.Reason)
		return
	}
	if p := r.problems(ocmf.EnclosedKeyOther); p != "" {
		r.found("C22", "key_unknown", at+"/public_key", nil, "The signature fits the known key: %s.", p)
	}
}

// signedContent is C23.
func (r *run) signedContent() {
	c, s := r.CDR, r.signed
	if s == nil || c.Credit {
		return
	}
	if p := r.problems(contentCodes[:]...); p != "" {
		r.found("C23", "content", "/signed_data", nil, "%s.", p)
	}
	for _, p := range s.Problems {
		if p.Code == ocmf.IDDiffers || p.Code == ocmf.EVSEDiffers {
			r.found("C23", "identity_differs", "/signed_data", details{"problem": string(p.Code)}, "The token or EVSE that was signed is not that of the CDR (%s).", p.Code)
			break
		}
	}
	t := &s.Transaction
	if signed := t.EndEnergy - t.StartEnergy; t.HasEnergy && !r.energySlip && distance(signed, c.Energy) > 10_000_000 {
		r.found("C23", "energy_differs", "/total_energy", details{"total": kwh(c.Energy), "signed": kwh(signed)}, "total_energy is %s; the signed readings say %s.", kwh(c.Energy), kwh(signed))
	}
	near := max(time.Duration(r.settings.SessionSeconds)*time.Second, time.Minute)
	for _, f := range [...]struct {
		pointer      string
		cdr, reading time.Time
	}{{"/start_date_time", c.Start, t.Start}, {"/end_date_time", c.End, t.End}} {
		if !f.reading.IsZero() && !r.badTimes && !within(f.cdr, f.reading, near) {
			r.found("C23", "time_differs", f.pointer, details{"cdr": clock(f.cdr), "signed": clock(f.reading)}, "The CDR says %s; the signed reading is of %s.", clock(f.cdr), clock(f.reading))
			break
		}
	}
}

// contentCodes are what makes signed readings unfit for a bill.
var contentCodes = [...]ocmf.Code{
	ocmf.OrderWrong, ocmf.MeterDiffers, ocmf.RegisterDiffers, ocmf.PaginationWrong, ocmf.StatusBad, ocmf.ErrorFlagged, ocmf.Exception, ocmf.Suspended,
	ocmf.ClockUnfit, ocmf.TimeUnreadable, ocmf.ValueUnreadable, ocmf.ValueDecreases, ocmf.IDMissing, ocmf.LossWrong, ocmf.BeginDiffers, ocmf.EndDiffers, ocmf.PlainDiffers,
}
