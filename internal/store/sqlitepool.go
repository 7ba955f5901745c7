package store

import (
	"context"
	"errors"
	"fmt"
)

// sqlitePool is the reader of SQLite: a few connections, each used by one caller
// at a time.
type sqlitePool struct {
	size int
	free chan *sqliteConn // closed after the last connection
}

func openSQLitePool(path string, size int) (*sqlitePool, error) {
	p := &sqlitePool{free: make(chan *sqliteConn, size)}
	for p.size < size {
		c, err := openSQLiteConn(sqliteName(path, "query_only(1)"))
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.free <- c
		p.size++
	}
	return p, nil
}

// close waits for those who read.
func (p *sqlitePool) close() error {
	var errs []error
	for range p.size {
		errs = append(errs, (<-p.free).close())
	}
	close(p.free)
	return errors.Join(errs...)
}

// with runs do with a connection.
func (p *sqlitePool) with(ctx context.Context, do func(c *sqliteConn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c, open := <-p.free:
		if !open {
			return ErrClosed
		}
		defer func() { p.free <- c }()
		return do(c)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *sqlitePool) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	if err := checkText(args); err != nil {
		return false, err
	}
	err = p.with(ctx, func(c *sqliteConn) error {
		found, err = c.row(ctx, query, args, into)
		return err
	})
	return found, err
}

func (p *sqlitePool) rows(ctx context.Context, query string, args []any, scan func(scanFunc) error) error {
	if err := checkText(args); err != nil {
		return err
	}
	return p.with(ctx, func(c *sqliteConn) error { return c.each(ctx, query, args, scan) })
}

func (p *sqlitePool) snapshot(ctx context.Context, queries []string, do func(queryFunc) error) error {
	return p.with(ctx, func(c *sqliteConn) (err error) {
		if _, err := c.exec(ctx, `BEGIN`, nil); err != nil {
			return fmt.Errorf("beginning to read: %w", err)
		}
		defer func() {
			_, end := c.exec(context.WithoutCancel(ctx), `COMMIT`, nil)
			err = errors.Join(err, end)
		}()
		return do(func(n int, args []any, scan func(scanFunc) error) error {
			if err := checkText(args); err != nil {
				return err
			}
			return c.each(ctx, queries[n], args, scan)
		})
	})
}
