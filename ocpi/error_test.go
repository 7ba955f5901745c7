package ocpi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func TestAsError(t *testing.T) {
	inner := ocpi.NotFound(ocpi.StatusUnknownLocation, "no such location")
	if got := ocpi.AsError(fmt.Errorf("looking: %w", inner)); got != inner {
		t.Errorf("got %v", got)
	}
	secret := errors.New("dial db: password hunter2")
	got := ocpi.AsError(secret)
	if got.HTTPStatus() != 500 || got.Status != 3000 || strings.Contains(got.Message, "hunter2") || !errors.Is(got, secret) {
		t.Errorf("got %+v", got)
	}
	for _, tt := range []struct {
		err          *ocpi.Error
		http, status int
	}{
		{ocpi.Invalid("id", "is missing"), 200, 2001}, {ocpi.Malformed("x"), 400, 2001}, {ocpi.Unauthorized(), 401, 2000}, {inner, 404, 2003},
	} {
		if tt.err.HTTPStatus() != tt.http || tt.err.Status != tt.status {
			t.Errorf("got %d %d, want %d %d", tt.err.HTTPStatus(), tt.err.Status, tt.http, tt.status)
		}
	}
}

func TestModules(t *testing.T) {
	for s, want := range map[string]ocpi.Module{"Booking": ocpi.Bookings, "bookings": ocpi.Bookings, "CDRs": ocpi.CDRs, "nltnm-x": "nltnm-x"} {
		if got := ocpi.ParseModule(s); got != want {
			t.Errorf("%s: got %s", s, got)
		}
	}
	for _, v := range ocpi.Versions() {
		for _, m := range ocpi.Functional(v) {
			if !m.Standard(v) {
				t.Errorf("%s of %s is not standard", m, v)
			}
			s, r := m.Implementer(ocpi.Sender), m.Implementer(ocpi.Receiver)
			if s != r.Opposite() || (s == ocpi.AnySide) != (m == ocpi.InvoiceReconciliation) {
				t.Errorf("%s: sender %v, receiver %v", m, s, r)
			}
		}
	}
	if ocpi.Bookings.Standard(ocpi.V221) || ocpi.Module("x").Standard(ocpi.V230) || ocpi.Version("2.1.1").Known() {
		t.Error("unknown things are known")
	}
}
