package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

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
