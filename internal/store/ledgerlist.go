package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/eroam/eroam/ocpi"
)

// PostingQuery selects postings; members that are zero select nothing out.
type PostingQuery struct {
	Account, Currency string
	CDR               int64
	From, To          int64 // From <= At < To
	AfterID           int64
	Limit             int // 0: no limit
}

const postingColumns = `id, event, cdr, at, account, currency, amount`

func postingFields(p *Posting) []any {
	return []any{&p.ID, &p.Event, &p.CDR, &p.At, &p.Account, &p.Currency, &p.Amount}
}

func (l *Ledger) postings(ctx context.Context, q PostingQuery, ids span, limit int) ([]Posting, error) {
	c := &conditions{}
	ids.after = max(ids.after, q.AfterID)
	ids.add(c)
	c.andText("account = ?", q.Account)
	c.andText("currency = ?", q.Currency)
	if q.CDR != 0 {
		c.and("cdr = ?", q.CDR)
	}
	c.between("at", q.From, q.To)
	query, args := c.query(postingColumns, "posting", limit)
	var rows []Posting
	err := l.read.rows(ctx, query, args, func(scan scanFunc) error { return appendRow(&rows, scan, postingFields) })
	return rows, wrap(err, "reading postings")
}

// Postings returns the postings that q selects, in order of ID.
func (l *Ledger) Postings(ctx context.Context, q PostingQuery) ([]Posting, error) {
	ids, some, err := l.span(ctx, sqlPostingSpan, q.From, q.To)
	if err != nil || !some {
		return nil, err
	}
	return l.postings(ctx, q, ids, q.Limit)
}

// EachPosting calls fn for the postings that q selects, in order of ID.
func (l *Ledger) EachPosting(ctx context.Context, q PostingQuery, fn func(Posting) error) error {
	ids, some, err := l.span(ctx, sqlPostingSpan, q.From, q.To)
	if err != nil || !some {
		return err
	}
	return eachUpTo(q.Limit, func(last *Posting, limit int) ([]Posting, error) {
		if last != nil {
			q.AfterID = last.ID
		}
		return l.postings(ctx, q, ids, limit)
	}, fn)
}

const sqlBalances = `SELECT account, currency, amount FROM balance ORDER BY account, currency`

// Balances returns the balances of all accounts, in order of account and
// currency, as they were at one moment.
func (l *Ledger) Balances(ctx context.Context) ([]Balance, error) {
	var rows []Balance
	err := l.read.rows(ctx, sqlBalances, nil, func(scan scanFunc) error {
		return appendRow(&rows, scan, func(b *Balance) []any { return []any{&b.Account, &b.Currency, &b.Amount} })
	})
	return rows, wrap(err, "reading balances")
}

const (
	tariffColumns = `country, party, id, received, version, hash, deleted, body`
	sqlTariffAt   = `SELECT ` + tariffColumns + ` FROM tariff_version WHERE country = $1 AND party = $2 AND id = $3
		AND received <= $4 ORDER BY received DESC LIMIT 1`
	sqlTariffFirst = `SELECT ` + tariffColumns + ` FROM tariff_version WHERE country = $1 AND party = $2 AND id = $3
		ORDER BY received LIMIT 1`
	sqlTariffs = `SELECT ` + tariffColumns + ` FROM tariff_version WHERE country = $1 AND party = $2 AND id = $3
		ORDER BY received`
)

// TariffVersionAt returns the newest version of a tariff that the hub had
// received at or before the time, else the oldest that it has; false when it has
// none.
func (l *Ledger) TariffVersionAt(ctx context.Context, owner ocpi.PartyID, id string, at int64) (TariffVersion, bool, error) {
	rows, err := l.tariffs(ctx, sqlTariffAt, owner.CountryCode, owner.ID, id, at)
	if err == nil && len(rows) == 0 {
		rows, err = l.tariffs(ctx, sqlTariffFirst, owner.CountryCode, owner.ID, id)
	}
	if err != nil || len(rows) == 0 {
		return TariffVersion{}, false, err
	}
	return rows[0], true, nil
}

