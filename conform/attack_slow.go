package conform

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// endless are answers that never come to their end, or only after more than
// anybody should read. Each writes until the hub hangs up.
func endless() map[string]func(net.Conn) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	forever := func(start, part string, pause time.Duration) func(net.Conn) {
		return func(conn net.Conn) {
			_ = conn.SetDeadline(time.Now().Add(rawLimit)) // of the check itself
			_, err := io.WriteString(conn, start)
			for err == nil {
				if pause > 0 {
					time.Sleep(pause)
				}
				_, err = io.WriteString(conn, part)
			}
		}
	}
	const slow = 20 * time.Millisecond
	kilo := strings.Repeat("x", 1024)
	return map[string]func(net.Conn){
		"a slow status line":      forever("", "H", slow),
		"slow headers":            forever(head, "X", slow),
		"a slow body":             forever(head+"Content-Length: 1000000\r\n\r\n{", " ", slow),
		"a slow chunked body":     forever(head+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", slow),
		"an endless body":         forever(head+"Transfer-Encoding: chunked\r\n\r\n", "400\r\n"+kilo+"\r\n", 0),
		"a body until the close":  forever(head+"\r\n", kilo, 0),
		"a huge announced body":   forever(head+"Content-Length: 10000000000\r\n\r\n", kilo, 0),
		"a million headers":       forever(head, strings.Repeat("X-A: b\r\n", 100), 0),
		"one endless header":      forever(head+"X-A: ", kilo, 0),
		"endless interim answers": forever("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 0),
		"an endless chunk size":   forever(head+"Transfer-Encoding: chunked\r\n\r\n1;x=", kilo, 0),
		"endless chunk comments":  forever(head+"Transfer-Encoding: chunked\r\n\r\n", "1;"+kilo+"\r\n \r\n", 0),
		"an endless trailer":      forever(head+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "X-T: "+kilo+"\r\n", 0),
	}
}

func t36(t *T) {
	t.mayWait(t.o.ForwardTimeout)
	healthy := t.freshEMSP(t.CPO1)
	var wg sync.WaitGroup
	type outcome struct {
		name string
		r    *Response
		err  error
	}
	attacks := endless()
	outcomes := make(chan outcome, len(attacks))
	for name, answer := range attacks {
		e := t.freshEMSP(t.CPO1)
		e.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.Raw = answer })
		c := put(ocpi.Locations, t.CPO1, name, "", e)
		id := t.id()
		c.Path, c.Body, c.From = t.CPO1.Path(id), location(t.CPO1, id), t.CPO1
		wg.Go(func() {
			r, err := t.try(t.CPO1.Platform, c)
			outcomes <- outcome{name, r, err}
		})
	}
	// Meanwhile everybody else is served.
	stop := time.Now().Add(t.o.ForwardTimeout)
	for n := 0; time.Now().Before(stop); n++ {
		_, _, r := t.pushLocation(t.CPO1, healthy)
		t.ok(r)
		t.require(r.Took < t.o.ForwardTimeout, "another partner waited for %s", r.Took)
	}
	wg.Wait()
	close(outcomes)
	for o := range outcomes {
		t.require(o.err == nil, "%s: %v", o.name, o.err)
		t.require(o.r.Status/1000 == 4 && o.r.problem() == "", "%s: want a 4xxx envelope, got %s", o.name, o.r)
		t.require(o.r.Took < t.o.ForwardTimeout+2*time.Second, "%s: answered after %s; the limit is %s", o.name, o.r.Took, t.o.ForwardTimeout)
		t.notef("%s: %s", o.name, fmt.Sprint(o.r.Status, " after ", o.r.Took.Round(time.Millisecond)))
	}
}
