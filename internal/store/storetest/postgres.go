package storetest

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Postgres returns the URL of an empty schema on a PostgreSQL server of this
// test process: as good as a database of its own, and made in a tenth of the
// time. The first call starts the server, on a Unix socket in a temporary
// directory, with fsync on; the server ends with the process, however that
// ends, and takes its directory with it. The schema is dropped when the test
// ends.
//
// Without server binaries the test is skipped, but fails when CI=true or
// EROAM_REQUIRE_POSTGRES=1.
func Postgres(t testing.TB) (database string) {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = start(nil) })
	if shared.err != nil {
		refuse(t, shared.err)
	}
	return shared.server.create(t)
}

// PostgresServer is like [Postgres], on a server of its own with the given
// settings, such as "fsync=off", that is stopped when the test ends.
func PostgresServer(t testing.TB, settings ...string) (database string) {
	t.Helper()
	s, err := start(settings)
	if err != nil {
		refuse(t, err)
	}
	t.Cleanup(s.stop)
	return s.create(t)
}

// shared is the server of the test process: starting one for every test would
// cost a second each.
var shared struct {
	once   sync.Once
	server *server
	err    error
}

var errMissing = errors.New("no PostgreSQL server binaries (initdb and postgres, 15 or newer) in PATH or /usr/lib/postgresql/*/bin; " +
	"on Debian: apt-get install postgresql")

func refuse(t testing.TB, err error) {
	t.Helper()
	required := os.Getenv("CI") == "true" || os.Getenv("EROAM_REQUIRE_POSTGRES") == "1"
	if errors.Is(err, errMissing) && !required {
		t.Skipf("NOT TESTED ON POSTGRESQL: %v", err)
	}
	t.Fatal(err)
}

type server struct {
	dir   string
	admin *sql.DB
	count atomic.Int64
	alive io.Closer // the server runs until this is closed
	ended chan struct{}
}

func serverURL(dir, schema string) string {
	q := url.Values{"host": {dir}, "sslmode": {"disable"}, "search_path": {schema}}
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: q.Encode()}).String()
}

func (s *server) create(t testing.TB) (database string) {
	t.Helper()
	name := fmt.Sprintf("test%d", s.count.Add(1))
	if _, err := s.admin.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatalf("creating a schema: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.Exec("DROP SCHEMA " + name + " CASCADE"); err != nil {
			t.Errorf("dropping a schema: %v", err)
		}
	})
	return serverURL(s.dir, name)
}

func (s *server) stop() {
	_ = s.admin.Close()
	_ = s.alive.Close()
	<-s.ended
}

// watchScript starts the server and waits for the end of its input, which comes when
// the test process ends or wants it: that works for a killed process too. Then
// it stops the server and removes the directory.
const watchScript = `
trap '' HUP INT TERM
bin=$0 dir=$1
shift
"$bin" -D "$dir/data" -k "$dir" -c listen_addresses= "$@" </dev/null >"$dir/log" 2>&1 &
read -r line
kill -INT $! && wait $!
cd / && rm -rf "$dir"
`

func start(settings []string) (_ *server, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(shortTemp(), "eroam-postgres-")
	if err != nil {
		return nil, err
	}
	as, err := unprivileged(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(dir, "data"),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("running initdb: %w\n%s", err, out), os.RemoveAll(dir))
	}
	args := []string{"-c", watchScript, filepath.Join(bin, "postgres"), dir, "-c", "shared_buffers=16MB"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	watch := exec.Command("/bin/sh", args...)
	// A group of its own: an interrupt at the terminal must not kill the
	// watching shell before it has cleaned up.
	watch.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	watch.Dir = dir
	alive, err := watch.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := watch.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &server{dir: dir, alive: alive, ended: make(chan struct{})}
	if s.admin, err = sql.Open("pgx", serverURL(dir, "public")); err != nil {
		return nil, errors.Join(err, alive.Close())
	}
	go func() {
		defer close(s.ended)
		_ = watch.Wait()
	}()
	return s, s.await()
}

// await returns when the server takes connections.
func (s *server) await() error {
	var err error
	for range 600 {
		if err = s.admin.Ping(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	s.stop()
	return fmt.Errorf("starting PostgreSQL: %w\n%s", err, log)
}

// shortTemp is a directory in which the path of a Unix socket stays below the
// limit of about 100 bytes, and into which another user can look.
func shortTemp() string {
	if d := os.TempDir(); len(d) < 40 && os.Getuid() != 0 {
		return d
	}
	return "/tmp"
}

// unprivileged gives the directory to a user who may run PostgreSQL, which
// refuses to run as root. It returns nil when this process is not root.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a user to run PostgreSQL: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

// binaries returns the directory of the newest PostgreSQL that is installed.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if p, err := exec.LookPath("initdb"); err == nil {
		found = append(found, filepath.Dir(p))
	}
	best, version := "", 14
	for _, dir := range found {
		out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		// "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"
		for word := range strings.FieldsSeq(string(out)) {
			major, _, _ := strings.Cut(word, ".")
			if n, err := strconv.Atoi(major); err == nil && n > version {
				best, version = dir, n
				break
			}
		}
	}
	if best == "" {
		return "", errMissing
	}
	return best, nil
}