const sqlTariffTime = `SELECT received FROM tariff_version WHERE country = $1 AND party = $2 AND id = $3
	AND received <= $4 ORDER BY received DESC LIMIT 1`

// TariffReceived returns when the version was received that was the newest at the
// time, which names it and costs less than to read it; false when there was none.
func (l *Ledger) TariffReceived(ctx context.Context, owner ocpi.PartyID, id string, at int64) (received int64, found bool, err error) {
	found, err = l.read.row(ctx, sqlTariffTime, []any{owner.CountryCode, owner.ID, id, at}, &received)
	return received, found, wrap(err, "looking for a version of a tariff")
}

// TariffVersions returns all versions of a tariff, the oldest first.
func (l *Ledger) TariffVersions(ctx context.Context, owner ocpi.PartyID, id string) ([]TariffVersion, error) {
	return l.tariffs(ctx, sqlTariffs, owner.CountryCode, owner.ID, id)
}

func (l *Ledger) tariffs(ctx context.Context, query string, args ...any) ([]TariffVersion, error) {
	var rows []TariffVersion
	err := l.read.rows(ctx, query, args, func(scan scanFunc) error {
		var t TariffVersion
		var data []byte
		err := scan(&t.Owner.CountryCode, &t.Owner.ID, &t.ID, &t.Received, &t.Version, (*blob)(&t.Hash), &t.Deleted, &data)
		if err != nil {
			return err
		}
		if t.Body, err = l.codec.unseal(data); err != nil {
			return fmt.Errorf("the version received at %d: %w", t.Received, err)
		}
		if len(t.Body) == 0 {
			t.Body = nil
		}
		rows = append(rows, t)
		return nil
	})
	return rows, wrap(err, "reading versions of a tariff")
}

const (
	sqlPermissions = `SELECT ` + permissionColumns + ` FROM permission WHERE token = $1 AND at >= $2 AND at < $3
		AND emsp_country = $4 AND emsp_party = $5 ORDER BY at DESC, id DESC LIMIT $6`
	sqlPermissionsOf = `SELECT ` + permissionColumns + ` FROM permission WHERE reference = $1 AND reference <> ''
		AND cpo_country = $2 AND cpo_party = $3 ORDER BY at DESC, id DESC LIMIT $4`
)

// Authorizations returns those of the eMSP's token with from <= At < to: the newest,
// at most limit, the oldest first.
func (l *Ledger) Authorizations(ctx context.Context, emsp ocpi.PartyID, token string, from, to int64, limit int) ([]Authorization, error) {
	return l.authorizations(ctx, sqlPermissions, token, from, to, emsp.CountryCode, emsp.ID, limit)
}

// AuthorizationsByReference returns those that the CPO was given with the
// authorization_reference: the newest, at most limit, the oldest first.
func (l *Ledger) AuthorizationsByReference(ctx context.Context, cpo ocpi.PartyID, reference string, limit int) ([]Authorization, error) {
	return l.authorizations(ctx, sqlPermissionsOf, reference, cpo.CountryCode, cpo.ID, limit)
}

func (l *Ledger) authorizations(ctx context.Context, query string, args ...any) ([]Authorization, error) {
	var rows []Authorization
	err := l.read.rows(ctx, query, args, func(scan scanFunc) error { return appendRow(&rows, scan, authorizationFields) })
	slices.Reverse(rows)
	return rows, wrap(err, "reading authorizations")
}

const sqlDueWatches = `SELECT ` + watchColumns + ` FROM session_watch WHERE due > 0 AND due <= $1 ORDER BY due LIMIT $2`

// SessionWatch returns what is known of the owner's session with the folded id.
func (l *Ledger) SessionWatch(ctx context.Context, owner ocpi.PartyID, session string) (SessionWatch, bool, error) {
	var w SessionWatch
	found, err := l.read.row(ctx, sqlWatch, []any{owner.CountryCode, owner.ID, session}, watchFields(&w)...)
	return w, found, wrap(err, "reading what is known of a session")
}

