package trace

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"
)

func redactor(maxBody int) *Recorder {
	return &Recorder{bodies: rate.NewLimiter(rate.Inf, 1), opt: Options{MaxBody: maxBody}, hasher: newHasher([]byte("key"))}
}

// TestRedaction replaces H(x) in want by the hash of x.
func TestRedaction(t *testing.T) {
	r := redactor(4096)
	for _, tt := range []struct{ in, want string }{
		{`{"uid":"AB12"}`, `{"uid":"hmac:H(AB12)"}`},
		{` { "uid" : "AB12" , "kwh" : 1.50e0 } `, ` { "uid" : "hmac:H(AB12)" , "kwh" : 1.50e0 } `},
		{`{"token":{"uid":"AB12","type":"RFID","contract_id":"DE-X"}}`, `{"token":{"uid":"hmac:H(AB12)","type":"RFID","contract_id":"hmac:H(DE-X)"}}`},
		{`{"token":"secret","url":"https://x"}`, `{"token":"hmac:H(secret)","url":"https://x"}`},
		{`{"token":["secret",["x"]],"a":1}`, `{"token":"hmac:H(["secret",["x"]])","a":1}`},
		{`{"vin":{"value":"x"},"a":1}`, `{"vin":"hmac:H({"value":"x"})","a":1}`},
		{`[{"a":[{"CONTRACT_ID":"x"},{"contractId":"x"},{"Contract-Id":"X"}]}]`, `[{"a":[{"CONTRACT_ID":"hmac:H(x)"},{"contractId":"hmac:H(x)"},{"Contract-Id":"hmac:H(x)"}]}]`},
		{`{"\u0075id":"A\u0042"}`, `{"\u0075id":"hmac:H(AB)"}`},
		{`{"uid":12345}`, `{"uid":"hmac:H(12345)"}`},
		{`{"uid":null,"token":true,"vin":false}`, `{"uid":null,"token":true,"vin":false}`},
		{`{"note":"WVWZZZ1JZXW000001","id":"WVWZZZ1JZXW00000"}`, `{"note":"hmac:H(WVWZZZ1JZXW000001)","id":"WVWZZZ1JZXW00000"}`},
		{`{"uid":"a","uid":"b"}`, `{"uid":"hmac:H(a)","uid":"hmac:H(b)"}`},
		{`{"evse_uid":"E1","id":"uid","a":["uid","AB12"]}`, `{"evse_uid":"E1","id":"uid","a":["uid","AB12"]}`},
		{`{"uid":""}`, `{"uid":"hmac:H()"}`},
		{`[]`, `[]`}, {`{}`, `{}`}, {`"x"`, `"x"`}, {`-1.5`, `-1.5`}, {`null`, `null`}, {`[{},[],[[{}]]]`, `[{},[],[[{}]]]`},
		{"", ""},
	} {
		want := tt.want
		for {
			i := strings.Index(want, "H(")
			if i < 0 {
				break
			}
			end := i + strings.Index(want[i:], ")")
			want = want[:i] + r.Hash(want[i+2:end]) + want[end+1:]
		}
		if got := string(r.redactBody([]byte(tt.in), true)); got != want {
			t.Errorf("%s\n got %s\nwant %s", tt.in, got, want)
		}
	}
	for module, want := range map[string]bool{"locations": true, "tokens": false} {
		m := handed{Message: Message{Module: module, RequestBody: []byte(`{"uid":"3256","evse_id":"BE*BEC"}`), ResponseBody: []byte(`{"data":{"uid":"3256"}}`)}}
		r.redact(&m)
		if bytes.Contains(m.RequestBody, []byte("3256")) != want || bytes.Contains(m.ResponseBody, []byte("3256")) != want {
			t.Errorf("%s: got %s and %s, want the uid visible = %v", module, m.RequestBody, m.ResponseBody, want)
		}
	}
	deep := strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting)
	if got := string(r.redactBody([]byte(deep), true)); got != deep {
		t.Errorf("nesting of %d is not kept: %s", maxNesting, got)
	}
	if got := string(r.redactBody([]byte("["+deep+"]"), true)); !strings.HasPrefix(got, omittedMark) {
		t.Errorf("nesting of %d is kept", maxNesting+1)
	}
}

