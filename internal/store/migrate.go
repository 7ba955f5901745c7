package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables up to this version of the program. It refuses a
// database that a newer version has migrated.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, o ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	o = append(o, goose.WithDisableGlobalRegistry(true))
	if dialect == goose.DialectSQLite3 {
		files = forSQLite{files}
	}
	p, err := goose.NewProvider(dialect, db, files, o...)
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading the version of the database: %w", err)
	}
	if have > want {
		return fmt.Errorf("the database has version %d, this program knows %d: a newer version has used it", have, want)
	}
	return nil
}

// forSQLite spells the migrations for SQLite. A BIGINT PRIMARY KEY is an
// INTEGER PRIMARY KEY, which is the number of the row and needs no index of
// its own, and lines that end in "-- PostgreSQL only" are left out.
type forSQLite struct{ fs.FS }

func (f forSQLite) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "-- PostgreSQL only") {
			b.WriteString(strings.Replace(line, "BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY", 1))
		}
	}
	return spelt{file, strings.NewReader(b.String())}, nil
}

// spelt is a file with another text.
type spelt struct {
	fs.File
	text io.Reader
}

func (s spelt) Read(p []byte) (int, error) { return s.text.Read(p) }
