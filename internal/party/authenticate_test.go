package party

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// plant gives platform a full token of our choice, as if it had registered.
func (r *rig) plant(t *testing.T, id, token string, enc ocpi.TokenEncoding) {
	t.Helper()
	err := r.change(t.Context(), func(d *draft) error {
		p, err := d.platform(id)
		if err != nil {
			return err
		}
		p.State, p.Encoding = StateConnected, enc
		d.putPlatform(p)
		d.putToken(tokenRecord{hash: r.keys.digest(token), platform: id, kind: KindFull, created: d.now})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSpellingsOfAToken_A04_A05_T5(t *testing.T) {
	const token = "token-C?~of>platform+1" // 22 characters: padding, and + and / in Base64
	std := base64.StdEncoding.EncodeToString
	enc := std([]byte(token))
	spellings := []struct {
		name, header string
		base64, raw  bool // accepted in these modes; auto accepts both
	}{
		{"raw", "Token " + token, false, true},
		{"base64", "Token " + enc, true, false},
		{"base64 of token and line feed", "Token " + std([]byte(token+"\n")), true, false},
		{"lower-case scheme", "token " + enc, true, false},
		{"unpadded", "Token " + strings.TrimRight(enc, "="), false, false},
		{"url-safe", "Token " + base64.URLEncoding.EncodeToString([]byte(token)), false, false},
		{"non-canonical tail bits", "Token " + tailBits(enc), false, false},
		{"embedded CRLF", "Token " + enc[:8] + "\r\n" + enc[8:], false, false},
		{"double base64", "Token " + std([]byte(enc)), false, false},
		{"two spaces", "Token  " + enc, false, false},
		{"leading space", " Token " + enc, false, false},
		{"trailing space", "Token " + enc + " ", false, false},
		{"Bearer", "Bearer " + enc, false, false},
		{"no scheme", enc, false, false},
		{"two values", "Token " + enc + ", Token " + enc, false, false},
		{"space before the token", "Token " + std([]byte(" "+token)), false, false},
		{"other case", "Token " + strings.ToUpper(token), false, false},
		{"empty", "", false, false},
		{"scheme only", "Token ", false, false},
	}
	if !strings.ContainsAny(base64.URLEncoding.EncodeToString([]byte(token)), "-_") || !strings.HasSuffix(enc, "=") {
		t.Fatal("the token does not tell the encodings apart")
	}
	for _, mode := range []ocpi.TokenEncoding{ocpi.EncodingBase64, ocpi.EncodingRaw, ocpi.EncodingAuto} {
		r := newRig(t)
		inv := r.invite(grantOf("NLCP1", "CPO"))
		for _, s := range spellings {
			r.plant(t, inv.ID, token, mode)
			want := mode == ocpi.EncodingBase64 && s.base64 || mode == ocpi.EncodingRaw && s.raw || mode == ocpi.EncodingAuto && (s.base64 || s.raw)
			a, err := r.Authenticate(t.Context(), s.header)
			if (err == nil) != want {
				t.Errorf("%s, %s: accepted %v, want %v", mode, s.name, err == nil, want)
			}
			if err == nil && (a.Platform.ID != inv.ID || !a.Registered() || a.token != token) {
				t.Errorf("%s, %s: access %v", mode, s.name, a)
			}
			if e := ocpi.AsError(err); err != nil && *e != *ocpi.Unauthorized() {
				t.Errorf("%s, %s: answer %+v differs from the one 401", mode, s.name, e)
			}
		}
	}
}

// tailBits sets bits of the last character that decoders ignore unless strict.
func tailBits(enc string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(enc, '=') - 1
	c := strings.IndexByte(alphabet, enc[i])
	return enc[:i] + string(alphabet[c|1]) + enc[i+1:]
}

func TestRawTokenThatIsBase64OfAnother_T5(t *testing.T) {
	r := newRig(t)
	one, two := r.invite(grantOf("NLCP1", "CPO")), r.invite(grantOf("NLCP2", "CPO"))
	const short = "platform-two-token"
	long := base64.StdEncoding.EncodeToString([]byte(short))
	for _, modes := range [][2]ocpi.TokenEncoding{
		{ocpi.EncodingAuto, ocpi.EncodingAuto}, {ocpi.EncodingRaw, ocpi.EncodingBase64}, {ocpi.EncodingBase64, ocpi.EncodingRaw},
	} {
		r.plant(t, one.ID, long, modes[0])
		r.plant(t, two.ID, short, modes[1])
		if a, err := r.Authenticate(t.Context(), "Token "+long); err == nil {
			t.Errorf("%v: an ambiguous header opens %v", modes, a)
		}
	}
	r.plant(t, one.ID, long, ocpi.EncodingAuto)
	if a, err := r.Authenticate(t.Context(), b64(long)); err != nil || a.Platform.ID != one.ID {
		t.Errorf("the unambiguous spelling: %v %v", a, err)
	}
}

func TestAutoIsPinnedAtFirstUse(t *testing.T) {
	for _, tt := range []struct {
		pinned        ocpi.TokenEncoding
		first, second string
	}{{ocpi.EncodingBase64, b64("tok.en"), "Token tok.en"}, {ocpi.EncodingRaw, "Token tok.en", b64("tok.en")}} {
		r := newRig(t)
		inv := r.invite(grantOf("NLCP1", "CPO"))
		r.plant(t, inv.ID, "tok.en", ocpi.EncodingAuto)
		a, err := r.Authenticate(t.Context(), tt.first)
		if err != nil || a.Platform.Encoding != tt.pinned {
			t.Fatalf("%v, %v", a, err)
		}
		r.reopen()
		if got := r.platform(inv.ID).Encoding; got != tt.pinned {
			t.Errorf("after a restart the encoding is %s", got)
		}
		if _, err := r.Authenticate(t.Context(), tt.second); err == nil {
			t.Errorf("pinned to %s, the other spelling is accepted", tt.pinned)
		}
		if _, err := r.Authenticate(t.Context(), tt.first); err != nil {
			t.Errorf("pinned to %s, that spelling is refused", tt.pinned)
		}
	}
}

// TOKEN_A is sent by mail and typed by people: it must not pin anything.
func TestInviteDoesNotPin(t *testing.T) {
	r := newRig(t)
	inv, err := r.Invite(context.Background(), Invitation{Name: "x", Parties: []Grant{grantOf("NLCP1", "CPO")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{"Token " + inv.TokenA, b64(inv.TokenA), "Token " + inv.TokenA} {
		if a, err := r.Authenticate(t.Context(), h); err != nil || a.Platform.Encoding != ocpi.EncodingAuto {
			t.Errorf("%v %v", a, err)
		}
	}
}

func TestAccessDoesNotPrintItsToken(t *testing.T) {
	r := newRig(t)
	inv := r.invite(grantOf("NLCP1", "CPO"))
	a, err := r.Authenticate(t.Context(), b64(inv.TokenA))
	if err != nil || strings.Contains(a.String(), inv.TokenA) {
		t.Errorf("%v %v", a, err)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	k, _ := newKeyring(make([]byte, 32))
	r := &Registry{keys: k, now: time.Now}
	p := &Platform{ID: "p", State: StateConnected, Encoding: ocpi.EncodingBase64}
	tok := mintToken()
	rec := &tokenRecord{hash: k.digest(tok), platform: "p", kind: KindFull}
	r.view.Store(&view{snapshot: NewSnapshot(testHub, false, []*Platform{p}, nil), tokens: table[digest, *credential]{base: map[digest]*credential{rec.hash: {tokenRecord: rec, platform: p}}}})
	h := b64(tok)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Authenticate(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
}
