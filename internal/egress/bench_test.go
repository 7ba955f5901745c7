//go:build unix

package egress_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/egress/egresstest"
)

func TestMain(m *testing.M) {
	if egresstest.Main() {
		return
	}
	os.Exit(m.Run())
}

func benchHeader() http.Header {
	return http.Header{
		"Authorization": {"Token aGVsbG8td29ybGQtaGVsbG8td29ybGQ="}, "Content-Type": {"application/json"},
		"X-Request-Id": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, "X-Correlation-Id": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		"Ocpi-To-Country-Code": {"NL"}, "Ocpi-To-Party-Id": {"CP1"}, "Ocpi-From-Country-Code": {"DE"}, "Ocpi-From-Party-Id": {"MS1"},
	}
}

// run64 runs do b.N times by 64 goroutines and reports the CPU of this process
// for each.
func run64(b *testing.B, do func() error) {
	work := make(chan struct{}, 64)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range work {
				if err := do(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	var before, after syscall.Rusage
	b.ReportAllocs()
	b.ResetTimer()
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
}

// BenchmarkExchange compares a POST of 1.5 kB by 64 callers with net/http.
func BenchmarkExchange(b *testing.B) {
	url := egresstest.Start(b).URL + "/ocpi/2.2.1/receiver/sessions/NL/CP1/abc"
	body := bytes.Repeat([]byte("x"), 1500)
	b.Run("egress", func(b *testing.B) {
		c := newClient(b, func(o *egress.Options) { o.PerPlatform = 64 })
		ctx := b.Context()
		run64(b, func() error {
			_, err := c.Do(ctx, egress.Request{Platform: "p", Method: "POST", URL: url, Header: benchHeader(), Body: body, Timeout: 5 * time.Second})
			return err
		})
	})
	b.Run("nethttp", func(b *testing.B) {
		tr := &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64, DisableCompression: true}
		defer tr.CloseIdleConnections()
		run64(b, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader(body))
			if err != nil {
				return err
			}
			req.Header = benchHeader()
			resp, err := tr.RoundTrip(req)
			if err != nil {
				return err
			}
			_, err = io.ReadAll(io.LimitReader(resp.Body, 4<<20))
			resp.Body.Close()
			return err
		})
	})
}
