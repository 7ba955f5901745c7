package tariff_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// wanted is expected.json of a case; testdata/cases/README.md describes it.
type wanted struct {
	Kind  string `json:"kind"`
	Input struct {
		Version  ocpi.Version `json:"ocpi_version"`
		TimeZone string       `json:"time_zone"`
		Taxes    []wantedTax  `json:"external_taxes"`
	} `json:"input"`
	Expected struct {
		Error     string  `json:"error"`
		Currency  string  `json:"currency"`
		TotalExcl *string `json:"total_excl"`
		TotalIncl *string `json:"total_incl"`
		Rounded   struct {
			Decimals  int     `json:"decimals"`
			TotalExcl *string `json:"total_excl"`
			TotalIncl *string `json:"total_incl"`
		} `json:"rounded"`
		ByDimension map[string]struct {
			Priced *string `json:"priced_volume"`
			Billed *string `json:"billed_volume"`
			Unit   string  `json:"unit"`
			Excl   *string `json:"excl"`
			Incl   *string `json:"incl"`
		} `json:"by_dimension"`
		Lines            []wantedLine   `json:"lines"`
		LimitApplied     *string        `json:"limit_applied"`
		Findings         jsontext.Value `json:"findings"`
		FindingsOptional []string       `json:"findings_optional"`
		Tolerance        string         `json:"tolerance"`
		BeforeLimits     *struct {
			TotalExcl *string `json:"total_excl"`
			TotalIncl *string `json:"total_incl"`
		} `json:"before_limits"`
		Taxes []struct {
			Name   string `json:"name"`
			Amount string `json:"amount"`
		} `json:"taxes"`
		AfterTaxes *string `json:"total_after_external_taxes"`
		Periods    []struct {
			Start      string            `json:"start_date_time"`
			Dimensions map[string]string `json:"dimensions"`
		} `json:"charging_periods"`
	} `json:"expected"`
	Claim *struct {
		Verdict   string   `json:"verdict"`
		Tolerance string   `json:"compare_tolerance"`
		Fields    []string `json:"differing_fields"`
	} `json:"claim"`
}

type wantedTax struct {
	Name       string `json:"name"`
	Percentage string `json:"percentage"`
	PerKWh     string `json:"per_kwh"`
}

type wantedLine struct {
	Period    int     `json:"period"`
	TariffID  string  `json:"tariff_id"`
	Element   int     `json:"element"`
	Component int     `json:"component"`
	Dimension string  `json:"dimension"`
	Volume    string  `json:"volume"`
	Billed    string  `json:"billed_volume"`
	UnitPrice string  `json:"unit_price"`
	VAT       *string `json:"vat"`
	Excl      *string `json:"excl"`
	Incl      *string `json:"incl"`
}

