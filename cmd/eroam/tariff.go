package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // the zones of locations, also where the system has none

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// TariffCmd prices and looks at tariffs. It needs no hub.
type TariffCmd struct {
	Price    TariffPriceCmd    `cmd:"" help:"Price a CDR, explain each line and compare with what the CDR claims."`
	Lint     TariffLintCmd     `cmd:"" help:"Say what in a tariff is wrong, unreachable, free by mistake or odd."`
	Generate TariffGenerateCmd `cmd:"" help:"Make charging periods from meter values and price them."`
	Estimate TariffEstimateCmd `cmd:"" help:"Say what charging will cost, and when it is cheapest."`
	Compare  TariffCompareCmd  `cmd:"" help:"Compare two tariffs over standard sessions."`
}

// exitInput says that a file cannot be used.
const exitInput = 2

// codeError ends the process with a code of its own. An empty text prints
// nothing.
type codeError struct {
	code int
	text string
}

func (e *codeError) Error() string { return e.text }

// tariffInput are the flags that several commands have.
type tariffInput struct {
	Version  string `name:"ocpi-version" enum:",2.1.1,2.2.1,2.3.0" default:"" help:"OCPI version of the files: 2.1.1, 2.2.1 or 2.3.0; found out when it is not given."`
	Policy   string `placeholder:"FILE" help:"JSON with the readings and the rounding to use; see docs/pricing.md."`
	Format   string `enum:"text,json" default:"text" help:"How to print: ${enum}."`
	Language string `enum:"en,es,fr" default:"en" help:"Language of the text: ${enum}."`
}

// version returns the version that was given, or the one that a file looks like.
func (t *tariffInput) version(body []byte) ocpi.Version {
	if t.Version != "" {
		return ocpi.Version(t.Version)
	}
	return tariff.DetectVersion(body)
}

func (t *tariffInput) policy() (tariff.Policy, error) {
	if t.Policy == "" {
		return tariff.Policy{}, nil
	}
	body, err := readInput(t.Policy)
	if err != nil {
		return tariff.Policy{}, err
	}
	return tariff.ParsePolicy(body)
}

// fail prints an error of the input and returns it with its exit code.
func (t *tariffInput) fail(s Streams, err error) error {
	e, ok := errors.AsType[*tariff.Error](err)
	if !ok {
		e = &tariff.Error{Code: "input", Message: err.Error()}
	}
	if t.Format == "text" {
		return &codeError{exitInput, e.Code + ": " + e.Error()}
	}
	if err := printJSON(s.Out, map[string]*tariff.Error{"error": e}); err != nil {
		return err
	}
	return &codeError{code: exitInput}
}

// maxInput bounds a file.
const maxInput = 64 << 20

// readInput reads a file, or standard input for "-".
func readInput(name string) ([]byte, error) {
	var r io.Reader = os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("%s is larger than 64 MiB", name)
	}
	return b, err
}

func readZone(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &tariff.Error{Code: "time_zone", Message: fmt.Sprintf("the time zone %q is unknown; use a name such as Europe/Amsterdam", name)}
	}
	return zone, nil
}

func printJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// printResult prints a result with more members behind its own, which more, a
// struct, writes.
func printResult(w io.Writer, r *tariff.Result, more any) error {
	b, err := json.Marshal(more)
	if err != nil {
		return err
	}
	one := r.AppendJSON(nil)
	if len(b) > len("{}") {
		one = append(append(one[:len(one)-1], ','), b[1:]...)
	}
	return printJSON(w, jsontext.Value(one))
}

// readTariffs reads and compiles the tariffs of a file.
func (t *tariffInput) readTariffs(name string) (*tariff.PriceList, error) {
	body, err := readInput(name)
	if err != nil {
		return nil, err
	}
	list, _, err := t.compile(body)
	return list, err
}

func (t *tariffInput) compile(body []byte) (*tariff.PriceList, []tariff.Finding, error) {
	list, findings, err := tariff.ParseTariffs(t.version(body), body)
	if err != nil {
		return nil, nil, err
	}
	compiled, err := tariff.Compile(list...)
	return compiled, findings, err
}

// TariffPriceCmd prices a CDR.
type TariffPriceCmd struct {
	Tariff        string `placeholder:"FILE" help:"Tariff, or a list of them; the CDR's own when it is not given."`
	CDR           string `name:"cdr" required:"" placeholder:"FILE" help:"CDR; - is standard input."`
	TimeZone      string `placeholder:"ZONE" help:"Time zone of the location, such as Europe/Amsterdam. Needed unless the country has only one."`
	ExternalTaxes string `placeholder:"FILE" help:"JSON list of taxes that the tariff does not tell: name and percentage or per_kwh."`
	tariffInput
}

