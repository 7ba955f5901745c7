//go:build unix

package delivery_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

const benchReceiver = "EROAM_DELIVERY_BENCH_RECEIVER"

func TestMain(m *testing.M) {
	if os.Getenv(benchReceiver) != "" {
		receive()
		return
	}
	os.Exit(m.Run())
}

// receive is a receiver in a process of its own, that costs little. It writes
// its address, and after each line that it reads how many functional requests
// it has had.
func receive() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var n atomic.Int64
	url := "http://" + l.Addr().String()
	wrap := func(data string) string {
		body := `{"data":` + data + `,"status_code":1000,"timestamp":"2026-01-02T03:04:05Z"}`
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	versions := wrap(`[{"version":"2.2.1","url":"` + url + `/details"}]`)
	details := wrap(`{"version":"2.2.1","endpoints":[{"identifier":"credentials","role":"SENDER","url":"` + url + `/credentials"},` +
		`{"identifier":"locations","role":"RECEIVER","url":"` + url + `/locations"}]}`)
	done := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 55\r\n\r\n" +
		`{"status_code":1000,"timestamp":"2026-01-02T03:04:05Z"}`
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReaderSize(c, 8192)
				for {
					answer, length, err := readHead(r, versions, details)
					if err != nil {
						return
					}
					if answer == "" {
						answer = done
					}
					if _, err := r.Discard(length); err != nil {
						return
					}
					if answer == done {
						n.Add(1)
					}
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	fmt.Println(url)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(n.Load())
	}
}

func readHead(r *bufio.Reader, versions, details string) (answer string, length int, err error) {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return "", 0, err
		}
		switch {
		case first && strings.HasPrefix(string(line), "GET /versions "):
			answer = versions
		case first && strings.HasPrefix(string(line), "GET /details "):
			answer = details
		case len(line) == 2:
			return answer, length, nil
		case len(line) > 16 && strings.EqualFold(string(line[:15]), "content-length:"):
			fmt.Sscan(string(line[15:]), &length)
		}
	}
}

// fan is a hub with many receivers in another process.
type fan struct {
	*Hub
	in    io.Writer
	out   *bufio.Reader
	lanes int
	sent  int64
}

func newFan(b *testing.B, lanes int) *fan {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), benchReceiver+"=1")
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
	f := &fan{in: in, out: bufio.NewReader(out), lanes: lanes}
	url, err := f.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url = strings.TrimSpace(url)
	f.Hub = NewWith(b, true, egress.Options{}, func(o *delivery.Options) { o.MinBackoff, o.MaxBackoff = time.Second, time.Minute })
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range lanes {
		id := "DE" + string([]byte{letters[i/676], letters[i/26%26], letters[i%26]})
		f.register(b, url, party.Grant{CountryCode: "DE", PartyID: id[2:], Role: ocpi.RoleEMSP, Name: id})
	}
	f.Put(ocpi.Locations, "L", Location("L", t1), nil, false)
	f.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	f.Start()
	f.sent = int64(lanes)
	f.wait(b)
	f.Idle()
	return f
}

func (f *fan) register(b *testing.B, url string, g party.Grant) {
	ctx := context.Background()
	made, err := f.Registry.Invite(ctx, party.Invitation{Name: g.Name, Parties: []party.Grant{g}, Encoding: ocpi.EncodingBase64})
	if err != nil {
		b.Fatal(err)
	}
	a, err := f.Registry.Authenticate(ctx, "Token "+base64.StdEncoding.EncodeToString([]byte(made.TokenA)))
	if err != nil {
		b.Fatal(err)
	}
	body := fmt.Sprintf(`{"token":%q,"url":"%s/versions","roles":[{"role":"EMSP","party_id":%q,"country_code":"DE","business_details":{"name":"x"}}]}`,
		ocpi.NewMessageID(), url, g.PartyID)
	if _, err := f.Registry.Credentials(ctx, a, ocpi.V221, http.MethodPost, []byte(body)); err != nil {
		b.Fatal(err)
	}
}

// wait waits until everything that was sent has arrived.
func (f *fan) wait(b *testing.B) {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		fmt.Fprintln(f.in)
		var n int64
		if _, err := fmt.Fscan(f.out, &n); err != nil {
			b.Fatal(err)
		}
		if n >= f.sent {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.Fatal("not everything arrived")
}

// BenchmarkFanOut sends EVSE status changes to many receivers: one operation is
// one delivery. cpu-ns/op is what this process used, the answer included.
func BenchmarkFanOut(b *testing.B) {
	for _, lanes := range []int{200, 500} {
		b.Run(fmt.Sprint(lanes), func(b *testing.B) {
			f := newFan(b, lanes)
			changes := (b.N + lanes - 1) / lanes
			var before, after syscall.Rusage
			b.ReportAllocs()
			b.ResetTimer()
			syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for range changes {
				f.Put(ocpi.Locations, "L", with("L", "CHARGING"), status("L", "CHARGING"), false)
				f.sent += int64(lanes)
				f.wait(b)
			}
			syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			b.StopTimer()
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/float64(changes*lanes), "cpu-ns/delivery")
		})
	}
}

// BenchmarkNotConcerned writes changes that no receiver is entitled to: one
// operation is one change past 500 lanes.
func BenchmarkNotConcerned(b *testing.B) {
	f := newFan(b, 500)
	var before, after syscall.Rusage
	b.ResetTimer()
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for n := 0; n < b.N; n += 100 {
		err := f.Store.Write(context.Background(), func(tx *store.Tx) error {
			for i := range min(100, b.N-n) {
				o := f.Object(ocpi.Sessions, fmt.Sprint(i), `{}`)
				if err := tx.PutObject(&o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	f.Idle()
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/float64(b.N), "cpu-ns/change")
}

// BenchmarkIdleLane reports the memory of a lane that has delivered something
// and has nothing to do, without its connection.
func BenchmarkIdleLane(b *testing.B) {
	const lanes = 500
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	for range b.N {
		f := newFan(b, lanes)
		f.Idle()
		with := memory()
		f.Stop()
		b.ReportMetric((float64(with)-float64(memory()))/lanes, "B/lane")
	}
}
