package ocmf_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/ocmf"
	"github.com/eroam/eroam/ocpi/v221"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestFromOCPI varies one thing at a time of signed data that are right: a split
// transaction, plain_data beside it, and the enclosed key equal to the known.
func TestFromOCPI(t *testing.T) {
	m, stranger := newMeter(t, elliptic.P256()), newMeter(t, elliptic.P256())
	key := func(m meter) string { return base64.StdEncoding.EncodeToString(m.der(t)) }
	first, inner, last := payload("T7", begin), payload("T8", middle), payload("T9", end)
	k1 := string(read(t, "testdata/secp256k1.key"))
	type input struct {
		data  v221.SignedData
		known string
	}
	for name, c := range map[string]struct {
		change   func(in *input)
		want     ocmf.Outcome
		enclosed ocmf.Outcome
		codes    []ocmf.Code
	}{
		"right": {func(*input) {}, ocmf.Verified, ocmf.Verified, nil},
		"base64": {func(in *input) {
			for i := range in.data.SignedValues {
				v := &in.data.SignedValues[i]
				v.SignedData, v.PlainData = b64(v.SignedData), b64(v.PlainData)
			}
		}, ocmf.Verified, ocmf.Verified, nil},
		"other case":    {func(in *input) { in.data.EncodingMethod = "ocmf"; in.data.SignedValues[0].Nature = "START" }, ocmf.Verified, ocmf.Verified, nil},
		"in plain_data": {func(in *input) { v := &in.data.SignedValues[0]; v.PlainData, v.SignedData = v.SignedData, "3046" }, ocmf.Verified, ocmf.Verified, nil},
		"plain spaced":  {func(in *input) { in.data.SignedValues[0].PlainData = strings.ReplaceAll(first, `,"`, `, "`) }, ocmf.Verified, ocmf.Verified, nil},
		"plain is another": {func(in *input) { in.data.SignedValues[0].PlainData = strings.Replace(first, "100.5", "90.5", 1) },
			ocmf.Verified, ocmf.Verified, []ocmf.Code{ocmf.PlainDiffers}},
		"plain record is another": {func(in *input) {
			in.data.SignedValues[0].PlainData = b64(unsigned(strings.Replace(first, "100.5", "90.5", 1)))
		},
			ocmf.Verified, ocmf.Verified, []ocmf.Code{ocmf.PlainDiffers}},
		"plain is a number": {func(in *input) { in.data.SignedValues[0].PlainData = "100.5" }, ocmf.Verified, ocmf.Verified, nil},
		"whole in one": {func(in *input) {
			in.data.SignedValues = []v221.SignedValue{{Nature: "End", SignedData: m.record(t, payload("T7", begin, end))}}
		}, ocmf.Verified, ocmf.Verified, nil},
		"whole in both": {func(in *input) {
			text := m.record(t, payload("T7", begin, end))
			in.data.SignedValues = []v221.SignedValue{{Nature: "Start", SignedData: text}, {Nature: "End", SignedData: text}}
		}, ocmf.Verified, ocmf.Verified, nil},
		"no enclosed key": {func(in *input) { in.data.PublicKey = "" }, ocmf.Verified, ocmf.NoKey, nil},
		"no known key":    {func(in *input) { in.known = " " }, ocmf.NoKey, ocmf.Verified, nil},
		"enclosed key of a stranger": {func(in *input) { in.data.PublicKey = key(stranger) },
			ocmf.Verified, ocmf.Invalid, []ocmf.Code{ocmf.EnclosedKeyOther}},
		"signed by a stranger": {func(in *input) {
			in.data.PublicKey = key(stranger)
			for i, p := range []string{first, inner, last} {
				in.data.SignedValues[i].SignedData = stranger.record(t, p)
			}
		}, ocmf.Invalid, ocmf.Verified, []ocmf.Code{ocmf.EnclosedKeyOther}},
		"one value changed": {func(in *input) {
			v := &in.data.SignedValues[2]
			v.SignedData, v.PlainData = strings.Replace(v.SignedData, "112.75", "113.75", 1), ""
		}, ocmf.Invalid, ocmf.Invalid, nil},
		"known key is a point": {func(in *input) { in.known = hex.EncodeToString(m.point(t)) }, ocmf.Verified, ocmf.Verified, nil},
		"known key unreadable": {func(in *input) { in.known = "?" }, ocmf.CannotVerify, ocmf.Verified, []ocmf.Code{ocmf.KnownKeyUnusable}},
		"enclosed unreadable":  {func(in *input) { in.data.PublicKey = "?" }, ocmf.Verified, ocmf.CannotVerify, []ocmf.Code{ocmf.EnclosedKeyBroken}},
		"known key of a curve": {func(in *input) { in.known = k1 }, ocmf.CannotVerify, ocmf.Verified, []ocmf.Code{ocmf.EnclosedKeyOther}},
		"value unreadable":     {func(in *input) { in.data.SignedValues[1] = v221.SignedValue{Nature: "Intermediate", SignedData: "x"} }, ocmf.CannotVerify, ocmf.CannotVerify, []ocmf.Code{ocmf.RecordUnreadable, ocmf.PaginationWrong}},
		"value malformed":      {func(in *input) { in.data.SignedValues[1].SignedData = "OCMF|{}|{}" }, ocmf.CannotVerify, ocmf.CannotVerify, []ocmf.Code{ocmf.RecordUnreadable, ocmf.PaginationWrong}},
		"no value":             {func(in *input) { in.data.SignedValues = nil }, ocmf.CannotVerify, ocmf.CannotVerify, []ocmf.Code{ocmf.RecordUnreadable}},
		"end missing":          {func(in *input) { in.data.SignedValues = in.data.SignedValues[:2] }, ocmf.Verified, ocmf.Verified, []ocmf.Code{ocmf.NatureDiffers, ocmf.EndMissing}},
		"natures swapped":      {func(in *input) { v := in.data.SignedValues; v[0].Nature, v[2].Nature = "End", "Start" }, ocmf.Verified, ocmf.Verified, []ocmf.Code{ocmf.NatureDiffers, ocmf.NatureDiffers}},
		"driver of another": {func(in *input) {
			for i, p := range []string{first, inner, last} {
				in.data.SignedValues[i] = v221.SignedValue{Nature: in.data.SignedValues[i].Nature, SignedData: m.record(t, strings.Replace(p, "1F2D", "0000", 1))}
			}
		}, ocmf.Verified, ocmf.Verified, []ocmf.Code{ocmf.IDDiffers}},
		"Alfen":            {func(in *input) { in.data.EncodingMethod = "alfen eichrecht" }, ocmf.CannotVerify, ocmf.CannotVerify, []ocmf.Code{ocmf.EncodingForeign}},
		"EDL40":            {func(in *input) { in.data.EncodingMethod = "EDL40 E-Mobility Extension" }, ocmf.CannotVerify, ocmf.CannotVerify, []ocmf.Code{ocmf.EncodingForeign}},
		"Mennekes":         {func(in *input) { in.data.EncodingMethod = "EDL40 Mennekes" }, ocmf.CannotVerify, ocmf.CannotVerify, []ocmf.Code{ocmf.EncodingForeign}},
		"unknown encoding": {func(in *input) { in.data.EncodingMethod = "XML" }, ocmf.CannotVerify, ocmf.CannotVerify, []ocmf.Code{ocmf.EncodingUnknown}},
	} {
		t.Run(name, func(t *testing.T) {
			in := input{known: key(m), data: v221.SignedData{EncodingMethod: "OCMF", PublicKey: key(m), SignedValues: []v221.SignedValue{
				{Nature: "Start", PlainData: first, SignedData: m.record(t, first)},
				{Nature: "Intermediate", PlainData: inner, SignedData: m.record(t, inner)},
				{Nature: "End", PlainData: last, SignedData: m.record(t, last)},
			}}}
			c.change(&in)
			got := ocmf.FromOCPI(in.data, in.known, expected)
			wantOutcome(t, got.Verification, c.want)
			wantOutcome(t, got.Enclosed, c.enclosed)
			if diff := cmp.Diff(c.codes, codes(got.Problems)); diff != "" {
				t.Errorf("%s%v", diff, got.Problems)
			}
			if len(c.codes) == 0 && got.Transaction.EndEnergy-got.Transaction.StartEnergy < 12_250_000_000 {
				t.Errorf("%+v", got.Transaction)
			}
		})
	}
}

// A data set that is empty or absurd is no panic, and nothing is Verified.
func TestFromOCPINothing(t *testing.T) {
	for _, s := range []v221.SignedData{{}, {EncodingMethod: "OCMF"}, {EncodingMethod: "OCMF", SignedValues: make([]v221.SignedValue, 1001)}} {
		if got := ocmf.FromOCPI(s, "", expected); got.Verification.Outcome != ocmf.CannotVerify || len(got.Problems) == 0 {
			t.Errorf("%+v", got)
		}
	}
}
