package ocpi_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/go-json-experiment/json/jsontext"
)

func ExampleParseEnvelope() {
	e, err := ocpi.ParseEnvelope([]byte(`{"data":[{"id":"1"},{"id":"2"}],"status_code":1000,"timestamp":"2015-06-30T21:59:59Z"}`))
	if err != nil {
		panic(err)
	}
	for v, err := range ocpi.List(e.Data) {
		fmt.Println(string(v), err)
	}
	// Output:
	// {"id":"1"} <nil>
	// {"id":"2"} <nil>
}

func TestParseEnvelope(t *testing.T) {
	body := []byte(` {"x":{"status_code":1}, "status_message":"caf\u00e9" ,"data" : { "a" : 1.0 } ,"timestamp":"2015-06-30T21:59:59Z","status_code":2003} `)
	e, err := ocpi.ParseEnvelope(body)
	if err != nil {
		t.Fatal(err)
	}
	if string(e.Data) != `{ "a" : 1.0 }` || e.StatusCode != 2003 || e.StatusMessage != "café" || e.Timestamp != "2015-06-30T21:59:59Z" || e.Success() {
		t.Errorf("got %+v", e)
	}
	if &e.Data[0] != &body[bytes.Index(body, []byte(`{ "a"`))] {
		t.Error("data is not part of the body")
	}
	for body, success := range map[string]bool{
		`{"status_code":1000}`: true, `{"status_code":1999,"data":null,"status_message":null,"timestamp":7}`: true,
		`{"status_code":2000}`: false, `{"status_code":9999}`: false,
	} {
		if e, err := ocpi.ParseEnvelope([]byte(body)); err != nil || e.Success() != success {
			t.Errorf("%s: %+v, %v", body, e, err)
		}
	}
}

func TestParseEnvelopeRefused(t *testing.T) {
	for _, body := range []string{
		``, ` `, `null`, `[]`, `"x"`, `{}`, `<html>`, `{"status_code":"1000"}`, `{"status_code":1000.0}`, `{"status_code":1e3}`, `{"status_code":999}`,
		`{"status_code":10000}`, `{"status_code":-1000}`, `{"status_code":null}`, `{"Status_Code":1000}`, `{"status_code":1000}{}`, `{"status_code":1000`,
		`{"status_code":1000,"status_code":2000}`, `{"status_code":1000,"data":{"id":1,"id":2}}`, "\ufeff" + `{"status_code":1000}`,
		`{"status_code":1000,"data":"` + "\xff" + `"}`, `{"status_code":1000,"data":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		`{"status_code":99999999999999999999}`,
	} {
		if e, err := ocpi.ParseEnvelope([]byte(body)); !errors.Is(err, ocpi.ErrEnvelope) {
			t.Errorf("%q: got %+v, %v", body, e, err)
		}
	}
}

func TestList(t *testing.T) {
	tests := []struct {
		data, want string
		fails      bool
	}{
		{`[]`, ``, false}, {` [ 1.0 , {"a":[2]} , null ] `, `1.0|{"a":[2]}|null`, false},
		{``, ``, true}, {`null`, ``, true}, {`{}`, ``, true}, {`[1,`, `1`, true}, {`[1}`, `1`, true}, {`[1]2`, `1`, true},
	}
	for _, tt := range tests {
		var got []string
		failed := false
		for v, err := range ocpi.List(jsontext.Value(tt.data)) {
			if failed {
				t.Errorf("%s: goes on after an error", tt.data)
			}
			if err != nil {
				failed = true
				continue
			}
			got = append(got, string(v))
		}
		if strings.Join(got, "|") != tt.want || failed != tt.fails {
			t.Errorf("%s: got %q, failed %v", tt.data, got, failed)
		}
	}
	for range ocpi.List(jsontext.Value(`[1,2]`)) {
		break // must not go on
	}
}

func TestWriteEnvelope(t *testing.T) {
	now := time.Date(2024, 2, 29, 23, 59, 59, 120_000_000, time.FixedZone("", 3600))
	got := string(ocpi.AppendEnvelope(nil, []byte(`[1]`), 1000, "a\"\n", now))
	if want := `{"data":[1],"status_code":1000,"status_message":"a\"\n","timestamp":"2024-02-29T22:59:59.120Z"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w := httptest.NewRecorder()
	ocpi.WriteEnvelope(w, 404, ocpi.StatusUnknownLocation, "no such location", nil)
	if w.Code != 404 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
	e, err := ocpi.ParseEnvelope(w.Body.Bytes())
	if err != nil || e.StatusCode != 2003 || e.StatusMessage != "no such location" || e.Data != nil {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := ocpi.ParseTime(e.Timestamp); err != nil {
		t.Error(err)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"1"},2],"status_code":1000,"status_message":"x","timestamp":"2015-06-30T21:59:59Z"}`))
	f.Add([]byte(`{"status_code":2001,"data":{"a":"\u0000"}}`))
	f.Add([]byte(` {"status_code" : 1000 , "data" : [ ] } `))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		e, err := ocpi.ParseEnvelope(body)
		for range ocpi.List(jsontext.Value(body)) { // must not panic on anything
		}
		if string(body) != before {
			t.Fatal("the input was written to")
		}
		if err != nil {
			return
		}
		if e.StatusCode < 1000 || e.StatusCode > 9999 || e.Data != nil && !e.Data.IsValid() {
			t.Fatalf("%q gives %+v", body, e)
		}
		for v, err := range ocpi.List(e.Data) {
			if err == nil && !v.IsValid() || err != nil && e.Data.Kind() == '[' {
				t.Fatalf("%q has the element %q, %v", e.Data, v, err)
			}
		}
		again, err := ocpi.ParseEnvelope(ocpi.AppendEnvelope(nil, e.Data, e.StatusCode, e.StatusMessage, time.Now()))
		if err != nil || again.StatusCode != e.StatusCode || again.StatusMessage != e.StatusMessage || !bytes.Equal(again.Data, e.Data) {
			t.Fatalf("%+v comes back as %+v, %v", e, again, err)
		}
	})
}
