package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

// ErrMoved says that another process has changed what was read before.
var ErrMoved = errors.New("store: changed by another process")

// CrawlRow is how far the crawl of a partner's list has come. State is JSON that
// package crawl writes and reads.
type CrawlRow struct {
	Job      string
	Revision int64 // 0: not stored yet
	State    []byte
}

const (
	sqlAddCrawl = `INSERT INTO crawl (job, revision, state) VALUES ($1, 1, $2) ON CONFLICT (job) DO NOTHING`
	sqlSetCrawl = `UPDATE crawl SET revision = revision + 1, state = $2 WHERE job = $1 AND revision = $3`
)

// PutCrawl replaces the row as it was read, with its Revision, and raises
// Revision. It fails with [ErrMoved] when the row has changed since.
func (tx *Tx) PutCrawl(c CrawlRow) error {
	query, args := sqlSetCrawl, []any{c.Job, blob(c.State), c.Revision}
	if c.Revision == 0 {
		query, args = sqlAddCrawl, args[:2]
	}
	n, err := tx.exec(query, args...)
	if err != nil {
		return fmt.Errorf("storing crawl %s: %w", c.Job, err)
	}
	if n == 0 {
		return tx.fail(ErrMoved)
	}
	return nil
}

const sqlCrawls = `SELECT job, revision, state FROM crawl ORDER BY job`

// Crawls returns all rows, ordered by job.
func (s *Store) Crawls(ctx context.Context) ([]CrawlRow, error) {
	var rows []CrawlRow
	err := s.engine.read.rows(ctx, sqlCrawls, nil, func(scan scanFunc) error {
		return appendRow(&rows, scan, crawlFields)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the crawls: %w", err)
	}
	return rows, nil
}

const sqlCrawl = `SELECT job, revision, state FROM crawl WHERE job = $1`

// Crawl returns the row of a job; one with Revision 0 when there is none.
func (s *Store) Crawl(ctx context.Context, job string) (CrawlRow, error) {
	c := CrawlRow{Job: job}
	if _, err := s.engine.read.row(ctx, sqlCrawl, []any{job}, crawlFields(&c)...); err != nil {
		return c, fmt.Errorf("reading crawl %s: %w", job, err)
	}
	return c, nil
}

func crawlFields(c *CrawlRow) []any { return []any{&c.Job, &c.Revision, (*blob)(&c.State)} }

const sqlSeeCrawled = `INSERT INTO crawl_seen (job, country, party, id) VALUES ($1, $2, $3, $4)
	ON CONFLICT (job, country, party, id) DO NOTHING`

// SeeCrawled notes that the job has seen the objects, and returns how many of
// them it had not.
func (tx *Tx) SeeCrawled(job string, keys []ObjectKey) (fresh int, err error) {
	for _, k := range keys {
		n, err := tx.exec(sqlSeeCrawled, job, k.Party.CountryCode, k.Party.ID, k.ID)
		if err != nil {
			return 0, fmt.Errorf("noting what crawl %s has seen: %w", job, err)
		}
		fresh += int(n)
	}
	return fresh, nil
}

const sqlForgetCrawled = `DELETE FROM crawl_seen WHERE job = $1`

// ForgetCrawled forgets what the job has seen.
func (tx *Tx) ForgetCrawled(job string) error {
	if err := tx.send(sqlForgetCrawled, job); err != nil {
		return fmt.Errorf("forgetting what crawl %s has seen: %w", job, err)
	}
	return nil
}

const sqlUnseen = `SELECT id FROM object WHERE kind = $1 AND country = $2 AND party = $3 AND NOT deleted AND id > $4
	AND NOT EXISTS (SELECT 1 FROM crawl_seen WHERE job = $5 AND crawl_seen.country = object.country
		AND crawl_seen.party = object.party AND crawl_seen.id = object.id)
	ORDER BY id LIMIT $6`

// Unseen returns at most limit ids after the given one of the owner's objects,
// not deleted, that the job has not seen, in order.
func (s *Store) Unseen(ctx context.Context, job, kind string, owner ocpi.PartyID, after string, limit int) ([]string, error) {
	var ids []string
	args := []any{kind, owner.CountryCode, owner.ID, after, job, limit}
	err := s.engine.read.rows(ctx, sqlUnseen, args, func(scan scanFunc) error {
		return appendRow(&ids, scan, func(id *string) []any { return []any{id} })
	})
	if err != nil {
		return nil, fmt.Errorf("reading what crawl %s has not seen: %w", job, err)
	}
	return ids, nil
}

const (
	sqlAskCrawl = `INSERT INTO crawl_ask (job, whole) VALUES ($1, $2)
	ON CONFLICT (job) DO UPDATE SET whole = excluded.whole OR crawl_ask.whole`
	sqlTakeAsked = `DELETE FROM crawl_ask WHERE job = $1`
	sqlAsked     = `SELECT job, whole FROM crawl_ask`
)

// AskCrawl asks whoever has the job to run it now; whole: all of the list, not
// what has changed.
func (tx *Tx) AskCrawl(job string, whole bool) error {
	if err := tx.send(sqlAskCrawl, job, whole); err != nil {
		return fmt.Errorf("asking for crawl %s: %w", job, err)
	}
	return nil
}

// TakeAsked notes that what was asked of the job has begun.
func (tx *Tx) TakeAsked(job string) error {
	if err := tx.send(sqlTakeAsked, job); err != nil {
		return fmt.Errorf("beginning crawl %s: %w", job, err)
	}
	return nil
}

// AskedCrawls returns which jobs were asked for and have not begun, with
// whether the whole is wanted.
func (s *Store) AskedCrawls(ctx context.Context) (map[string]bool, error) {
	asked := map[string]bool{}
	err := s.engine.read.rows(ctx, sqlAsked, nil, func(scan scanFunc) error {
		var job string
		var whole bool
		if err := scan(&job, &whole); err != nil {
			return err
		}
		asked[job] = whole
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the crawls that were asked for: %w", err)
	}
	return asked, nil
}

const (
	sqlDeleteCrawl    = `DELETE FROM crawl WHERE job = $1`
	sqlDeleteCrawlAsk = `DELETE FROM crawl_ask WHERE job = $1`
)

// DeleteCrawl forgets the job. It is no error when there is none.
func (tx *Tx) DeleteCrawl(job string) error {
	for _, query := range []string{sqlDeleteCrawl, sqlForgetCrawled, sqlDeleteCrawlAsk} {
		if err := tx.send(query, job); err != nil {
			return fmt.Errorf("deleting crawl %s: %w", job, err)
		}
	}
	return nil
}
