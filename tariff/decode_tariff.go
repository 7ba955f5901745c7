package tariff

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

// reader turns wire types into the model and notes findings.
type reader struct {
	version  ocpi.Version
	findings []Finding
	// lenient notes what is missing instead of giving up.
	lenient bool
}

func (r *reader) note(code string, s Severity, pointer, format string, args ...any) {
	r.findings = append(r.findings, Finding{Code: code, Rule: "L01", Severity: s, Pointer: pointer, Message: fmt.Sprintf(format, args...)})
}

// wrong says that a value cannot be meant: a finding where r is lenient, else an
// error. The caller goes on with another value.
func (r *reader) wrong(e *Error) error {
	if !r.lenient {
		return e
	}
	r.note("invalid_value", SeverityError, e.Pointer, "%s", e.Message)
	return nil
}

func bad(pointer, format string, args ...any) *Error {
	return &Error{Code: "field", Pointer: pointer, Message: fmt.Sprintf(format, args...)}
}

// absent says that a required field is missing: a finding where r is lenient, else
// an error.
func (r *reader) absent(pointer, problem string) error {
	if !r.lenient {
		return bad(pointer, "%s", problem)
	}
	r.note("missing_required", SeverityError, pointer, "%s", problem)
	return nil
}

// unknown reports the members of an object that no field took.
func (r *reader) unknown(v jsontext.Value, pointer string) {
	if len(v) <= 2 {
		return
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := d.ReadToken(); err != nil {
		return
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return
		}
		at := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name.String())
		r.note("unknown_field", SeverityWarning, at, "%q is not a field of OCPI %s and has no effect", name.String(), r.version)
		if d.SkipValue() != nil {
			return
		}
	}
}

