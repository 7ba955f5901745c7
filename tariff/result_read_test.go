package tariff

import (
	"strings"
	"testing"
)

// TestReadResult writes prices, reads them, and writes and tells them again.
func TestReadResult(t *testing.T) {
	each(t, func(r random) bool {
		if r.IntN(5) > 0 { // the texts take their time
			return false
		}
		_, l := compiledOrSkip(t, r)
		s := r.session()
		price, err := l.Explain(&s, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		body := price.AppendJSON(nil)
		got, err := ReadResult(body)
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		if again := got.AppendJSON(nil); string(again) != string(body) {
			t.Errorf("written again it is\n%s, and was\n%s", again, body)
		}
		for _, language := range Languages() {
			if got.Text(language) != price.Text(language) {
				t.Errorf("in %s:\n%s\nand was:\n%s", language, got.Text(language), price.Text(language))
			}
		}
		return len(price.Lines) > 0
	})
}

// Amounts have more digits than the numbers of a tariff may have, negative ones too.
func TestReadAmounts(t *testing.T) {
	for _, text := range []string{"0.0000", "-0.0001", "12345678901234567.1234567891", "-0.5000", "-12.3456789012", "7.00"} {
		x, err := exactOf(text)
		if decimals := len(text) - strings.Index(text, ".") - 1; err != nil || string(x.appendText(nil, decimals, decimals)) != text {
			t.Errorf("%s: read as %s, %v", text, x.appendText(nil, decimals, decimals), err)
		}
	}
	for _, text := range []string{"", "x", "1.", "1.x", "1.2.3", "01.00", "1e5", "99999999999999999999.0", "-0.0000"} {
		if _, err := exactOf(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestReadResultRefuses(t *testing.T) {
	const line = `{"lines":[{"component_type":"ENERGY","volume":"1.0","billed_volume":"1.0","unit_price":"0.4","vat":null,"excl":"1.0000","incl":null}]}`
	if _, err := ReadResult([]byte(line)); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{`"1.0"`, `"0.4"`, `"1.0000"`} {
		if _, err := ReadResult([]byte(strings.Replace(line, change, `"x"`, 1))); err == nil {
			t.Errorf("%s can be anything", change)
		}
	}
	for _, body := range []string{"", "[]", `{"total_excl":"x"}`, `{"by_dimension":{"X":{}}}`, `{"by_dimension":{"ENERGY":{"priced_volume":"99999999999999","unit":"kWh"}}}`} {
		if _, err := ReadResult([]byte(body)); err == nil {
			t.Errorf("%s is read", body)
		}
	}
}
