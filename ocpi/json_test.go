package ocpi_test

import (
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

// TestCheckJSONT38: what two parsers could read differently is refused with HTTP
// 400; unknown fields pass.
func TestCheckJSONT38(t *testing.T) {
	for _, body := range []string{
		`{}`, ` {"a":[1,{"b":null}],"unknown":"é"} `, `null`, `"x"`, `{"a":"\ud83d\ude00"}`, `{"a":"\u0000"}`, `{"a":1,"A":2}`,
		strings.Repeat("[", 32) + strings.Repeat("]", 32), `{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[["}`,
	} {
		if err := ocpi.CheckJSON([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for name, body := range map[string]string{
		"nothing": ``, "space": ` `, "half": `{"a":`, "trailing data": `{}{}`, "trailing word": `{} x`, "trailing NUL": "{}\x00", "BOM": "\ufeff{}",
		"duplicate": `{"id":"a","id":"b"}`, "nested duplicate": `{"a":[{"b":1,"b":2}]}`, "escaped duplicate": `{"id":1,"\u0069d":2}`,
		"lone surrogate": `{"a":"\ud800"}`, "reversed surrogates": `{"a":"\ude00\ud83d"}`, "lone surrogate in a name": `{"\udfff":1}`,
		"invalid UTF-8": "{\"a\":\"\xff\"}", "over-long UTF-8": "{\"a\":\"\xc0\xaf\"}", "surrogate in UTF-8": "{\"a\":\"\xed\xa0\x80\"}",
		"control character": "{\"a\":\"\n\"}", "comment": `{/**/}`, "trailing comma": `{"a":1,}`, "single quotes": `{'a':1}`, "NaN": `{"a":NaN}`,
		"plus": `{"a":+1}`, "leading zero": `{"a":01}`, "hex": `{"a":0x1}`, "no digits": `{"a":1.}`, "UTF-16": "{\x00}\x00",
		"deep": strings.Repeat("[", 33) + strings.Repeat("]", 33), "very deep": strings.Repeat(`{"a":`, 1_000_000),
	} {
		err := ocpi.CheckJSON([]byte(body))
		if e := ocpi.AsError(err); err == nil || e.HTTP != 400 || e.Status != 2001 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckNamesT38: an owner or id field in another spelling is refused beside
// or instead of the right one.
func TestCheckNamesT38(t *testing.T) {
	names := []string{"country_code", "party_id", "id", "last_updated", "token"}
	for _, body := range []string{
		`{"country_code":"NL","party_id":"TNM","id":"1"}`, `{"Ids":1,"party-id":2,"x":{"ID":1},"id_":1}`, `{}`, `[{"ID":1}]`, `{"\u0069d":1}`,
	} {
		if err := ocpi.CheckNames([]byte(body), names...); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for body, field := range map[string]string{
		`{"id":"a","ID":"b"}`: "id", `{"Id":"a"}`: "id", `{"x":{},"COUNTRY_CODE":"NL"}`: "country_code",
		`{"la\u017ft_updated":1}`: "last_updated", `{"laſt_updated":1}`: "last_updated", `{"to\u212aen":1}`: "token", `{"\u0049d":1}`: "id",
	} {
		err := ocpi.CheckNames([]byte(body), names...)
		if e := ocpi.AsError(err); err == nil || e.Status != 2001 || !strings.HasPrefix(e.Message, field+": ") {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, body := range []string{`{"a":}`, `{"a":1,`, `{"a":1,"a":2}`, `{"a"`} {
		if err := ocpi.CheckNames([]byte(body), "id"); err == nil {
			t.Errorf("%s passes", body)
		}
	}
}

func FuzzCheckJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u00e9"}]}`))
	f.Add([]byte(`"[\"]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		err := ocpi.CheckJSON(body)
		names := ocpi.CheckNames(body, "id", "country_code")
		if err == nil && names != nil && ocpi.AsError(names).HTTP == 400 {
			t.Fatalf("%q passes CheckJSON and not CheckNames: %v", body, names)
		}
	})
}
