package wire

import "testing"

func TestFrame(t *testing.T) {
	for _, c := range []struct {
		in           string
		head, length int
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 38, 2},
		{"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nDate: x\r\n\r\n", 48, 12},
		{"HTTP/1.1 200 OK\r\nContent-Le", -1, 0},
	} {
		head, length, err := Frame([]byte(c.in))
		if head != c.head || length != c.length || err != nil {
			t.Errorf("%q: %d, %d, %v; want %d, %d", c.in, head, length, err, c.head, c.length)
		}
	}
	if _, _, err := Frame([]byte("HTTP/1.1 200 OK\r\n\r\n")); err == nil {
		t.Error("an answer without a length is taken")
	}
}
