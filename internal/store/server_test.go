package store

import (
	"strings"
	"testing"
)

func TestServerCheck(t *testing.T) {
	good := server{version: 150000, fsync: "on", fullPageWrites: "on", synchronousCommit: "on"}
	for _, c := range []struct {
		change func(*server)
		want   string // part of the message; none if empty
	}{
		{func(*server) {}, ""},
		{func(v *server) { v.version = 180001; v.synchronousCommit = "remote_apply" }, ""},
		{func(v *server) { v.synchronousCommit = "local" }, ""},
		{func(v *server) { v.version = 149999 }, "PostgreSQL 14.9999 is too old"},
		{func(v *server) { v.version = 140012 }, "PostgreSQL 14.12 is too old: 15 or newer is needed"},
		{func(v *server) { v.fsync = "off" }, "fsync = off"},
		{func(v *server) { v.fullPageWrites = "off" }, "full_page_writes = off"},
		{func(v *server) { v.synchronousCommit = "off" }, "synchronous_commit = off"},
	} {
		v := good
		c.change(&v)
		err := v.check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", v, err, c.want)
		}
	}
}
