package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/ocpi"
)

func fullObject(body []byte) Object {
	return Object{
		ObjectKey: ObjectKey{Kind: "locations", Party: ocpi.PartyID{CountryCode: "NL", ID: "CPO"}, ID: "a"},
		Name:      "A", Prev: 1 << 40, Version: "2.2.1", Hash: []byte{1, 2}, Step: []byte(`{"status":"CHARGING"}`), Body: body,
	}
}

// roundTrip encodes o, and returns what is stored and what comes back.
func roundTrip(t testing.TB, c *codec, o Object) (data []byte, back Object) {
	t.Helper()
	data, _ = c.encode(nil, nil, &o)
	back = Object{ObjectKey: o.ObjectKey}
	if err := c.decode(data, &back, true); err != nil {
		t.Fatalf("reading %d bytes that were stored: %v", len(o.Body), err)
	}
	return data, back
}

func FuzzCodec(f *testing.F) {
	c := newCodec()
	f.Add([]byte(nil), []byte(nil))
	f.Add(dictionary1, dictionary1[:1000])
	f.Add([]byte(strings.Repeat(`{"status":"AVAILABLE"}`, 20)), []byte(`{"status":"CHARGING"}`))
	data, _ := c.encode(nil, nil, new(fullObject(dictionary1)))
	f.Add(data, data)
	f.Fuzz(func(t *testing.T, body, step []byte) {
		o := fullObject(append([]byte{}, body...))
		if o.Step = step; len(step) == 0 {
			o.Step = nil
		}
		data, back := roundTrip(t, c, o)
		if d := gocmp.Diff(o, back); d != "" {
			t.Errorf("what comes back differs (-stored +read):\n%s", d)
		}
		if len(data)%rowUnit != 0 {
			t.Errorf("%d bytes are stored: no multiple of %d", len(data), rowUnit)
		}
		// Any bytes may be found in the database, also behind a right sum.
		_ = c.decode(body, &back, true)
		_, _ = c.unpack(body)
		r := rowReader{rest: body}
		for !r.bad && len(r.rest) > 0 {
			r.number()
			r.field()
		}
	})
}

func TestDamageIsNoticed(t *testing.T) {
	c := newCodec()
	data, _ := roundTrip(t, c, fullObject(dictionary1[:2000]))
	for i := range data {
		for _, flip := range []byte{1, 0x80} {
			bad := bytes.Clone(data)
			bad[i] ^= flip
			if err := c.decode(bad, &Object{}, true); err == nil {
				t.Errorf("byte %d of %d changed: no error", i, len(data))
			}
		}
		if err := c.decode(data[:i], &Object{}, true); err == nil {
			t.Errorf("cut after %d of %d bytes: no error", i, len(data))
		}
	}
}

// A damaged object is an error that says what it is, and disturbs no other.
func TestDamagedRow(t *testing.T) {
	s := openTest(t, t.TempDir())
	o, other := fullObject([]byte(`{}`)), fullObject([]byte(`{}`))
	other.ID = "b"
	err := s.Write(t.Context(), func(tx *Tx) error {
		if err := tx.PutObject(&o); err != nil {
			return err
		}
		if err := tx.PutObject(&other); err != nil {
			return err
		}
		_, err := tx.exec(`UPDATE object SET data = $1 WHERE born = $2`, []byte{rowLayout, 1, 2, 3, 4, 5}, o.Born)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("object %d of locations: its stored bytes are damaged", o.Seq)
	_, _, err = s.Object(t.Context(), o.ObjectKey)
	_, feedErr := s.Feed(t.Context(), 0, 10)
	_, _, listErr := s.List(t.Context(), ListQuery{Kind: "locations"})
	for _, err := range []error{err, feedErr, listErr} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v; want %q", err, want)
		}
	}
	if _, found, err := s.Object(t.Context(), other.ObjectKey); !found || err != nil {
		t.Errorf("the other object: found %v, error %v", found, err)
	}
}

// What a version has stored, every later one reads: dictionary 1 stays as it is.
func TestDictionaryNeverChanges(t *testing.T) {
	sum := sha256.Sum256(dictionary1)
	if got := hex.EncodeToString(sum[:]); got != "5d9cc6dbf32d8d67810e2703a03e0d5ab0963ddb10e28173f3cc268c09da4a2e" {
		t.Errorf("dictionary 1 has changed: %s", got)
	}
	c := newCodec()
	const text = `{"country_code":"NL","party_id":"CPO","id":"1","publish":true,"name":"One","evses":[{"uid":"1","status":"AVAILABLE"}]}`
	stored, err := hex.DecodeString("0176ae360500316237050c4f6e65224630040431225d0f81230900087d5d7d")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.unpack(stored)
	if err != nil || string(got) != text {
		t.Errorf("what was stored reads %q, error %v", got, err)
	}
	if len(stored) > len(text)/2 {
		t.Errorf("%d bytes are kept as %d", len(text), len(stored))
	}
}
