package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// maxListOwners keeps a list query below the 32766 parameters of SQLite.
const maxListOwners = 1 << 13

// List returns one page of the objects that the query selects, oldest Born
// first, and how many it selects without AfterBorn, Offset and Limit, both as
// they were at one moment. Limit 0 means no limit. More than 8192 owners are
// an error.
func (s *Store) List(ctx context.Context, q ListQuery) (objects []Object, total int, err error) {
	if q.Owners != nil && len(q.Owners) == 0 {
		return nil, 0, nil
	}
	if len(q.Owners) > maxListOwners {
		return nil, 0, errors.New("listing objects: too many owners")
	}
	var w where
	w.filter(q)
	count, countArgs := sqlCount+w.text.String(), w.args
	w.page(q)
	page, pageArgs := sqlPage+w.text.String(), w.args
	err = s.engine.read.snapshot(ctx, true, []string{count, page}, func(run queryFunc) error {
		if err := run(0, countArgs, func(scan scanFunc) error { return scan(&total) }); err != nil {
			return err
		}
		return run(1, pageArgs, func(scan scanFunc) error { return appendRow(&objects, scan, objectFields) })
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing objects of %s: %w", q.Kind, err)
	}
	return objects, total, nil
}

const (
	sqlCount = `SELECT count(*) FROM object WHERE NOT deleted`
	sqlPage  = `SELECT ` + objectColumns + ` FROM object WHERE NOT deleted`
)

// where builds the conditions of a list query with their parameters.
type where struct {
	text strings.Builder
	args []any
}

// add appends SQL in which each ? becomes the next numbered parameter.
func (w *where) add(text string, args ...any) {
	for _, a := range args {
		before, after, _ := strings.Cut(text, "?")
		w.args = append(w.args, a)
		w.text.WriteString(before + "$" + strconv.Itoa(len(w.args)))
		text = after
	}
	w.text.WriteString(text)
}

func (w *where) filter(q ListQuery) {
	w.add(" AND kind = ?", q.Kind)
	if q.Owners != nil {
		w.owners(q.Owners)
	}
	if q.Audience != "" {
		w.add(" AND audience IN ('', ?)", q.Audience)
	}
	if q.From != 0 {
		w.add(" AND last_updated >= ?", q.From)
	}
	if q.To != 0 {
		w.add(" AND last_updated < ?", q.To)
	}
}

// owners adds the owners as row values. It repeats the last one up to the next
// power of two, so that a handful of SQL texts serves every number of them.
func (w *where) owners(owners []ocpi.PartyID) {
	n := 1
	for n < len(owners) {
		n *= 2
	}
	w.add(" AND (country, party) IN (VALUES ")
	for i := range n {
		o := owners[min(i, len(owners)-1)]
		if i > 0 {
			w.add(",")
		}
		w.add("(?,?)", o.CountryCode, o.ID)
	}
	w.add(")")
}

func (w *where) page(q ListQuery) {
	if q.AfterBorn != 0 {
		w.add(" AND born > ?", q.AfterBorn)
	}
	limit := int64(q.Limit)
	if limit <= 0 {
		limit = math.MaxInt64
	}
	w.add(" ORDER BY born LIMIT ? OFFSET ?", limit, max(0, q.Offset))
}
