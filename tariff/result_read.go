package tariff

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

// ReadResult reads what [Result.AppendJSON] wrote, for [Result.Text] and to write
// it again: that gives the same bytes. Amounts have the ten decimals that were
// written. Whatever is not such a result is an error.
func ReadResult(body []byte) (*Result, error) {
	var w wireResult
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, fmt.Errorf("reading a price: %w", err)
	}
	r := &Result{
		Currency: w.Currency, LimitApplied: w.LimitApplied, Findings: w.Findings, Policy: w.Policy, Engine: w.Engine,
		TariffHash: w.TariffHash, zone: w.Zone,
	}
	var read reading
	r.TotalExcl, r.TotalIncl = read.amount(w.TotalExcl), read.amount(w.TotalIncl)
	r.Rounded = Rounded{
		Decimals: w.Rounded.Decimals, Mode: w.Rounded.Mode,
		TotalExcl: roundAmount{read.amount(w.Rounded.TotalExcl), w.Rounded.Decimals},
		TotalIncl: roundAmount{read.amount(w.Rounded.TotalIncl), w.Rounded.Decimals},
	}
	if b := w.BeforeLimits; b != nil {
		r.BeforeLimits = &Totals{read.amount(b.TotalExcl), read.amount(b.TotalIncl)}
	}
	for d, s := range w.ByDimension {
		sum := r.ByDimension.at(d)
		if sum == nil {
			return nil, fmt.Errorf("reading a price: %q is no dimension", d)
		}
		*sum = Sum{
			Dimension: d, Priced: read.volume(s.Priced, units[s.Unit]), Billed: read.volume(s.Billed, units[s.Unit]),
			Excl: read.amount(s.Excl), Incl: read.amount(s.Incl), there: true,
		}
	}
	for i := range w.Lines {
		r.Lines = append(r.Lines, read.line(&w.Lines[i]))
	}
	for _, g := range w.TaxByRate {
		r.TaxByRate = append(r.TaxByRate, TaxGroup{Rate: g.Rate, Base: read.amount(g.Base), Tax: read.amount(g.Tax)})
	}
	if read.err != nil {
		return nil, fmt.Errorf("reading a price: %w", read.err)
	}
	return r, nil
}

// wireResult is a Result as it is written.
type wireResult struct {
	Currency     string                 `json:"currency"`
	TotalExcl    *string                `json:"total_excl"`
	TotalIncl    *string                `json:"total_incl"`
	Rounded      wireRounded            `json:"rounded"`
	ByDimension  map[Dimension]*wireSum `json:"by_dimension"`
	Lines        []wireLine             `json:"lines"`
	LimitApplied *string                `json:"limit_applied"`
	BeforeLimits *struct {
		TotalExcl *string `json:"total_excl"`
		TotalIncl *string `json:"total_incl"`
	} `json:"before_limits"`
	TaxByRate []struct {
		Rate *string `json:"rate"`
		Base *string `json:"base"`
		Tax  *string `json:"tax"`
	} `json:"tax_by_rate"`
	Findings   []Finding `json:"findings"`
	Policy     Policy    `json:"policy"`
	Engine     string    `json:"engine"`
	TariffHash string    `json:"tariff_hash"`
	Zone       string    `json:"time_zone"`
}

type wireRounded struct {
	Decimals  int          `json:"decimals"`
	Mode      RoundingMode `json:"mode"`
	TotalExcl *string      `json:"total_excl"`
	TotalIncl *string      `json:"total_incl"`
}

type wireSum struct {
	Priced string  `json:"priced_volume"`
	Billed string  `json:"billed_volume"`
	Unit   string  `json:"unit"`
	Excl   *string `json:"excl"`
	Incl   *string `json:"incl"`
}

type wireLine struct {
	Period    int       `json:"period"`
	TariffID  string    `json:"tariff_id"`
	Element   int       `json:"element"`
	Component int       `json:"component"`
	Dimension Dimension `json:"dimension"`
	Type      Dimension `json:"component_type"`
	Volume    string    `json:"volume"`
	Billed    string    `json:"billed_volume"`
	StepSize  int64     `json:"step_size"`
	UnitPrice string    `json:"unit_price"`
	VAT       *string   `json:"vat"`
	Excl      *string   `json:"excl"`
	Incl      *string   `json:"incl"`
	Why       *Why      `json:"why"`
}

// reading keeps the first error of many small readings.
type reading struct{ err error }

func (r *reading) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reading) amount(text *string) Amount {
	if text == nil {
		return Amount{}
	}
	x, err := exactOf(*text)
	r.note(err)
	return Amount{known: err == nil, x: x}
}

// exactOf reads an amount as it is written. Its two halves are read by themselves:
// together they may have more digits than a number of a tariff.
func exactOf(text string) (exact, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	x, err := amountOf(whole)
	if err != nil {
		return exact{}, err
	}
	if fraction != "" {
		sign := ""
		if strings.HasPrefix(whole, "-") {
			sign = "-"
		}
		y, err := amountOf(sign + "0." + fraction)
		if err != nil {
			return exact{}, err
		}
		x = x.Add(y)
	}
	if !x.known || string(x.x.appendText(nil, len(fraction), 19)) != text {
		return exact{}, fmt.Errorf("%q is no amount", shorten(text))
	}
	return x.x, nil
}

// units are those of sums; what has neither is a count.
var units = map[string]unit{"": count, "kWh": energy, "h": span}

// volume reads an amount of energy or time, or a count; "" is none.
func (r *reading) volume(text string, u unit) Volume {
	v := Volume{unit: u}
	if text == "" {
		return v
	}
	d, err := decimal.Parse(text)
	whole, nano, ok := d.Int64(9)
	if err == nil && (!ok || max(whole, -whole) > math.MaxInt64/10_000_000_000) {
		err = fmt.Errorf("%q is no volume", shorten(text))
	}
	r.note(err)
	switch u {
	case energy:
		v.n = whole*1e9 + nano
	case span:
		v.n = whole*3600 + int64(math.Round(float64(nano)*3600/1e9))
	default:
		v.n = whole
	}
	return v
}

func (r *reading) number(text string) ocpi.Number {
	n, err := ocpi.ParseNumber(text)
	r.note(err)
	return n
}

func (r *reading) line(w *wireLine) Line {
	u := span
	switch w.Type {
	case Energy:
		u = energy
	case Flat:
		u = count
	}
	l := Line{
		Period: w.Period, TariffID: w.TariffID, Element: w.Element, Component: w.Component, Dimension: w.Dimension, Type: w.Type,
		Volume: r.volume(w.Volume, u), Billed: r.volume(w.Billed, u), StepSize: w.StepSize, UnitPrice: r.number(w.UnitPrice),
		Excl: r.amount(w.Excl), Incl: r.amount(w.Incl), Why: w.Why,
	}
	if w.VAT != nil {
		l.VAT = r.number(*w.VAT)
	}
	return l
}
