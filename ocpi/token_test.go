package ocpi_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func ExampleParseAuthorization() {
	r, ok := ocpi.ParseAuthorization("Token ZWJmM2IzOTktNzc5Zi00NDk3LTliOWQtYWM2YWQzY2M0NGQyCg==")
	fmt.Println(ok, r.Decoded)
	// Output: true ebf3b399-779f-4497-9b9d-ac6ad3cc44d2
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestTokenSpellingsT5: of all spellings of a token, only those that the two
// encodings define give the token.
func TestTokenSpellingsT5(t *testing.T) {
	const token = "abcde?>1" // its Base64 has no padding, and + and / in it
	const short = "abcde"    // its Base64 is padded
	none := ocpi.Readings{}
	other := b64("token-of-another")
	tests := []struct {
		name, header string
		want         ocpi.Readings
	}{
		{"raw", "Token " + token, ocpi.Readings{Raw: token}},
		{"base64", "Token " + b64(short), ocpi.Readings{Raw: b64(short), Decoded: short}},
		{"base64 with a line feed in it", "Token " + b64(token+"\n"), ocpi.Readings{Raw: b64(token + "\n"), Decoded: token}},
		{"base64 without padding", "Token " + strings.TrimRight(b64(short), "="), ocpi.Readings{Raw: strings.TrimRight(b64(short), "=")}},
		{"base64 of the URL alphabet", "Token " + base64.URLEncoding.EncodeToString([]byte("??>>~~")), ocpi.Readings{Raw: base64.URLEncoding.EncodeToString([]byte("??>>~~"))}},
		{"base64 with other tail bits", "Token " + nonCanonical(t, short), ocpi.Readings{Raw: nonCanonical(t, short)}},
		{"base64 with CRLF inside", "Token " + b64(short)[:4] + "\r\n" + b64(short)[4:], none},
		{"base64 with a space inside", "Token " + b64(short)[:4] + " " + b64(short)[4:], none},
		{"base64 of base64", "Token " + b64(b64(token)), ocpi.Readings{Raw: b64(b64(token)), Decoded: b64(token)}},
		{"leading space", "Token  " + token, none},
		{"trailing space", "Token " + token + " ", none},
		{"space before the scheme", " Token " + token, none},
		{"tab", "Token\t" + token, none},
		{"Bearer", "Bearer " + token, none},
		{"no scheme", token, none},
		{"no token", "Token ", none},
		{"nothing", "", none},
		{"two headers joined", "Token " + token + ", Token " + token, none},
		{"scheme in lower case", "token " + token, ocpi.Readings{Raw: token}},
		{"raw that is base64 of another", "Token " + other, ocpi.Readings{Raw: other, Decoded: "token-of-another"}},
		{"base64 of a token with a space inside", "Token " + b64("a b"), ocpi.Readings{Raw: b64("a b")}},
		{"base64 of a token with a line feed inside", "Token " + b64("a\nb"), ocpi.Readings{Raw: b64("a\nb")}},
		{"base64 of a leading space", "Token " + b64(" ab"), ocpi.Readings{Raw: b64(" ab")}},
		{"base64 of nothing but space", "Token " + b64("\n\n\n"), ocpi.Readings{Raw: b64("\n\n\n")}},
		{"base64 of NUL", "Token " + b64("a\x00b"), ocpi.Readings{Raw: b64("a\x00b")}},
		{"base64 of non-ASCII", "Token " + b64("é12"), ocpi.Readings{Raw: b64("é12")}},
		{"non-ASCII", "Token é", none},
		{"64 characters", "Token " + strings.Repeat("a.", 32), ocpi.Readings{Raw: strings.Repeat("a.", 32)}},
		{"65 characters", "Token " + strings.Repeat("a.", 32) + "a", none},
		{"base64 of 64 characters", "Token " + b64(strings.Repeat("a", 64)), ocpi.Readings{Decoded: strings.Repeat("a", 64)}},
		{"base64 of 65 characters", "Token " + b64(strings.Repeat("a", 65)), none},
		{"very long", "Token " + strings.Repeat("a", 100_000), none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := ocpi.ParseAuthorization(tt.header)
			if got != tt.want || ok != (tt.want != none) {
				t.Errorf("got %+v, %v, want %+v", got, ok, tt.want)
			}
		})
	}
}

// nonCanonical changes the unused bits of the last character before the padding.
func nonCanonical(t *testing.T, token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	s := []byte(b64(token))
	i := slices.Index(s, '=') - 1
	s[i] = alphabet[strings.IndexByte(alphabet, s[i])+1]
	if b, err := base64.StdEncoding.DecodeString(string(s)); err != nil || string(b) != token {
		t.Fatalf("%s is not another spelling of %s", s, token)
	}
	return string(s)
}

func FuzzAuthorization(f *testing.F) {
	f.Add("Token abc", "abc")
	f.Add("token ZXhhbXBsZS10b2tlbgo=", "example-token")
	f.Add("Token  x", strings.Repeat("~", 64))
	f.Fuzz(func(t *testing.T, header, token string) {
		r, ok := ocpi.ParseAuthorization(header)
		if ok != (r != ocpi.Readings{}) {
			t.Fatalf("%q: %+v, %v", header, r, ok)
		}
		for _, s := range []string{r.Raw, r.Decoded} {
			if s != "" && !ocpi.ValidToken(s) {
				t.Fatalf("%q gives the token %q", header, s)
			}
		}
		if r.Raw != "" && header[len("token "):] != r.Raw {
			t.Fatalf("%q gives the raw token %q", header, r.Raw)
		}
		if !ocpi.ValidToken(token) {
			return
		}
		if r, _ := ocpi.ParseAuthorization(ocpi.FormatAuthorization(token, ocpi.EncodingRaw)); r.Raw != token {
			t.Fatalf("raw %q comes back as %+v", token, r)
		}
		for _, enc := range []ocpi.TokenEncoding{ocpi.EncodingBase64, ocpi.EncodingAuto} {
			if r, _ := ocpi.ParseAuthorization(ocpi.FormatAuthorization(token, enc)); r.Decoded != token {
				t.Fatalf("%s of %q comes back as %+v", enc, token, r)
			}
		}
	})
}
