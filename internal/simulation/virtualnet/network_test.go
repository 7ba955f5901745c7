package virtualnet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// site serves HTTP on a host and returns a client for it.
func site(t *testing.T, h http.HandlerFunc) (*Host, *http.Client) {
	n := New()
	host := n.Listen("10.0.0.1:80")
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(host)
	}()
	tr := &http.Transport{DialContext: n.Dial}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	return host, &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func get(c *http.Client) (string, error) {
	res, err := c.Get("http://10.0.0.1/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// TestHTTP speaks to a host that goes away and comes back.
func TestHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := strings.Repeat("x", 3*buffered)
		host, c := site(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big) })
		start := time.Now()
		for range 3 {
			if b, err := get(c); err != nil || b != big {
				t.Fatalf("got %d bytes, %v", len(b), err)
			}
		}
		if host.Dials() != 1 || time.Since(start) != 0 {
			t.Errorf("%d connections, %s", host.Dials(), time.Since(start))
		}
		host.Set(Refuses)
		if _, err := get(c); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a host that refuses: %v", err)
		}
		host.Set(Up)
		if b, err := get(c); err != nil || b != big {
			t.Errorf("back again: %d bytes, %v", len(b), err)
		}
		host.Set(Silent)
		start = time.Now()
		if _, err := get(c); !os.IsTimeout(err) || time.Since(start) != 10*time.Second {
			t.Errorf("a silent host: %v after %s", err, time.Since(start))
		}
		host.Set(Up)
		if b, err := get(c); err != nil || b != big {
			t.Errorf("back again: %d bytes, %v", len(b), err)
		}
	})
}

// TestHang: the server notices at once that its client has given up.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gaveUp time.Time
		_, c := site(t, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			gaveUp = time.Now()
		})
		start := time.Now()
		if _, err := get(c); !os.IsTimeout(err) {
			t.Error(err)
		}
		synctest.Wait()
		if gaveUp.Sub(start) != 10*time.Second {
			t.Errorf("noticed after %s", gaveUp.Sub(start))
		}
	})
}

// TestConn: deadlines in both directions, and what becomes of both ends when one
// is closed.
func TestConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		h := n.Listen("10.0.0.1:80")
		dial := func() (near, far net.Conn) {
			near, err := n.Dial(t.Context(), "tcp4", "10.0.0.1:80")
			if err != nil {
				t.Fatal(err)
			}
			far, err = h.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return near, far
		}
		near, far := dial()
		start := time.Now()
		_ = near.SetDeadline(start.Add(time.Second))
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("read: %v after %s", err, time.Since(start))
		}
		_ = near.SetWriteDeadline(start.Add(2 * time.Second))
		if k, err := near.Write(make([]byte, 2*buffered)); !errors.Is(err, os.ErrDeadlineExceeded) || k != buffered || time.Since(start) != 2*time.Second {
			t.Errorf("wrote %d: %v after %s", k, err, time.Since(start))
		}
		_ = near.Close()
		if b, err := io.ReadAll(far); err != nil || len(b) != buffered {
			t.Errorf("read %d: %v", len(b), err)
		}
		if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing to one that has left: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Dial(ctx, "tcp4", "10.0.0.2:80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a host that is not there: %v", err)
		}
		near, far = dial()
		_ = h.Close()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the host is gone: %v", err)
		}
		if _, err := h.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting: %v", err)
		}
		_, _ = near.Close(), far.Close()
	})
}