// DueSessions returns at most limit sessions that are to be looked at, the
// longest due first.
func (l *Ledger) DueSessions(ctx context.Context, now int64, limit int) ([]SessionWatch, error) {
	var rows []SessionWatch
	err := l.read.rows(ctx, sqlDueWatches, []any{now, limit}, func(scan scanFunc) error {
		return appendRow(&rows, scan, watchFields)
	})
	return rows, wrap(err, "reading sessions that are due")
}

// FindingQuery selects findings; members that are zero select nothing out.
type FindingQuery struct {
	CPO, EMSP *ocpi.PartyID
	Kind      string
	Session   string
	Open      bool // only those that are not cleared
	AfterID   string
	Limit     int // 0: no limit
}

// Findings returns the findings that q selects, in order of ID.
func (l *Ledger) Findings(ctx context.Context, q FindingQuery) ([]LedgerFinding, error) {
	c := &conditions{}
	c.and("id > ?", q.AfterID)
	if q.CPO != nil {
		c.and("cpo_country = ? AND cpo_party = ?", q.CPO.CountryCode, q.CPO.ID)
	}
	if q.EMSP != nil {
		c.and("emsp_country = ? AND emsp_party = ?", q.EMSP.CountryCode, q.EMSP.ID)
	}
	c.andText("kind = ?", q.Kind)
	c.andText("session = ?", q.Session)
	if q.Open {
		c.and("cleared = 0")
	}
	query, args := c.query(findingColumns, "ledger_finding", q.Limit)
	var rows []LedgerFinding
	err := l.read.rows(ctx, query, args, func(scan scanFunc) error { return appendRow(&rows, scan, findingFields) })
	return rows, wrap(err, "reading findings")
}

const (
	sqlCheckpoint       = `SELECT size, at, note FROM ledger_checkpoint WHERE size = $1`
	sqlCheckpointFrom   = `SELECT size, at, note FROM ledger_checkpoint WHERE size >= $1 ORDER BY size LIMIT 1`
	sqlLatestCheckpoint = `SELECT size, at, note FROM ledger_checkpoint ORDER BY size DESC LIMIT 1`
	sqlCheckpoints      = `SELECT size, at, note FROM ledger_checkpoint WHERE size > $1 ORDER BY size LIMIT $2`
)

func checkpointFields(c *Checkpoint) []any { return []any{&c.Size, &c.At, (*blob)(&c.Note)} }

// Checkpoint returns the one of that size.
func (l *Ledger) Checkpoint(ctx context.Context, size int64) (Checkpoint, bool, error) {
	return l.checkpoint(ctx, sqlCheckpoint, size)
}

// CheckpointFrom returns the smallest one of that size or more: for a receipt of
// event n, that of size n+1 or more.
func (l *Ledger) CheckpointFrom(ctx context.Context, size int64) (Checkpoint, bool, error) {
	return l.checkpoint(ctx, sqlCheckpointFrom, size)
}

// LatestCheckpoint returns the largest.
func (l *Ledger) LatestCheckpoint(ctx context.Context) (Checkpoint, bool, error) {
	return l.checkpoint(ctx, sqlLatestCheckpoint)
}

func (l *Ledger) checkpoint(ctx context.Context, query string, args ...any) (Checkpoint, bool, error) {
	var c Checkpoint
	found, err := l.read.row(ctx, query, args, checkpointFields(&c)...)
	return c, found, wrap(err, "reading a checkpoint")
}

// Checkpoints returns at most limit of those larger than the size, in order.
func (l *Ledger) Checkpoints(ctx context.Context, after int64, limit int) ([]Checkpoint, error) {
	var rows []Checkpoint
	err := l.read.rows(ctx, sqlCheckpoints, []any{after, limit}, func(scan scanFunc) error {
		return appendRow(&rows, scan, checkpointFields)
	})
	return rows, wrap(err, "reading checkpoints")
}
