package conform

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// rawLimit bounds an exchange on a raw connection.
const rawLimit = 20 * time.Second

// dial opens a connection to the host of a URL. It is closed when the check ends.
func (t *T) dial(raw string) net.Conn {
	u, err := url.Parse(raw)
	t.require(err == nil, "%v", err)
	host, port := u.Hostname(), u.Port()
	d := net.Dialer{Timeout: t.o.Patience}
	var conn net.Conn
	switch {
	case u.Scheme == "https":
		if port == "" {
			port = "443"
		}
		conn, err = (&tls.Dialer{NetDialer: &d}).DialContext(t.ctx, "tcp", net.JoinHostPort(host, port))
	default:
		if port == "" {
			port = "80"
		}
		conn, err = d.DialContext(t.ctx, "tcp", net.JoinHostPort(host, port))
	}
	if err != nil {
		t.failf("connecting to the hub: %v", err)
	}
	t.cleanup = append(t.cleanup, func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(rawLimit)); err != nil {
		t.failf("%v", err)
	}
	return conn
}

// request writes down a request with exactly these header lines, each ended by
// CRLF, beside Host and Content-Length.
func (t *T) request(method, raw, headers, body string) (host, text string) {
	u, err := url.Parse(raw)
	t.require(err == nil, "%v", err)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, u.RequestURI(), u.Host, headers)
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return raw, b.String() + "\r\n" + body
}

func (t *T) get(raw, headers string) (host, text string) {
	return t.request(http.MethodGet, raw, headers, "")
}

// write sends what request made.
func (t *T) write(conn net.Conn, text string) {
	if _, err := io.WriteString(conn, text); err != nil {
		t.failf("writing to the hub: %v", err)
	}
}

// raw sends bytes on a connection of their own and reads one answer. A hub that
// closes the connection without an answer gives the zero Response.
func (t *T) raw(host, text string) *Response {
	conn := t.dial(host)
	defer conn.Close()
	start := time.Now()
	_, writeErr := io.WriteString(conn, text) // it may hang up before it has read all
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	out := &Response{URL: host, Call: Call{Method: strings.SplitN(text, " ", 2)[0]}}
	if err != nil {
		t.notef("raw → hub: %s … no answer: %v, %v", short(text), writeErr, err)
		return out
	}
	defer resp.Body.Close()
	out.Body, _ = io.ReadAll(resp.Body) // what came is judged
	out.HTTP, out.Header, out.Took = resp.StatusCode, resp.Header, time.Since(start)
	if gjson.ValidBytes(out.Body) {
		e := gjson.ParseBytes(out.Body)
		out.Status, out.Message, out.Data = int(e.Get("status_code").Int()), e.Get("status_message").String(), e.Get("data")
	}
	t.notef("raw → hub: %s", short(text))
	t.notef("  hub → raw: %s", out)
	return out
}

// locationPut is the header of a direct PUT of CPO1 to EMSP1 with one line
// replaced: the name of the header and the lines that take its place.
func (t *T) locationPut(id, name, lines string) (host, text string) {
	u, ok := t.CPO1.Platform.HubEndpoint(ocpi.Locations, ocpi.Receiver)
	t.require(ok, "the hub lists no locations endpoint")
	var b strings.Builder
	for _, h := range [][2]string{
		{"Authorization", "Token " + b64(t.CPO1.Platform.Token())}, {"Content-Type", "application/json"},
		{"X-Request-ID", "r-" + id}, {"X-Correlation-ID", "c-" + id},
		{"OCPI-from-country-code", t.CPO1.CountryCode}, {"OCPI-from-party-id", t.CPO1.ID},
		{"OCPI-to-country-code", t.EMSP1.CountryCode}, {"OCPI-to-party-id", t.EMSP1.ID},
	} {
		if h[0] != name {
			fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		}
	}
	b.WriteString(lines)
	return t.request(http.MethodPut, u+t.CPO1.Path(id), b.String(), location(t.CPO1, id))
}