func (r *reader) tariffs(list []wireTariff, pointer string) ([]Tariff, error) {
	if len(list) > maxTariffs {
		return nil, &Error{Code: "too_large", Pointer: pointer, Message: fmt.Sprintf("has more than %d tariffs", maxTariffs)}
	}
	out := make([]Tariff, 0, len(list))
	for i := range list {
		t, err := r.tariff(&list[i], pointer+"/"+strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (r *reader) tariff(w *wireTariff, pointer string) (t Tariff, err error) {
	if w.ID == "" {
		if err := r.absent(pointer+"/id", "is missing"); err != nil {
			return t, err
		}
	}
	t = Tariff{CountryCode: w.CountryCode, PartyID: w.PartyID, ID: w.ID, Currency: strings.ToUpper(w.Currency), Type: w.Type}
	switch {
	case t.Currency == "":
		if err := r.absent(pointer+"/currency", "is missing"); err != nil {
			return t, err
		}
	case len(t.Currency) != 3 || strings.Trim(t.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		if err := r.wrong(bad(pointer+"/currency", "must be three letters")); err != nil {
			return t, err
		}
		t.Currency = ""
	case t.Currency != w.Currency:
		r.note("currency_case", SeverityWarning, pointer+"/currency", "ISO 4217 codes are written in upper case")
	}
	for _, a := range w.AltText {
		t.AltText = append(t.AltText, a.Text)
	}
	if t.Tax, err = r.tax(w.TaxIncluded, pointer); err != nil {
		return t, err
	}
	if t.MinPrice, err = r.limit(w.MinPrice, pointer+"/min_price"); err != nil {
		return t, err
	}
	if t.MaxPrice, err = r.limit(w.MaxPrice, pointer+"/max_price"); err != nil {
		return t, err
	}
	for _, f := range []struct {
		text string
		into *time.Time
		name string
	}{{w.StartDateTime, &t.Start, "start_date_time"}, {w.EndDateTime, &t.End, "end_date_time"}, {w.LastUpdated, &t.LastUpdated, "last_updated"}} {
		if f.text == "" {
			continue
		}
		if *f.into, err = ocpi.ParseTime(f.text); err != nil {
			if err := r.wrong(bad(pointer+"/"+f.name, "%v", err)); err != nil {
				return t, err
			}
		}
	}
	if len(w.Elements) == 0 {
		if err := r.absent(pointer+"/elements", "must have at least one element"); err != nil {
			return t, err
		}
	}
	if len(w.Elements) > maxElements {
		return t, &Error{Code: "too_large", Pointer: pointer + "/elements", Message: fmt.Sprintf("has more than %d elements", maxElements)}
	}
	t.Elements = make([]Element, len(w.Elements))
	for i := range w.Elements {
		if t.Elements[i], err = r.element(&w.Elements[i], pointer+"/elements/"+strconv.Itoa(i)); err != nil {
			return t, err
		}
	}
	r.unknown(w.Unknown, pointer)
	return t, nil
}

func (r *reader) tax(included, pointer string) (Tax, error) {
	switch {
	case r.version == v211:
		return TaxAddedOutside, nil
	case r.version != ocpi.V230:
		if included != "" {
			r.note("unknown_field", SeverityWarning, pointer+"/tax_included", "%q is not a field of OCPI %s and has no effect", "tax_included", r.version)
		}
		return TaxExcluded, nil
	}
	switch included {
	case "YES":
		return TaxIncluded, nil
	case "NO":
		return TaxAddedOutside, nil
	case "N/A":
		return TaxNotApplicable, nil
	case "":
		r.note("missing_required", SeverityWarning, pointer+"/tax_included", "is missing; read as NO")
		return TaxAddedOutside, nil
	}
	return TaxAddedOutside, r.wrong(bad(pointer+"/tax_included", "must be YES, NO or N/A"))
}

func (r *reader) limit(w *wirePrice, pointer string) (*Limit, error) {
	if w == nil {
		return nil, nil
	}
	l := &Limit{Before: w.ExclVAT.number(), After: w.InclVAT.number()}
	if w.BeforeTaxes.isSet() {
		l.Before, l.After = w.BeforeTaxes.number(), w.AfterTaxes.number()
	}
	if !l.Before.IsSet() {
		return nil, r.wrong(bad(pointer, "has no amount before tax"))
	}
	r.unknown(w.Unknown, pointer)
	return l, nil
}

func (r *reader) element(w *wireElement, pointer string) (e Element, err error) {
	if len(w.Components) == 0 {
		if err := r.absent(pointer+"/price_components", "must have at least one component"); err != nil {
			return e, err
		}
	}
	if len(w.Components) > maxComponents {
		return e, &Error{Code: "too_large", Pointer: pointer + "/price_components", Message: fmt.Sprintf("has more than %d components", maxComponents)}
	}
	e.Components = make([]Component, len(w.Components))
	for i := range w.Components {
		if e.Components[i], err = r.component(&w.Components[i], pointer+"/price_components/"+strconv.Itoa(i)); err != nil {
			return e, err
		}
	}
	r.unknown(w.Unknown, pointer)
	if len(w.Restrictions) == 0 || w.Restrictions.Kind() == 'n' {
		return e, nil
	}
	pointer += "/restrictions"
	var wr wireRestrictions
	if w.Restrictions.Kind() == '[' && len(bytes.TrimSpace(w.Restrictions[1:len(w.Restrictions)-1])) == 0 {
		e.Restrictions = &Restrictions{} // some languages write an empty object so
		return e, nil
	}
	if err := unmarshal(w.Restrictions, &wr); err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			e.Pointer, e.Code = pointer+e.Pointer, "field"
		}
		return e, err
	}
	r.unknown(wr.Unknown, pointer)
	if wr.Booking != "" && r.version != ocpi.V230 {
		r.note("unknown_field", SeverityWarning, pointer+"/booking", "%q is not a field of OCPI %s; it is obeyed all the same", "booking", r.version)
	}
	e.Restrictions, err = r.restrictions(&wr, pointer)
	return e, err
}

func (r *reader) component(w *wireComponent, pointer string) (c Component, err error) {
	c = Component{Type: Dimension(w.Type), Price: w.Price.number(), VAT: w.VAT.number()}
	switch c.Type {
	case Energy, Time, ParkingTime, Flat:
	case "":
		if err := r.absent(pointer+"/type", "is missing"); err != nil {
			return c, err
		}
	default:
		if err := r.wrong(bad(pointer+"/type", "must be ENERGY, FLAT, PARKING_TIME or TIME")); err != nil {
			return c, err
		}
	}
	if !c.Price.IsSet() {
		if err := r.absent(pointer+"/price", "is missing"); err != nil {
			return c, err
		}
	}
	if w.Price.quoted && r.version != v211 {
		r.note("number_as_string", SeverityWarning, pointer+"/price", "is a string; OCPI %s wants a number", r.version)
	}
	if w.StepSize.isSet() {
		if c.StepSize, err = whole(w.StepSize.String()); err != nil || c.StepSize < 0 || c.StepSize > maxStep {
			c.StepSize = 0
			if err := r.wrong(bad(pointer+"/step_size", "must be a whole number, not negative and not huge")); err != nil {
				return c, err
			}
		}
	} else {
		r.note("missing_required", SeverityWarning, pointer+"/step_size", "is missing; nothing is rounded")
	}
	r.unknown(w.Unknown, pointer)
	return c, nil
}

func (r *reader) restrictions(w *wireRestrictions, pointer string) (*Restrictions, error) {
	out := &Restrictions{
		StartTime: w.StartTime, EndTime: w.EndTime, StartDate: w.StartDate, EndDate: w.EndDate,
		MinKWh: w.MinKWh.number(), MaxKWh: w.MaxKWh.number(), MinCurrent: w.MinCurrent.number(), MaxCurrent: w.MaxCurrent.number(),
		MinPower: w.MinPower.number(), MaxPower: w.MaxPower.number(), DayOfWeek: w.DayOfWeek, Reservation: w.Reservation, Booking: w.Booking,
	}
	for _, f := range []struct {
		n    number
		into **int64
		name string
	}{{w.MinDuration, &out.MinDuration, "min_duration"}, {w.MaxDuration, &out.MaxDuration, "max_duration"}} {
		if !f.n.isSet() {
			continue
		}
		n, err := whole(f.n.String())
		if err != nil {
			if err := r.wrong(bad(pointer+"/"+f.name, "must be a whole number of seconds")); err != nil {
				return nil, err
			}
			continue
		}
		*f.into = &n
	}
	return out, nil
}

// whole returns the value of a number that has none but zero decimals.
func whole(text string) (int64, error) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, err
	}
	i, frac, ok := d.Int64(0)
	if !ok || frac != 0 || !d.IsInt() {
		return 0, errors.New("not a whole number")
	}
	return i, nil
}
