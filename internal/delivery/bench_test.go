//go:build unix

package delivery_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/egress/egresstest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func TestMain(m *testing.M) {
	if egresstest.Main() {
		return
	}
	os.Exit(m.Run())
}

// fan is a hub with many receivers in another process.
type fan struct {
	*Hub
	partner *egresstest.Partner // plays all of them
	lanes   int
	sent    int64
}

func newFan(b *testing.B, lanes int) *fan {
	f := &fan{partner: egresstest.Start(b), lanes: lanes}
	f.Hub = NewWith(b, true, egress.Options{}, func(o *delivery.Options) { o.MinBackoff, o.MaxBackoff = time.Second, time.Minute })
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range lanes {
		id := "DE" + string([]byte{letters[i/676], letters[i/26%26], letters[i%26]})
		f.register(b, party.Grant{CountryCode: "DE", PartyID: id[2:], Role: ocpi.RoleEMSP, Name: id})
	}
	f.Put(ocpi.Locations, "L", Location("L", t1), nil, false)
	f.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	f.Start()
	f.sent = int64(lanes)
	f.wait(b)
	f.Idle()
	return f
}

func (f *fan) register(b *testing.B, g party.Grant) {
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
		ocpi.NewMessageID(), f.partner.URL, g.PartyID)
	if _, err := f.Registry.Credentials(ctx, a, ocpi.V221, http.MethodPost, []byte(body)); err != nil {
		b.Fatal(err)
	}
}

// wait waits until everything that was sent has arrived.
func (f *fan) wait(b *testing.B) {
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		if f.partner.Count(b) >= f.sent {
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
