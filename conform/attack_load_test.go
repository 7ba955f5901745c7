package conform_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/conform"
	"github.com/eroam/eroam/ocpi"
)

const (
	slowLimit  = 20 * time.Second // by when a slow or idle connection must have been cut
	healthTime = 2 * time.Second  // generous: it is milliseconds on a machine with nothing else to do
	maxRSS     = 512 << 20
)

// bomb is a request that costs the hub more than it costs the sender.
type bomb struct {
	name    string
	headers string // beside Host, Authorization and routing
	body    func(w io.Writer) error
	want    []int // HTTP status; 0 stands for a connection that was closed
	max     int64 // bytes that the hub may take of the body; 0: any
}

func repeat(s string, n int) func(io.Writer) error {
	return func(w io.Writer) error {
		for ; n > 0; n-- {
			if _, err := io.WriteString(w, s); err != nil {
				return err
			}
		}
		return nil
	}
}

func sized(s string) (string, func(io.Writer) error) {
	return fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(s)), repeat(s, 1)
}

func bombs() []bomb {
	chunked := "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
	large := strings.Repeat("x", 64<<10)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(large), large)
	list := []bomb{
		{"1 GB declared", "Content-Type: application/json\r\nContent-Length: 1073741824\r\n", repeat(large, 1<<14), []int{413, 0}, 64 << 20},
		{"1 GB streamed", chunked, repeat(chunk, 1<<14), []int{413, 0}, 64 << 20},
		{"negative length", "Content-Length: -1\r\n", repeat("", 1), []int{400}, 0},
		{"slow body", "Content-Type: application/json\r\nContent-Length: 100000\r\n", drip, []int{408, 400, 0}, 0},
		{"slow chunks", chunked, dripChunks, []int{408, 400, 0}, 0},
		{"slow headers", "X-A: ", drip, []int{408, 400, 0}, 0},
	}
	many := make([]byte, 0, 4<<20)
	many = append(many, '{')
	for i := 0; len(many) < 3<<20; i++ {
		many = strconv.AppendInt(append(many, `"k`...), int64(i), 36)
		many = append(many, `":0,`...)
	}
	many = append(many, `"z":0}`...)
	for name, body := range map[string]string{
		"9,999 lists":         strings.Repeat("[", 9999) + strings.Repeat("]", 9999),
		"10,001 lists":        strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
		"a million lists":     strings.Repeat("[", 1<<20),
		"10,001 objects":      strings.Repeat(`{"a":`, 10001) + "1" + strings.Repeat("}", 10001),
		"many names":          string(many),
		"a number of 1 MB":    `{"last_updated":` + strings.Repeat("9", 1<<20) + `}`,
		"a name of 1 MB":      `{"` + strings.Repeat("n", 1<<20) + `":1}`,
		"escapes, 1 MB":       `{"id":"` + strings.Repeat(`\u0041`, 170_000) + `"}`,
		"an exponent of 1 MB": `{"last_updated":1e` + strings.Repeat("9", 1<<20) + `}`,
	} {
		h, b := sized(body)
		list = append(list, bomb{name, h, b, []int{200, 400}, 0}) // 200 with status 2001
	}
	for name, h := range map[string]string{
		"gzip": "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "deflate": "Content-Encoding: deflate\r\n",
		"multipart": "Content-Type: multipart/form-data; boundary=x\r\n", "a form": "Content-Type: application/x-www-form-urlencoded\r\n",
		"text": "Content-Type: text/plain\r\n",
	} {
		list = append(list, bomb{name, h + "Content-Length: 2\r\n", repeat("{}", 1), []int{415}, 0})
	}
	return list
}

func drip(w io.Writer) error {
	for end := time.Now().Add(slowLimit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if _, err := io.WriteString(w, " "); err != nil {
			return err
		}
	}
	return nil
}

func dripChunks(w io.Writer) error {
	for end := time.Now().Add(slowLimit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if _, err := io.WriteString(w, "1\r\n \r\n"); err != nil {
			return err
		}
	}
	return nil
}

// counted counts what the other side took.
type counted struct {
	net.Conn
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n += int64(n)
	return n, err
}

