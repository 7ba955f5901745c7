package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"

	"modernc.org/sqlite"
)

// sqliteConn is a connection to SQLite with its prepared statements, for one
// goroutine at a time. It talks to the driver itself: package database/sql takes
// as long for a small statement as the statement. The number of statements is
// bounded: their texts are constants, and the variants of a few.
type sqliteConn struct {
	conn  driver.Conn
	known map[string]sqliteStatement
	args  []driver.NamedValue
}

type sqliteStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func openSQLiteConn(name string) (*sqliteConn, error) {
	conn, err := new(sqlite.Driver).Open(name)
	if err != nil {
		return nil, err
	}
	return &sqliteConn{conn: conn, known: map[string]sqliteStatement{}}, nil
}

func (c *sqliteConn) close() error {
	var errs []error
	for _, st := range c.known {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

// prepare returns the statement and the arguments for it.
func (c *sqliteConn) prepare(query string, args []any) (sqliteStatement, []driver.NamedValue, error) {
	c.args = c.args[:0]
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, nil, err
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	if st := c.known[query]; st != nil {
		return st, c.args, nil
	}
	prepared, err := c.conn.Prepare(positional(query))
	if err != nil {
		return nil, nil, err
	}
	st, ok := prepared.(sqliteStatement)
	if !ok {
		return nil, nil, errors.Join(errors.New("the driver of SQLite lacks statements with a context"), prepared.Close())
	}
	c.known[query] = st
	return st, c.args, nil
}

// exec returns the number of rows that the statement changed.
func (c *sqliteConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	st, values, err := c.prepare(query, args)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return n, err
}

// row reads the first row of a query, and runs it to its end.
func (c *sqliteConn) row(ctx context.Context, query string, args []any, into []any) (found bool, err error) {
	err = c.each(ctx, query, args, func(scan scanFunc) error {
		if found {
			return nil
		}
		found = true
		return scan(into...)
	})
	return found, err
}

// each calls scan for each row of a query. ctx ends it between two rows; a
// driver that watches a context starts a goroutine for it.
func (c *sqliteConn) each(ctx context.Context, query string, args []any, scan func(scanFunc) error) (err error) {
	st, values, err := c.prepare(query, args)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.WithoutCancel(ctx), values)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns := make([]driver.Value, len(rows.Columns()))
	take := func(into ...any) error {
		if len(into) != len(columns) {
			return fmt.Errorf("a row of %d columns is read into %d", len(columns), len(into))
		}
		for i, v := range columns {
			if err := assign(into[i], v); err != nil {
				return fmt.Errorf("column %d: %w", i+1, err)
			}
		}
		return nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := rows.Next(columns)
		if errors.Is(next, io.EOF) {
			return nil
		}
		if next != nil {
			return next
		}
		if err := scan(take); err != nil {
			return err
		}
	}
}

// assign is the part of what sql.Roc.Scan does that this package needs.
func assign(into any, v driver.Value) error {
	switch p := into.(type) {
	case sql.Scanner:
		return p.Scan(v)
	case *int64:
		if n, ok := v.(int64); ok {
			*p = n
			return nil
		}
	case *int:
		if n, ok := v.(int64); ok {
			*p = int(n)
			return nil
		}
	case *bool:
		if n, ok := v.(int64); ok {
			*p = n != 0
			return nil
		}
	case *string:
		switch v := v.(type) {
		case string:
			*p = v
			return nil
		case int64:
			*p = strconv.FormatInt(v, 10)
			return nil
		}
	case *[]byte:
		if b, ok := v.([]byte); ok {
			*p = b // the driver gives it away
			return nil
		}
	}
	return fmt.Errorf("cannot read a %T into a %T", v, into)
}