func t40(t *T) {
	id := t.id()
	r := t.raw(t.locationPut(id, "", ""))
	t.ok(r)
	t.receives(t.EMSP1, About(id))

	long := strings.Repeat("a", 200_000)
	type bad struct{ header, lines string }
	var list []bad
	for _, h := range []string{
		"X-Request-ID", "X-Correlation-ID", "OCPI-from-country-code", "OCPI-from-party-id", "OCPI-to-country-code", "OCPI-to-party-id",
	} {
		for _, v := range []string{
			"a\x00b", "a\x01b", "a\x1b[31mb", "a\x7fb", "a\rX-Evil: 1", "a\nX-Evil 1", "caf\xc3\xa9", "\xff\xfe", "a\tb", long,
		} {
			list = append(list, bad{h, h + ": " + v + "\r\n"})
		}
		list = append(list,
			bad{h, h + ": CP1\r\n" + h + ": CP2\r\n"},
			bad{h, h + ": CP1\r\n" + strings.ToLower(h) + ": CP1\r\n"},
			bad{h, h + " : CP1\r\n"}, // a space before the colon
			bad{h, h + ": CP1\r\n folded\r\n"})
	}
	token := "Token " + b64(t.CPO1.Platform.Token())
	list = append(list,
		bad{"Authorization", "Authorization: " + token + "\r\nauthorization: " + token + "\r\n"},
		bad{"Authorization", "Authorization: " + token + "\x00\r\n"},
		bad{"Authorization", "Authorization: " + token + "\r\n \r\n"},
		bad{"Authorization", "Authorization: " + long + "\r\n"},
		bad{"", "X-Other: " + long + "\r\n"},
		bad{"", strings.Repeat("X-Many: 1\r\n", 20_000)},
		bad{"", "Transfer-Encoding: chunked\r\n"}, // beside Content-Length
		bad{"", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"},
		bad{"", "Content-Length: 5\r\n"},
		bad{"", "Host: other.example\r\n"},
	)
	for _, b := range list {
		id := t.id()
		r := t.raw(t.locationPut(id, b.header, b.lines))
		kept := r.Status == ocpi.StatusSuccess && (b.header == "X-Request-ID" || b.header == "X-Correlation-ID")
		if kept { // an id that cannot be used may be replaced by a fresh one
			got := t.receives(t.EMSP1, About(id))
			for _, v := range []string{got.RequestID(), got.CorrelationID()} {
				t.require(v != "" && len(v) <= 64 && printable(strings.ReplaceAll(v, " ", "")), "%q was forwarded for %q", v, short(b.lines))
			}
			t.require(got.Header.Get("X-Evil") == "", "a header was injected: %v", got.Header)
			continue
		}
		t.require(r.HTTP < 500 || r.HTTP == http.StatusNotImplemented, "%s: a server error: %s", short(b.lines), r)
		t.require(r.HTTP >= 400 || r.Status >= 2000 && r.Status < 3000 || r.HTTP == 0, "%s is accepted: %s", short(b.lines), r)
		t.nothingSoFar(About(id))
	}
	t.pause(quiet)
	t.onlyKnownHeaders()
}

// onlyKnownHeaders sends headers that are nobody's business but the hub's, and
// looks at what arrives.
func (t *T) onlyKnownHeaders() {
	id := t.id()
	c := put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1)
	c.Header = map[string]string{
		"Cookie": "a=b", "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil.example", "Forwarded": "for=1.2.3.4",
		"Via": "1.1 x", "Referer": "http://evil.example", "X-Evil": "1", "Proxy-Authorization": "Basic YTpi", "Te": "trailers",
	}
	t.ok(t.send(t.CPO1, c))
	got := t.receives(t.EMSP1, About(id))
	for name := range c.Header {
		t.require(got.Header.Get(name) == "", "%s was passed on: %v", name, got.Header)
	}
	t.require(got.Token != t.CPO1.Platform.Token(), "the sender's token was passed on")
}
