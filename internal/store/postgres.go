package store

import (
	"context"
	"errors"
)

func openPostgres(ctx context.Context, database string) (engine, error) {
	return engine{}, errors.New("PostgreSQL is not supported yet")
}
