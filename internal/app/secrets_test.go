package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealKey(t *testing.T) {
	c := newConfig(t)
	name := filepath.Join(c.Data, "seal.key")
	restart := func() {
		t.Helper()
		a, err := New(c, nil)
		check(t, err)
		check(t, a.Start(t.Context()))
		check(t, a.Stop(context.Background()))
	}
	restart()
	key, err := os.ReadFile(name)
	check(t, err)
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("seal.key: %v %v", info.Mode(), err)
	}
	restart()
	if again, _ := os.ReadFile(name); !bytes.Equal(key, again) {
		t.Error("a second start changes the key")
	}

	check(t, os.Remove(name))
	if msg := startError(t, c); !strings.Contains(msg, name+" is missing, and this database was made with it") {
		t.Errorf("without the key: %s", msg)
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a start without the key makes another one")
	}
	_, err = makeSealKey(name)
	check(t, err)
	if msg := startError(t, c); !strings.Contains(msg, "the sealing key is not the one that the database was written with") {
		t.Errorf("with another key: %s", msg)
	}
	check(t, os.WriteFile(name, []byte("short\n"), 0o600))
	if msg := startError(t, c); !strings.Contains(msg, "is damaged") {
		t.Errorf("with a damaged key: %s", msg)
	}
	check(t, os.WriteFile(name, key, 0o600))
	check(t, os.Chmod(name, 0o640))
	if msg := startError(t, c); !strings.Contains(msg, "chmod 600") {
		t.Errorf("with a key that others can read: %s", msg)
	}
	check(t, os.Chmod(name, 0o600))
	restart()
}

func TestAdminToken(t *testing.T) {
	c := newConfig(t)
	// try starts the hub and tells whether the tokens open the API.
	try := func(renew bool, tokens ...string) (first, opens string) {
		t.Helper()
		a, err := New(c, nil)
		check(t, err)
		a.NewAdminToken = renew
		check(t, a.Start(t.Context()))
		first = a.FirstToken()
		for _, token := range append(tokens, first) {
			r, err := http.NewRequest("GET", "http://"+a.Addr()+"/api/v1/hub", nil)
			check(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			q, err := http.DefaultClient.Do(r)
			check(t, err)
			q.Body.Close()
			if q.StatusCode == 200 {
				opens += "+"
			} else {
				opens += "-"
			}
		}
		check(t, a.Stop(context.Background()))
		return first, opens
	}
	first, opens := try(false)
	if len(first) < 50 || opens != "+" {
		t.Fatalf("the first start: %q %s", first, opens)
	}
	db, err := os.ReadFile(filepath.Join(c.Data, "eroam.db"))
	check(t, err)
	if bytes.Contains(db, []byte(first)) {
		t.Error("the token is in the database")
	}
	if again, opens := try(false, first); again != "" || opens != "+-" {
		t.Errorf("the second start: %q %s", again, opens)
	}
	second, opens := try(true, first)
	if second == "" || opens != "-+" {
		t.Errorf("a new token: %q %s", second, opens)
	}
	c.AdminToken = "from-the-configuration"
	if made, opens := try(false, second, "from-the-configuration"); made != "" || opens != "-+-" {
		t.Errorf("with a configured token: %q %s", made, opens)
	}
}