// TestNotJSON: what two parsers could read differently is not kept.
func TestNotJSON(t *testing.T) {
	r := redactor(4096)
	for _, in := range []string{
		`{"uid":"SECRET"`, `{"uid":"SECRET}`, `{"uid" "SECRET"}`, `{uid:"SECRET"}`, `{'uid':'SECRET'}`, `{"a":1,}SECRET`, `{"a":1}SECRET`,
		`{"a":1} {"uid":"SECRET"}`, `["uid":"SECRET"]`, `{"a"}SECRET`, `{"a":"x` + "\n" + `SECRET"}`, `{"a":"` + "\xff" + `SECRET"}`, `SECRET`,
		`{"\u00zzid":"SECRET"}`, `{"u\id":"SECRET"}`, `{"uid":"\uZSECRET"}`, `// SECRET`, "\ufeff" + `{"uid":"SECRET"}`, `{"a":[1}]SECRET`, `[1 "SECRET"]`,
		`{"vin":[1,"SECRET"}`, `{"a":nullSECRET}`, `<uid>SECRET</uid>`, "uid=SECRET", strings.Repeat("[", 100) + `"SECRET"`,
		`[,"SECRET"]`, `{,"uid":"SECRET"}`, `{"a":1,,"uid":"SECRET"}`, `[1]]SECRET`, `{"a":+1,"b":"SECRET"}`, " ", `{"x":`,
	} {
		got := string(r.redactBody([]byte(in), true))
		if strings.Contains(got, "SECRET") || !strings.HasPrefix(got, "not kept: ") {
			t.Errorf("%q is kept as %q", in, got)
		}
	}
}

// TestCut: a long body ends with a mark after MaxBody bytes, at a character,
// and is not read much further.
func TestCut(t *testing.T) {
	long := `{"data":["` + strings.Repeat("ä", 500) + `",{"uid":"SECRET"}]}`
	for limit := 1; limit < 300; limit++ {
		got := string(redactor(limit).redactBody([]byte(long), true))
		kept, ok := strings.CutSuffix(got, "… cut, of 1030 bytes")
		if !ok || len(kept) > limit || len(kept) < limit-1 || !strings.HasPrefix(long, kept) {
			t.Fatalf("limit %d: kept %q", limit, got)
		}
	}
	for limit := 1; limit < 40; limit++ {
		got := string(redactor(limit).redactBody([]byte(`{"uid":"SECRET","contract_id":"SECRET"}`), true))
		if strings.Contains(got, "SEC") {
			t.Fatalf("limit %d: kept %q", limit, got)
		}
	}
	got := string(redactor(10).redactBody([]byte(`{"a":"0123456789","b":`+strings.Repeat(`[`, 10)), true))
	if got != `{"a":"0123… cut, of 32 bytes` {
		t.Fatalf("kept %q: it was read to its end", got)
	}
	if got := redactor(-1).redactBody([]byte(`{"uid":1}`), true); !bytes.HasPrefix(got, []byte("not kept: 9 bytes")) {
		t.Fatalf("without bodies: kept %q", got)
	}
}

func TestHash(t *testing.T) {
	a, b := redactor(1), &Recorder{hasher: newHasher([]byte("other key"))}
	if len(a.Hash("x")) != 16 || a.Hash("x") != a.Hash("X") || a.Hash("x") == a.Hash("y") || a.Hash("x") == b.Hash("x") {
		t.Fatal(a.Hash("x"), a.Hash("X"), a.Hash("y"), b.Hash("x"))
	}
}

// FuzzRedact: valid JSON stays valid and of the same shape, and the value of a uid is
// never there; anything else is not kept.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{`{"uid":"SECRET1"}`, `[1,{"token":{"uid":"SECRET1"}}]`, `{"a":"\u0041","vin":[1,{"x":2}]}`, `{"a":1}x`, `"`, `{"\u0075\u0069\u0064":"SECRET1"}`} {
		f.Add([]byte(s))
	}
	r := redactor(1 << 20)
	f.Fuzz(func(t *testing.T, in []byte) {
		out := r.redactBody(in, true)
		valid := jsontext.NewDecoder(bytes.NewReader(in), jsontext.AllowDuplicateNames(true))
		v, err := valid.ReadValue()
		_, end := valid.ReadToken()
		if err != nil || end == nil || end.Error() != "EOF" {
			return // it may be kept when it is nearly JSON; see below for what counts
		}
		if bytes.HasPrefix(out, []byte(omittedMark)) {
			if bytes.Count(v, []byte("["))+bytes.Count(v, []byte("{")) <= maxNesting {
				t.Fatalf("%q is valid and was not kept", in)
			}
			return
		}
		for _, secret := range secrets(t, v) {
			if len(secret) > 6 && bytes.Contains(out, []byte(secret)) && bytes.Count(in, []byte(secret)) == 1 {
				t.Fatalf("%q is kept as %q", in, out)
			}
		}
		if !jsontext.Value(out).IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("%q became %q, which is not JSON", in, out)
		}
	})
}

// secrets returns the texts of all members named uid.
func secrets(t *testing.T, v jsontext.Value) (out []string) {
	dec := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowDuplicateNames(true))
	for uid := false; ; {
		kind, n := dec.StackIndex(dec.StackDepth())
		tok, err := dec.ReadToken()
		if err != nil {
			return out
		}
		if uid && tok.Kind() == '"' {
			out = append(out, tok.String())
		}
		uid = kind == '{' && n%2 == 0 && tok.Kind() == '"' && tok.String() == "uid"
	}
}