// Help is shown under the usage line.
func (TariffPriceCmd) Help() string {
	return `Examples:

  $ eroam tariff price --tariff tariff.json --cdr cdr.json --time-zone Europe/Amsterdam
  $ curl -s … | eroam tariff price --cdr - --format json

Exit code 0: priced, and the CDR agrees or claims nothing; 1: its claim differs; 2: the input cannot be used.`
}

// priced is what is printed.
type priced struct {
	result        tariff.Result
	Taxes         []tariff.AppliedTax `json:"taxes,omitempty"`
	AfterTaxes    *string             `json:"total_after_external_taxes,omitempty"`
	Claim         *tariff.Verdict     `json:"claim,omitempty"`
	InputFindings []tariff.Finding    `json:"input_findings,omitempty"`
}

// Run prices and prints.
func (c *TariffPriceCmd) Run(s Streams) error {
	out, err := c.price()
	if err != nil {
		return c.fail(s, err)
	}
	if c.Format == "json" {
		err = printResult(s.Out, &out.result, out)
	} else {
		err = c.text(s.Out, out)
	}
	if err == nil && out.Claim.Verdict == tariff.Mismatch {
		return &codeError{code: exitFailed}
	}
	return err
}

func (c *TariffPriceCmd) price() (*priced, error) {
	if c.CDR == "-" && (c.Tariff == "-" || c.ExternalTaxes == "-" || c.Policy == "-") {
		return nil, errors.New("only one file can be standard input")
	}
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	zone, err := readZone(c.TimeZone)
	if err != nil {
		return nil, err
	}
	body, err := readInput(c.CDR)
	if err != nil {
		return nil, err
	}
	var tariffs []byte
	if c.Tariff != "" {
		if tariffs, err = readInput(c.Tariff); err != nil {
			return nil, err
		}
	}
	out := &priced{}
	if c.Version == "" {
		c.Version = string(tariff.DetectVersion(body))
		if c.Version == string(ocpi.V221) { // it may be one that tells nothing
			c.Version = string(tariff.DetectVersion(tariffs))
		}
	}
	cdr, findings, err := tariff.ParseCDR(ocpi.Version(c.Version), body, zone)
	if err != nil {
		return nil, err
	}
	out.InputFindings = findings
	var list *tariff.PriceList
	if c.Tariff == "" {
		list, err = tariff.Compile(cdr.Tariffs...)
	} else {
		var more []tariff.Finding
		list, more, err = c.compile(tariffs)
		out.InputFindings = append(out.InputFindings, more...)
	}
	if err != nil {
		return nil, err
	}
	if out.result, err = list.Explain(&cdr.Session, policy); err != nil {
		return nil, err
	}
	if err := c.taxes(out); err != nil {
		return nil, err
	}
	v, err := list.Verify(&cdr, &out.result)
	out.Claim = &v
	return out, err
}

func (c *TariffPriceCmd) taxes(out *priced) error {
	if c.ExternalTaxes == "" {
		return nil
	}
	body, err := readInput(c.ExternalTaxes)
	if err != nil {
		return err
	}
	list, err := tariff.ParseExternalTaxes(body)
	if err != nil {
		return err
	}
	taxes, total, err := out.result.AddTaxes(list)
	if err != nil {
		return err
	}
	text := total.Text(out.result.Rounded.Decimals)
	out.Taxes, out.AfterTaxes = taxes, &text
	return nil
}

func (c *TariffPriceCmd) text(w io.Writer, out *priced) error {
	var b strings.Builder
	b.WriteString(out.result.Text(c.Language) + "\n")
	for _, t := range out.Taxes {
		fmt.Fprintf(&b, "%s: %s %s\n", t.Name, t.Amount, out.result.Currency)
	}
	if out.AfterTaxes != nil {
		fmt.Fprintf(&b, "After these taxes: %s %s\n", *out.AfterTaxes, out.result.Currency)
	}
	switch out.Claim.Verdict {
	case tariff.Match:
		b.WriteString("The CDR's own amounts agree.\n")
	case tariff.Mismatch:
		for _, d := range out.Claim.Differences {
			fmt.Fprintf(&b, "The CDR claims %s for %s; it is %s.\n", d.Claimed, d.Field, d.Ours)
		}
		if len(out.Claim.ExplainedBy) > 0 {
			fmt.Fprintf(&b, "Its total is what comes of: %s\n", strings.Join(out.Claim.ExplainedBy, ", "))
		}
	}
	printFindings(&b, out.InputFindings)
	_, err := io.WriteString(w, b.String())
	return err
}

func printFindings(b *strings.Builder, list []tariff.Finding) {
	for _, f := range list {
		rule := ""
		if f.Rule != "" {
			rule = f.Rule + " "
		}
		fmt.Fprintf(b, "%-7s %s%s %s: %s\n", f.Severity, rule, f.Code, f.Pointer, f.Message)
	}
}
