package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

// startChild runs this test binary again as another process on the database.
func startChild(t *testing.T, role string, o store.Options) (c *exec.Cmd, out *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c = exec.Command(exe)
	c.Env = append(os.Environ(), "STORE_TEST_CHILD="+role, "STORE_TEST_DIR="+o.Dir, "STORE_TEST_DATABASE="+o.Database)
	c.Stderr = os.Stderr
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c, bufio.NewScanner(pipe)
}

// child is the main function of that process.
func child(role string) (code int) {
	o := store.Options{Dir: os.Getenv("STORE_TEST_DIR"), Database: os.Getenv("STORE_TEST_DATABASE")}
	if role == "disk-full" {
		signal.Ignore(syscall.SIGXFSZ)
	}
	s, err := store.Open(context.Background(), o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	switch role {
	case "write":
		writeForEver(s)
	case "fold":
		store.FoldOften(s)
		writeForEver(s)
	case "disk-full":
		err = fillDisk(s)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

// writeForEver prints each id when its write is acknowledged. Every seventh
// write fails after it has changed something.
func writeForEver(s *store.Store) {
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				o := object(id)
				err := s.Write(context.Background(), func(tx *store.Tx) error {
					if err := tx.PutObject(&o); err != nil {
						return err
					}
					if i%7 == 6 {
						return errors.New("refused")
					}
					return nil
				})
				if err == nil {
					fmt.Println(id)
				}
			}
		}()
	}
	select {}
}

// What was acknowledged before the process was killed is there, what was not
// is there wholly or not at all, and the database opens at once.
func TestKilledProcess(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, fresh func(testing.TB) store.Options) {
		o := fresh(t)
		var acknowledged []string
		for round := range 3 {
			c, out := startChild(t, "write", o)
			for n := 0; n < 150+100*round && out.Scan(); n++ {
				acknowledged = append(acknowledged, out.Text())
			}
			if err := c.Process.Kill(); err != nil { // SIGKILL
				t.Fatal(err)
			}
			for out.Scan() { // what it said before it died counts too
				acknowledged = append(acknowledged, out.Text())
			}
			_ = c.Wait()
			s, err := store.Open(t.Context(), o)
			if err != nil {
				t.Fatalf("opening after the kill: %v", err)
			}
			checkSurvivors(t, s, acknowledged)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if len(acknowledged) < 700 {
			t.Fatalf("only %d writes were acknowledged", len(acknowledged))
		}
	})
}

// The same while the log is folded into the database, and begun anew, all the
// time.
func TestKilledWhileFolding(t *testing.T) {
	o := storetest.SQLite(t)
	var acknowledged []string
	for round := range 5 {
		c, out := startChild(t, "fold", o)
		for n := 0; n < 300+170*round && out.Scan(); n++ {
			acknowledged = append(acknowledged, out.Text())
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() {
			acknowledged = append(acknowledged, out.Text())
		}
		_ = c.Wait()
		s, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatalf("opening after the kill: %v", err)
		}
		checkSurvivors(t, s, acknowledged)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var result string
	if err := raw(t, o).QueryRow("PRAGMA integrity_check").Scan(&result); err != nil || result != "ok" {
		t.Errorf("the database is %q, error %v", result, err)
	}
}

// The log does not grow with what is written: it begins anew, also while there
// are always readers.
func TestLogIsBounded(t *testing.T) {
	o := storetest.SQLite(t)
	s := storetest.Open(t, o)
	store.FoldOften(s)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, _, err := s.List(context.Background(), store.ListQuery{Kind: "locations", Limit: 100}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	const writes, each = 100, 30
	for w := range writes {
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			for i := range each {
				o := object(fmt.Sprint(w, "-", i))
				o.Body = make([]byte, 3000) // a page each
				_, _ = rand.NewChaCha8([32]byte{byte(w), byte(i)}).Read(o.Body)
				if err := tx.PutObject(&o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
	info, err := os.Stat(filepath.Join(o.Dir, "eroam.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if pages := info.Size() / 4096; pages > writes*each/2 {
		t.Errorf("%d writes of %d pages left a log of %d pages", writes, each, pages)
	}
}

func checkSurvivors(t *testing.T, s *store.Store, acknowledged []string) {
	t.Helper()
	objects, err := s.Feed(t.Context(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	last := int64(0)
	for _, o := range objects {
		there[o.ID] = true
		last = o.Seq
		var pid, w, i int
		if _, err := fmt.Sscanf(o.ID, "%d-%d-%d", &pid, &w, &i); err != nil || i%7 == 6 {
			t.Errorf("object %q should not be there", o.ID)
		}
	}
	for _, id := range acknowledged {
		if !there[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	if n, err := s.Seq(t.Context()); err != nil || n != last {
		t.Errorf("the feed ends at %d, error %v; the last change is %d", n, err, last)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	o := storetest.SQLite(t)
	first := storetest.Open(t, o)
	if s, err := store.Open(t.Context(), o); !errors.Is(err, store.ErrLocked) {
		if err == nil {
			s.Close()
		}
		t.Errorf("opening twice in one process: %v; want ErrLocked", err)
	}
	c, out := startChild(t, "open", o)
	out.Scan()
	want := fmt.Sprintf("in use by another process (process %d)", os.Getpid())
	if said := out.Text(); !strings.Contains(said, want) || !strings.Contains(said, o.Dir) {
		t.Errorf("the second process says %q; want %q and the directory", said, want)
	}
	if err := c.Wait(); err == nil {
		t.Error("the second process opened the database")
	}
	if err := put(first, "a"); err != nil {
		t.Errorf("the first process is disturbed: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	c, _ = startChild(t, "open", o)
	if err := c.Wait(); err != nil {
		t.Errorf("after the first process has closed: %v", err)
	}
}

// fillDisk writes until the file system refuses, then again when it does not.
func fillDisk(s *store.Store) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	full := limit
	full.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				o := object(fmt.Sprintf("%d-%d", w, i))
				o.Body = make([]byte, 3000)
				err := s.Write(context.Background(), func(tx *store.Tx) error { return tx.PutObject(&o) })
				if err != nil {
					return
				}
				fmt.Println(o.ID)
			}
		})
	}
	wg.Wait()
	full.Cur = 1 // what is too small for those writes may have room for a smaller one
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	if err := s.Ping(context.Background()); err == nil {
		return errors.New("Ping sees nothing of a full disk")
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := s.Ping(context.Background()); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if err := put(s, "after"); err != nil {
		return err
	}
	fmt.Println("after")
	return nil
}

// A full disk is an error, never a false acknowledgement, and the store works
// again as soon as there is room.
func TestFullDisk(t *testing.T) {
	o := storetest.SQLite(t)
	c, out := startChild(t, "disk-full", o)
	var acknowledged []string
	for out.Scan() {
		if strings.HasPrefix(out.Text(), "failed") {
			t.Error(out.Text())
			continue
		}
		acknowledged = append(acknowledged, out.Text())
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := len(acknowledged); n < 50 || acknowledged[n-1] != "after" {
		t.Errorf("%d writes were acknowledged before the disk was full", n)
	}
	s := storetest.Open(t, o)
	for _, id := range acknowledged {
		if _, found, err := s.Object(t.Context(), object(id).ObjectKey); !found || err != nil {
			t.Errorf("%s was acknowledged: found %v, error %v", id, found, err)
		}
	}
}