func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*/*/expected.json")
	if err != nil || len(dirs) != 46+5 {
		t.Fatalf("found %d cases, want 51 (%v)", len(dirs), err)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var w wanted
			if err := json.Unmarshal(read(t, file), &w); err != nil {
				t.Fatal(err)
			}
			switch w.Kind {
			case "price":
				checkPrice(t, dir, &w)
			case "lint":
				checkLint(t, dir, &w)
			case "generate":
				checkGenerate(t, dir, &w)
			case "error":
				_, _, err := price(t, dir, &w)
				e, ok := errors.AsType[*tariff.Error](err)
				if !ok || e.Code != w.Expected.Error {
					t.Errorf("got %v, want %s", err, w.Expected.Error)
				}
			default:
				t.Fatalf("unknown kind %q", w.Kind)
			}
		})
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func price(t *testing.T, dir string, w *wanted) (*tariff.Result, *tariff.Verdict, error) {
	t.Helper()
	zone, err := time.LoadLocation(w.Input.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	tariffs, _, err := tariff.ParseTariffs(w.Input.Version, read(t, dir+"/tariff.json"))
	if err != nil {
		return nil, nil, err
	}
	list, err := tariff.Compile(tariffs...)
	if err != nil {
		return nil, nil, err
	}
	cdr, _, err := tariff.ParseCDR(w.Input.Version, read(t, dir+"/cdr.json"), zone)
	if err != nil {
		return nil, nil, err
	}
	p := tariff.Policy{}
	if w.Claim != nil {
		p.Tolerance = w.Claim.Tolerance
	}
	r, err := list.Explain(&cdr.Session, p)
	if err != nil {
		return nil, nil, err
	}
	v, err := list.Verify(&cdr, &r)
	return &r, &v, err
}

func checkPrice(t *testing.T, dir string, w *wanted) {
	r, v, err := price(t, dir, w)
	if err != nil {
		t.Fatal(err)
	}
	tol := amount(t, &w.Expected.Tolerance)
	near := func(what string, got tariff.Amount, want *string) {
		t.Helper()
		a := amount(t, want)
		if got.Known() != a.Known() || got.Known() && got.Sub(a).Abs().Cmp(tol) > 0 {
			t.Errorf("%s is %s, want %s", what, got, a)
		}
	}
	same := func(what, got string, want *string) {
		t.Helper()
		text := "unknown"
		if want != nil {
			text = *want
		}
		if got != text {
			t.Errorf("%s is %s, want %s", what, got, text)
		}
	}
	e := &w.Expected
	same("currency", r.Currency, &e.Currency)
	near("total_excl", r.TotalExcl, e.TotalExcl)
	near("total_incl", r.TotalIncl, e.TotalIncl)
	same("rounded excl", r.Rounded.TotalExcl.String(), e.Rounded.TotalExcl)
	same("rounded incl", r.Rounded.TotalIncl.String(), e.Rounded.TotalIncl)
	n := 0
	for d, want := range e.ByDimension {
		got, ok := r.ByDimension.Get(tariff.Dimension(d))
		if !ok {
			t.Errorf("nothing of %s was priced", d)
			continue
		}
		n++
		near(d+" excl", got.Excl, want.Excl)
		near(d+" incl", got.Incl, want.Incl)
		if want.Priced != nil {
			near(d+" priced volume", text(t, got.Priced.String()), want.Priced)
			near(d+" billed volume", text(t, got.Billed.String()), want.Billed)
			same(d+" unit", got.Priced.Unit(), &want.Unit)
		}
	}
	for _, d := range []tariff.Dimension{tariff.Energy, tariff.Time, tariff.ParkingTime, tariff.Flat, tariff.Reservation} {
		if _, ok := r.ByDimension.Get(d); ok {
			n--
		}
	}
	if n != 0 {
		t.Errorf("the dimensions are not those wanted: %v", r.ByDimension)
	}
	if len(r.Lines) != len(e.Lines) {
		t.Errorf("%d lines, want %d", len(r.Lines), len(e.Lines))
	}
	for i, want := range e.Lines {
		j := slices.IndexFunc(r.Lines, func(l tariff.Line) bool {
			return l.Period == want.Period && l.TariffID == want.TariffID && l.Element == want.Element && l.Component == want.Component && string(l.Dimension) == want.Dimension
		})
		if j < 0 {
			t.Errorf("line %d is missing: %+v", i, want)
			continue
		}
		l := &r.Lines[j]
		near("volume", text(t, l.Volume.String()), &want.Volume)
		near("billed volume", text(t, l.Billed.String()), &want.Billed)
		near("unit price", text(t, l.UnitPrice.String()), &want.UnitPrice)
		if l.VAT.IsSet() != (want.VAT != nil) {
			t.Errorf("vat of line %d is %v, want %v", i, l.VAT, want.VAT)
		}
		near("line excl", l.Excl, want.Excl)
		near("line incl", l.Incl, want.Incl)
	}
	limit := "none"
	if r.LimitApplied != nil {
		limit = *r.LimitApplied
	}
	if e.LimitApplied == nil {
		none := "none"
		e.LimitApplied = &none
	}
	same("limit applied", limit, e.LimitApplied)
	if e.BeforeLimits != nil && r.BeforeLimits != nil {
		near("before limits excl", r.BeforeLimits.Excl, e.BeforeLimits.TotalExcl)
		near("before limits incl", r.BeforeLimits.Incl, e.BeforeLimits.TotalIncl)
	}
	checkFindings(t, r, e.Findings, e.FindingsOptional)
	checkTaxes(t, r, w)
	if w.Claim != nil {
		if v.Verdict != w.Claim.Verdict || !slices.Equal(v.DifferingFields, w.Claim.Fields) {
			t.Errorf("the claim is %s %v, want %s %v", v.Verdict, v.DifferingFields, w.Claim.Verdict, w.Claim.Fields)
		}
		if v.Verdict == tariff.Mismatch {
			t.Logf("explained by %v", v.ExplainedBy)
		}
	}
}

func checkFindings(t *testing.T, r *tariff.Result, want jsontext.Value, optional []string) {
	t.Helper()
	var codes []string
	if err := json.Unmarshal(want, &codes); err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		if !slices.ContainsFunc(r.Findings, func(f tariff.Finding) bool { return f.Code == c }) {
			t.Errorf("finding %s is missing", c)
		}
	}
	for _, f := range r.Findings {
		if !slices.Contains(codes, f.Code) && !slices.Contains(optional, f.Code) {
			t.Errorf("finding %s at %s is not wanted", f.Code, f.Pointer)
		}
	}
}

func checkTaxes(t *testing.T, r *tariff.Result, w *wanted) {
	t.Helper()
	if len(w.Input.Taxes) == 0 {
		return
	}
	var external []tariff.ExternalTax
	for _, x := range w.Input.Taxes {
		one := tariff.ExternalTax{Name: x.Name}
		if x.Percentage != "" {
			one.Percentage = ocpi.MustNumber(x.Percentage)
		}
		if x.PerKWh != "" {
			one.PerKWh = ocpi.MustNumber(x.PerKWh)
		}
		external = append(external, one)
	}
	taxes, total, err := r.AddTaxes(external)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range w.Expected.Taxes {
		if taxes[i].Name != want.Name || taxes[i].Amount.String() != want.Amount {
			t.Errorf("tax %d is %s %s, want %s %s", i, taxes[i].Name, taxes[i].Amount, want.Name, want.Amount)
		}
	}
	if got := total.Text(r.Rounded.Decimals); got != *w.Expected.AfterTaxes {
		t.Errorf("after taxes %s, want %s", got, *w.Expected.AfterTaxes)
	}
}

// amount reads a decimal string; nil is unknown.
func amount(t *testing.T, s *string) tariff.Amount {
	t.Helper()
	if s == nil {
		return tariff.Amount{}
	}
	return text(t, *s)
}

func text(t *testing.T, s string) tariff.Amount {
	t.Helper()
	n, err := ocpi.ParseNumber(s)
	if err != nil {
		t.Fatal(err)
	}
	a, err := tariff.AmountOf(n)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func checkLint(t *testing.T, dir string, w *wanted) {
	var want []tariff.Finding
	if err := json.Unmarshal(w.Expected.Findings, &want); err != nil {
		t.Fatal(err)
	}
	got, err := tariff.LintJSON(w.Input.Version, read(t, dir+"/tariff.json"), tariff.LintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range want {
		if !slices.ContainsFunc(got, func(g tariff.Finding) bool {
			return g.Code == f.Code && g.Pointer == f.Pointer && g.Severity == f.Severity
		}) {
			t.Errorf("%s %s at %s is missing in %+v", f.Severity, f.Code, f.Pointer, got)
		}
	}
}

func checkGenerate(t *testing.T, dir string, w *wanted) {
	zone, err := time.LoadLocation(w.Input.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	tariffs, _, err := tariff.ParseTariffs(w.Input.Version, read(t, dir+"/tariff.json"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := tariff.Compile(tariffs...)
	if err != nil {
		t.Fatal(err)
	}
	m, err := tariff.ParseMetering(read(t, dir+"/session.json"), zone)
	if err != nil {
		t.Fatal(err)
	}
	g, err := list.Generate(&m)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Session.Periods) != len(w.Expected.Periods) {
		t.Fatalf("%d periods, want %d: %+v", len(g.Session.Periods), len(w.Expected.Periods), g.Session.Periods)
	}
	for i, want := range w.Expected.Periods {
		p := &g.Session.Periods[i]
		if got := ocpi.FormatTime(p.Start); got != want.Start {
			t.Errorf("period %d begins at %s, want %s", i, got, want.Start)
		}
		got := p.Dimensions()
		if len(got) != len(want.Dimensions) {
			t.Errorf("period %d has %v, want %v", i, got, want.Dimensions)
		}
		for _, d := range got {
			if v := want.Dimensions[d.Type]; text(t, v).Cmp(text(t, d.Volume.String())) != 0 {
				t.Errorf("%s of period %d is %s, want %s", d.Type, i, d.Volume, v)
			}
		}
	}
	r, err := list.Price(&g.Session, tariff.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Rounded.TotalExcl.String(); got != *w.Expected.Rounded.TotalExcl {
		t.Errorf("total %s, want %s", got, *w.Expected.Rounded.TotalExcl)
	}
}