// TestT34BombsAreDefused throws large, deep, endless and slow requests at a hub,
// all at the same time, and holds idle connections. It refuses each with the
// right status, uses little memory, and answers everybody else.
func TestT34BombsAreDefused(t *testing.T) {
	hub := attack(t, build(t), "")
	from := hub.CPO1
	endpoint, _ := from.Platform.HubEndpoint(ocpi.Locations, ocpi.Receiver)
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	healthy := watchHealth(t, "http://"+u.Host+"/healthz")
	idle := holdIdle(t, u.Host, 500)
	var wg sync.WaitGroup
	for _, b := range bombs() {
		wg.Go(func() {
			head := fmt.Sprintf("PUT %s/NL/CP1/T34 HTTP/1.1\r\nHost: %s\r\nAuthorization: Token %s\r\nOCPI-from-country-code: NL\r\nOCPI-from-party-id: CP1\r\n"+
				"OCPI-to-country-code: DE\r\nOCPI-to-party-id: HUB\r\n%s", u.Path, u.Host,
				base64.StdEncoding.EncodeToString([]byte(from.Platform.Token())), b.headers)
			if strings.HasSuffix(b.headers, "\n") {
				head += "\r\n"
			}
			throw(t, u.Host, b, head)
		})
	}
	wg.Wait()
	for _, conn := range idle {
		_ = conn.SetReadDeadline(start.Add(slowLimit))
		if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("an idle connection is still open after %s: %v", time.Since(start).Round(time.Second), err)
			break
		}
	}
	healthy()
	if rss, ok := peakRSS(hub.cmd.Process.Pid); ok && rss > maxRSS {
		t.Errorf("the hub used %d MB", rss>>20)
	} else if ok {
		t.Logf("at most %d MB, %s", rss>>20, time.Since(start).Round(time.Millisecond))
	}
	for _, p := range hub.Platforms {
		for _, r := range p.Seen(func(r *conform.Request) bool { return strings.Contains(r.Target, "T34") }) {
			t.Errorf("%s was forwarded: %.200s", p.Name, r)
		}
	}
	status, r, err := send(t.Context(), message{from: hub.EMSP1, to: hub.Hub, method: http.MethodGet, module: ocpi.Locations, iface: ocpi.Sender})
	if err != nil || status != http.StatusOK || len(r.Get("data").Array()) != 0 {
		t.Errorf("afterwards: HTTP %d %s %v", status, r.Raw, err)
	}
}

// throw sends one request and judges what comes back.
func throw(t *testing.T, host string, b bomb, head string) {
	raw, err := net.Dial("tcp", host)
	if err != nil {
		t.Errorf("%s: %v", b.name, err)
		return
	}
	conn := &counted{Conn: raw}
	defer conn.Close()
	start := time.Now()
	_ = conn.SetDeadline(start.Add(slowLimit))
	answered := make(chan int, 1)
	go func() {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			answered <- 0
			return
		}
		body, _ := io.ReadAll(resp.Body) // what came is judged
		resp.Body.Close()
		status := resp.StatusCode
		if status == http.StatusOK && !strings.Contains(string(body), `"status_code":2001`) {
			status = -1
		}
		answered <- status
		_ = conn.Close() // it has said what it had to say; so stop sending
	}()
	if _, err := io.WriteString(conn, head); err == nil {
		_ = b.body(conn) // the hub may hang up at any moment
	}
	status := <-answered
	took := time.Since(start)
	ok := false
	for _, w := range b.want {
		ok = ok || w == status
	}
	if !ok {
		t.Errorf("%s: HTTP %d (0: closed, -1: a success), want one of %v", b.name, status, b.want)
	}
	if took >= slowLimit {
		t.Errorf("%s: it took %s", b.name, took)
	}
	if b.max > 0 && conn.n > b.max {
		t.Errorf("%s: the hub took %d bytes", b.name, conn.n)
	}
}

// watchHealth asks for the health of the hub all the time, until the returned
// function is called.
func watchHealth(t *testing.T, url string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	client := &http.Client{Timeout: healthTime, Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
			resp, err := client.Get(url)
			if err != nil {
				t.Errorf("health: %v", err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("health: HTTP %d", resp.StatusCode)
			}
		}
	}()
	return func() { close(done); <-ended }
}

func holdIdle(t *testing.T, host string, n int) []net.Conn {
	var out []net.Conn
	for range n {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		out = append(out, conn)
	}
	return out
}

// peakRSS is the most memory that a process had, where the system tells.
func peakRSS(pid int) (int64, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, ok := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	return n << 10, err == nil
}
