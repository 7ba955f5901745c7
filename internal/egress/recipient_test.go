package egress_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/egress"
)

// A request to a recipient is the request that its parts make together; what
// would end a line, or lead elsewhere, is refused. An answer to a Lean one has
// its header.
func TestRecipient(t *testing.T) {
	srv, got := echo(t)
	c := newClient(t, nil)
	to, err := egress.NewRecipient(srv+"/base/", http.Header{"X-Same": {"a"}})
	if err != nil {
		t.Fatal(err)
	}
	r := egress.Request{
		Platform: "p", Method: "PUT", URL: "/x/y?z=1", To: to, Fields: []egress.Field{{Name: "X-Own", Value: "b"}},
		Body: []byte("{}"), Timeout: long, Lean: true,
	}
	for range 2 { // on a new connection and on a kept one
		resp, err := c.Do(t.Context(), r)
		if err != nil || resp.Fields().Get("X-Answer") != "c" || string(resp.Body) != "ok" {
			t.Fatalf("%v %q %v", resp.Fields(), resp.Body, err)
		}
		if s := <-got; s != "PUT /base/x/y?z=1 a b application/json {}" {
			t.Errorf("the server got %q", s)
		}
	}
	for name, change := range map[string]func(*egress.Request){
		"no path":     func(r *egress.Request) { r.URL = "" },
		"other host":  func(r *egress.Request) { r.URL = ".example.com/" },
		"line in URL": func(r *egress.Request) { r.URL = "/x\r\nX: y" },
		"fragment":    func(r *egress.Request) { r.URL = "/x#y" },
		"long":        func(r *egress.Request) { r.URL = "/" + strings.Repeat("x", 5000) },
		"name":        func(r *egress.Request) { r.Fields = []egress.Field{{Name: "X:", Value: "y"}} },
		"value":       func(r *egress.Request) { r.Fields = []egress.Field{{Name: "X", Value: "y\r\nZ: z"}} },
		"ours":        func(r *egress.Request) { r.Fields = []egress.Field{{Name: "Content-Length", Value: "1"}} },
	} {
		bad := r
		change(&bad)
		_, err := c.Do(t.Context(), bad)
		if wantFailure(t, err, egress.Unreachable); len(got) > 0 {
			t.Errorf("%s: it was sent", name)
		}
	}
	for _, base := range []string{srv + "/?q=1", srv + "/#f", "ftp://x/", "http://user@127.0.0.1/"} {
		if _, err := egress.NewRecipient(base, nil); err == nil {
			t.Errorf("%s was taken", base)
		}
	}
	if _, err := egress.NewRecipient(srv, http.Header{"X": {"a\r\nb"}}); err == nil {
		t.Error("a header value of two lines was taken")
	}
}

// echo is a server that tells what it was asked.
func echo(t *testing.T) (url string, got chan string) {
	got = make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- strings.Join([]string{
			r.Method, r.RequestURI, r.Header.Get("X-Same"), r.Header.Get("X-Own"), r.Header.Get("Content-Type"), string(body),
		}, " ")
		w.Header().Set("X-Answer", "c")
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}
