package ocpi

import (
	"reflect"
	"testing"
)

// FuzzPlainEnvelope checks that what the short way takes is what the decoder
// makes of it.
func FuzzPlainEnvelope(f *testing.F) {
	for _, s := range []string{
		`{"status_code":1000,"timestamp":"2026-01-01T00:00:00.000Z"}`,
		` { "data" : null , "status_code" : 1000 , "status_message" : "Success" , "timestamp":"t" } ` + "\n",
		`{"status_code":1000,"status_code":1000}`, `{"status_code":1000,"data":null,"data":null}`,
		`{"status_message":"a","status_message":"b","status_code":1000}`, `{"timestamp":"a","timestamp":"b","status_code":1000}`,
		`{"status_code":0999}`, `{"status_code":10000}`, `{"status_code":1000.0}`, `{"status_code":100}`, `{"status_code":1e3}`,
		`{"status_code":1000,}`, `{"status_code":1000}}`, `{"status_code":1000`, `{}`, `{"timestamp":"t"}`, ``, `{"status_code":1000,"data":nullx}`,
		`{"status_code":1000,"status_message":"\u0041"}`, "{\"status_code\":1000,\"status_message\":\"\xff\"}", "{\"status_code\":1000,\"status_message\":\"\n\"}",
		`{"status_code":1000,"Status_code":2000}`, `{"status_code":1000,"extra":"x"}`, `{"status_code":"1000"}`, `{"status_code":1000 "timestamp":"t"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := plainEnvelope(body)
		if !ok {
			return
		}
		want, err := parseEnvelope(body)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v; the decoder says %+v, %v", body, got, want, err)
		}
	})
}

func TestPlainEnvelopeIsTaken(t *testing.T) {
	for _, s := range []string{
		`{"status_code":1000,"timestamp":"2026-01-01T00:00:00.000Z"}`,
		` { "data" : null , "status_code" : 2001 , "status_message" : "no" , "timestamp":"t" } `,
	} {
		if _, ok := plainEnvelope([]byte(s)); !ok {
			t.Errorf("%s is left to the decoder", s)
		}
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	body := []byte(`{"status_code":1000,"status_message":"Success","timestamp":"2026-01-01T00:00:00.000Z"}`)
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseEnvelope(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseEnvelope(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
