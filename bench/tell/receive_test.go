package main

import "testing"

func TestReceiver(t *testing.T) {
	for in, want := range map[string]int64{"PATCH /r/17/locations/NL": 17, "PUT /r/0/locations/NL": 0, "PUT /r/x/locations": -1, "PUT /q/1/": -1} {
		got, ok := receiver([]byte(in))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}
