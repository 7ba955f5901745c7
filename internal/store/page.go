package store

import (
	"context"
	"errors"
	"fmt"
)

// Page is a part of a list with the bodies of its objects. It takes its memory
// from the store and gives it back: a hub that serves a page of two megabytes
// many times a second would otherwise do little but collect garbage.
type Page struct {
	Objects []Listed
	Total   int  // how many the query selects without AfterBorn, Offset and Limit
	More    bool // there are objects behind the last one

	arena arena
	store *Store
}

// Listed is what a list shows of an object. Body is valid until the page is
// released.
type Listed struct {
	Born, Seq int64
	Version   string
	Body      []byte
}

// Release ends the use of the page and of every body in it. It may be left out,
// for nil too; it must not be called twice.
func (p *Page) Release() {
	if p == nil || p.store == nil {
		return
	}
	s := p.store
	p.reset()
	p.store, p.Total, p.More = nil, 0, false
	s.pages.Put(p)
}

func (p *Page) reset() {
	clear(p.Objects)
	p.Objects = p.Objects[:0]
	p.arena.reset()
}

// arena is memory that is given out in pieces and taken back as a whole.
type arena struct {
	blocks [][]byte
	block  int // in use
	used   int // of it
}

const (
	arenaBlock = 256 << 10
	arenaKept  = 4 << 20 // a larger one is not kept for another page
)

// take returns n bytes that nobody else has. They hold what was there before.
func (a *arena) take(n int) []byte {
	for ; a.block < len(a.blocks); a.block, a.used = a.block+1, 0 {
		if b := a.blocks[a.block]; len(b)-a.used >= n {
			a.used += n
			return b[a.used-n : a.used : a.used]
		}
	}
	b := make([]byte, max(n, arenaBlock))
	a.blocks, a.used = append(a.blocks, b), n
	return b[:n:n]
}

func (a *arena) reset() {
	size := 0
	for i, b := range a.blocks {
		if size += len(b); size > arenaKept {
			clear(a.blocks[i:])
			a.blocks = a.blocks[:i]
			break
		}
	}
	a.block, a.used = 0, 0
}

// errFull ends the reading of a page at its size, errSparse where most of what
// lies between the rows that are wanted is something else.
var (
	errFull   = errors.New("the page is full")
	errSparse = errors.New("the rows lie too far apart")
)

// Page returns what [Store.List] does, with little but the bodies, and ends it
// with the object whose body reaches so many bytes in all. Limit must be set.
func (s *Store) Page(ctx context.Context, q ListQuery, bytes int) (*Page, error) {
	p, _ := s.pages.Get().(*Page)
	if p == nil {
		p = &Page{}
	}
	p.store = s
	if err := s.fillPage(ctx, p, q, bytes); err != nil {
		p.Release()
		return nil, fmt.Errorf("listing objects of %s: %w", q.Kind, err)
	}
	return p, nil
}

func (s *Store) fillPage(ctx context.Context, p *Page, q ListQuery, bytes int) error {
	limit := q.Limit
	if limit <= 0 {
		return errors.New("a page without a limit")
	}
	q.Limit++ // one more than needed shows whether there is more
	return s.selected(ctx, q, func(sel selection, late bool) error {
		p.Total, p.More = sel.total, len(sel.born) > limit
		wanted := sel.born[:min(limit, len(sel.born))]
		// The usual page is a part of the table without much in between: read in
		// one go it takes half as long as row by row.
		err := s.readPage(ctx, p, sel.at, late, wanted, sel.dense, bytes)
		if errors.Is(err, errSparse) {
			err = s.readPage(ctx, p, sel.at, late, wanted, false, bytes)
		}
		if errors.Is(err, errFull) {
			p.More = p.More || p.Objects[len(p.Objects)-1].Born != wanted[len(wanted)-1]
			err = nil
		}
		return err
	})
}

const (
	listedColumns = `born, seq, deleted, data`
	sqlPageRange  = `SELECT ` + listedColumns + ` FROM object WHERE born >= $1 AND born <= $2 ORDER BY born LIMIT $3`
)

// readPage reads the wanted rows when the feed ends at at, else errMoved, or with
// late those that are still there. In a range it reads what lies between them too.
func (s *Store) readPage(ctx context.Context, p *Page, at int64, late bool, wanted []int64, inRange bool, bytes int) error {
	p.reset()
	queries := []string{sqlSeq}
	if inRange {
		queries = append(queries, sqlPageRange)
	} else {
		queries = queriesAt(queries, listedColumns, len(wanted))
	}
	r := pageRow{store: s, page: p, wanted: wanted, left: bytes}
	return s.engine.read.snapshot(ctx, queries, func(run queryFunc) error {
		if err := sameMoment(run, at, late); err != nil || len(wanted) == 0 {
			return err
		}
		scan := r.scanner()
		if !inRange {
			for i := 1; i < len(queries); i++ {
				if err := run(i, partOf(wanted, i-1), scan); err != nil {
					return err
				}
			}
			return nil
		}
		most := mostBetween(len(wanted))
		if err := run(1, []any{wanted[0], wanted[len(wanted)-1], most}, scan); err != nil {
			return err
		}
		if r.read == most && len(r.wanted) > 0 {
			return errSparse
		}
		return nil
	})
}

// mostBetween bounds how many rows are read to find n that are wanted.
func mostBetween(n int) int { return n + n/4 + 16 }

// sameMoment reports errMoved when the feed does not end at at, unless any moment
// will do.
func sameMoment(run queryFunc, at int64, late bool) error {
	var end int64
	if err := run(0, nil, func(scan scanFunc) error { return scan(&end) }); err != nil {
		return err
	}
	if end != at && !late {
		return errMoved
	}
	return nil
}

// pageRow reads the rows of a page, in order.
type pageRow struct {
	store  *Store
	page   *Page
	wanted []int64 // rows that were not seen yet
	read   int
	left   int // bytes

	born, seq int64
	deleted   bool
	data      []byte
	version   string
}

func (r *pageRow) scanner() func(scanFunc) error {
	fields := []any{&r.born, &r.seq, &r.deleted, &r.data}
	return func(scan scanFunc) error {
		if err := scan(fields...); err != nil {
			return err
		}
		r.read++
		for len(r.wanted) > 0 && r.wanted[0] < r.born { // no longer there
			r.wanted = r.wanted[1:]
		}
		if len(r.wanted) == 0 || r.wanted[0] != r.born {
			return nil
		}
		r.wanted = r.wanted[1:]
		if r.deleted {
			return nil
		}
		return r.take()
	}
}

func (r *pageRow) take() error {
	version, body, err := r.store.codec.decodeBody(r.data, &r.page.arena)
	if err != nil {
		return fmt.Errorf("object %d: %w", r.seq, err)
	}
	if string(version) != r.version {
		r.version = string(version)
	}
	r.page.Objects = append(r.page.Objects, Listed{r.born, r.seq, r.version, body})
	if r.left -= len(body); r.left <= 0 {
		return errFull
	}
	return nil
}
