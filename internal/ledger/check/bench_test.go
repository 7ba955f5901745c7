package check_test

import (
	"testing"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/tariff"
)

// BenchmarkRun reads a CDR of 2 periods with a tariff of 4 elements, and runs all
// checks, with all evidence there.
func BenchmarkRun(b *testing.B) {
	f := good(b)
	list, err := tariff.Compile(f.AtStart[0].Tariff)
	if err != nil {
		b.Fatal(err)
	}
	f.AtStart[0].List = list
	b.ReportAllocs()
	for b.Loop() {
		cdr, err := check.Read(f.v, f.body, nil)
		if err != nil {
			b.Fatal(err)
		}
		c := f.Case
		c.CDR = cdr
		if r := check.Run(&c); r.Verdict != check.Pass {
			b.Fatal(r.Findings)
		}
	}
}

// BenchmarkRead only reads it.
func BenchmarkRead(b *testing.B) {
	f := good(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := check.Read(f.v, f.body, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRunOvercharged is BenchmarkRun with a wrong total, for which known
// roundings and readings are tried.
func BenchmarkRunOvercharged(b *testing.B) {
	f := good(b)
	f.set("total_cost.excl_vat", "9.50")
	b.ReportAllocs()
	for b.Loop() {
		if r := f.run(); r.Verdict != check.Hold {
			b.Fatal(r.Findings)
		}
	}
}

// BenchmarkReportJSON writes a report.
func BenchmarkReportJSON(b *testing.B) {
	r := good(b).run()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.AppendJSON(make([]byte, 0, 4096)); err != nil {
			b.Fatal(err)
		}
	}
}
