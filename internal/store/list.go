package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxListOwners bounds what one list may ask for.
const maxListOwners = 1 << 13

// listTries bounds how often a list is selected again because something was
// committed meanwhile.
const listTries = 10

// errMoved says that the index and the database are of different moments.
var errMoved = errors.New("something was committed meanwhile")

// List returns one page of the objects that the query selects, oldest Born
// first, and how many it selects without AfterBorn, Offset and Limit, both as
// they were at one moment. When other processes never stop writing for long
// enough, the objects may be of a later moment than the number. Limit 0 means no
// limit. More than 8192 owners are an error.
//
// Totals and offsets come from the index in memory; the database reads the
// objects of the page.
func (s *Store) List(ctx context.Context, q ListQuery) (objects []Object, total int, err error) {
	err = s.selected(ctx, q, func(sel selection, late bool) (err error) {
		total = sel.total
		objects, err = s.read(ctx, sel.born, sel.at, late)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing objects of %s: %w", q.Kind, err)
	}
	return objects, total, nil
}

// selected has read called with what the query selects, again while it returns
// errMoved; the last time with late, which is to say that it must not. It is not
// called when nothing can be selected.
func (s *Store) selected(ctx context.Context, q ListQuery, read func(sel selection, late bool) error) error {
	if q.Owners != nil && len(q.Owners) == 0 {
		return nil
	}
	if len(q.Owners) > maxListOwners {
		return errors.New("too many owners")
	}
	for try := 1; ; try++ {
		err := read(s.index.page(q), try == listTries)
		if errors.Is(err, errMoved) {
			err = s.catchUp(ctx)
			if err == nil {
				continue
			}
		}
		return err
	}
}

// read returns the objects of these rows, in their order, when the feed ends at
// at; else errMoved, or when it is late those that are still there.
func (s *Store) read(ctx context.Context, born []int64, at int64, late bool) ([]Object, error) {
	objects := make([]Object, 0, len(born))
	queries := queriesAt([]string{sqlSeq}, objectColumns, len(born))
	err := s.engine.read.snapshot(ctx, queries, func(run queryFunc) error {
		if err := sameMoment(run, at, late); err != nil {
			return err
		}
		for i := 1; i < len(queries); i++ {
			if err := run(i, partOf(born, i-1), s.appendObject(&objects, true)); err != nil {
				return err
			}
		}
		return nil
	})
	return slices.DeleteFunc(objects, func(o Object) bool { return o.Deleted }), err
}

const rowsAtOnce = 1024

// queriesAt appends the queries that read n rows, rowsAtOnce each.
func queriesAt(queries []string, columns string, n int) []string {
	for ; n > 0; n -= rowsAtOnce {
		queries = append(queries, sqlObjectsAt(columns, min(n, rowsAtOnce)))
	}
	return queries
}

// partOf returns the arguments of the query with that number.
func partOf(born []int64, query int) []any {
	part := born[query*rowsAtOnce:]
	return rowArgs(part[:min(len(part), rowsAtOnce)])
}

// sqlObjectsAt reads n rows; it has the next power of four of parameters, so
// that a handful of SQL texts serves every n up to rowsAtOnce.
func sqlObjectsAt(columns string, n int) string {
	var b strings.Builder
	b.WriteString(`SELECT ` + columns + ` FROM object WHERE born IN (`)
	for i := range room(n) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(`) ORDER BY born`)
	return b.String()
}

func room(n int) int {
	r := 1
	for r < n {
		r *= 4
	}
	return r
}

// rowArgs repeats the last row up to the number of parameters.
func rowArgs(born []int64) []any {
	args := make([]any, room(len(born)))
	for i := range args {
		args[i] = born[min(i, len(born)-1)]
	}
	return args
}
