//go:build unix

package egress_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
)

const benchServer = "EROAM_EGRESS_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(benchServer) != "" {
		serveBench()
		return
	}
	os.Exit(m.Run())
}

// serveBench is a server that costs as little as possible. It ends with its
// standard input.
func serveBench() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 55\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n" +
		`{"status_code":1000,"timestamp":"2026-01-02T03:04:05Z"}`)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReaderSize(c, 8192)
			for {
				length := 0
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == 2 {
						break
					}
					if len(line) > 16 && strings.EqualFold(string(line[:15]), "content-length:") {
						fmt.Sscan(string(line[15:]), &length)
					}
				}
				if _, err := r.Discard(length); err != nil {
					return
				}
				c.Write(answer)
			}
		}()
	}
}

func startBenchServer(b *testing.B) (addr string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchServer+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
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
	addr := startBenchServer(b)
	url := "http://" + addr + "/ocpi/2.2.1/receiver/sessions/NL/CP1/abc"
	body := bytes.Repeat([]byte("x"), 1500)
	b.Run("egress", func(b *testing.B) {
		c := newClient(b, func(o *egress.Options) { o.PerPlatform = 64 })
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
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
