package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// CDRQuery selects CDRs; members that are zero select nothing out.
type CDRQuery struct {
	CPO, EMSP             *ocpi.PartyID
	State, Mail, Currency string
	Held                  *bool
	From, To              int64 // From <= Received < To
	Session               string
	AfterID               int64
	Limit                 int // 0: no limit
}

// conditions puts together what follows WHERE, with its arguments.
type conditions struct {
	text strings.Builder
	args []any
}

// and adds a condition in which ? stands for v.
func (c *conditions) and(condition string, v ...any) {
	if c.text.Len() > 0 {
		c.text.WriteString(" AND ")
	}
	for _, v := range v {
		c.args = append(c.args, v)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.text.WriteString(condition)
}

// text adds a condition unless the value is empty.
func (c *conditions) andText(condition, value string) {
	if value != "" {
		c.and(condition, value)
	}
}

// between adds bounds of a time, without the use of an index: a plus sign keeps
// both engines from looking for one, and from sorting what it finds.
func (c *conditions) between(column string, from, to int64) {
	if from != 0 {
		c.and("+"+column+" >= ?", from)
	}
	if to != 0 {
		c.and("+"+column+" < ?", to)
	}
}

// query returns the statement, ordered by id.
func (c *conditions) query(columns, table string, limit int) (string, []any) {
	q, args := `SELECT `+columns+` FROM `+table+` WHERE `+c.text.String()+` ORDER BY id`, c.args
	if limit > 0 {
		args = append(args, limit)
		q += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return q, args
}

func (q *CDRQuery) conditions(ids span) *conditions {
	c := &conditions{}
	ids.after = max(ids.after, q.AfterID)
	ids.add(c)
	if q.CPO != nil {
		c.and("country = ? AND party = ?", q.CPO.CountryCode, q.CPO.ID)
	}
	if q.EMSP != nil {
		c.and("emsp_country = ? AND emsp_party = ?", q.EMSP.CountryCode, q.EMSP.ID)
	}
	c.andText("state = ?", q.State)
	c.andText("currency = ?", q.Currency)
	if q.Session != "" {
		c.and("session <> '' AND session = ?", q.Session)
	}
	switch q.Mail { // literally: so that the small indexes serve
	case MailWaiting, MailDead:
		c.and("mail = '" + q.Mail + "'")
	default:
		c.andText("mail = ?", q.Mail)
	}
	if q.Held != nil && *q.Held {
		c.and("held")
	} else if q.Held != nil {
		c.and("NOT held")
	}
	c.between("received", q.From, q.To)
	return c
}

// span bounds ids: after < id <= last.
type span struct{ after, last int64 }

func (s span) add(c *conditions) {
	c.and("id > ?", s.after)
	if s.last != 0 {
		c.and("id <= ?", s.last)
	}
}

const (
	sqlCDRSpan     = `SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM cdr WHERE received >= $1 AND received < $2`
	sqlPostingSpan = `SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM posting WHERE at >= $1 AND at < $2`
)

// span returns the bounds of the ids of a time, which lie close together as
// they were given in about its order; none when there are no rows.
func (l *Ledger) span(ctx context.Context, query string, from, to int64) (s span, some bool, err error) {
	if from == 0 && to == 0 {
		return span{}, true, nil
	}
	if to == 0 {
		to = 1<<63 - 1
	}
	var first int64
	if _, err := l.read.row(ctx, query, []any{from, to}, &first, &s.last); err != nil {
		return span{}, false, fmt.Errorf("looking for a period: %w", err)
	}
	s.after = first - 1
	return s, s.last != 0, nil
}

// CDRs returns the CDRs that q selects, in order of ID.
func (l *Ledger) CDRs(ctx context.Context, q CDRQuery) ([]LedgerCDR, error) {
	ids, some, err := l.span(ctx, sqlCDRSpan, q.From, q.To)
	if err != nil || !some {
		return nil, err
	}
	query, args := q.conditions(ids).query(cdrColumns, "cdr", q.Limit)
	return l.cdrs(ctx, query, args...)
}

// EachCDR calls fn for the CDRs that q selects, in order of ID.
func (l *Ledger) EachCDR(ctx context.Context, q CDRQuery, fn func(LedgerCDR) error) error {
	ids, some, err := l.span(ctx, sqlCDRSpan, q.From, q.To)
	if err != nil || !some {
		return err
	}
	return eachUpTo(q.Limit, func(last *LedgerCDR, limit int) ([]LedgerCDR, error) {
		if last != nil {
			q.AfterID = last.ID
		}
		query, args := q.conditions(ids).query(cdrColumns, "cdr", limit)
		return l.cdrs(ctx, query, args...)
	}, fn)
}

// eachUpTo is inParts with a limit of all rows; 0 for none.
func eachUpTo[T any](limit int, next func(last *T, limit int) ([]T, error), fn func(T) error) error {
	rest := limit
	return inParts(func(last *T) ([]T, error) {
		n := atOnce
		if limit > 0 {
			if n = min(n, rest); n == 0 {
				return nil, nil
			}
		}
		part, err := next(last, n)
		rest -= len(part)
		return part, err
	}, fn)
}

// RelatedQuery says to which CDRs others may be related. Empty Session, Token
// or EVSE are related to nothing.
type RelatedQuery struct {
	Owner    ocpi.PartyID
	EMSP     ocpi.PartyID
	Session  string // of Owner
	Token    string // of EMSP, at any owner
	EVSE     string // of Owner
	From, To int64  // for Token and EVSE: those with From < Ended and Started < To
	Limit    int    // for each of the three
}

// RelatedCDR is what RelatedCDRs tells of a CDR; the fields are those of
// [LedgerCDR].
type RelatedCDR struct {
	ID                   int64
	Owner                ocpi.PartyID
	CDRID, Name          string
	Session, Token, EVSE string
	Started, Ended       int64
	Currency             string
	Net, Gross, Energy   int64
	Latitude, Longitude  int64
	HasPlace             bool
	CreditOf             string
	CreditedBy           int64
	State                string
}

const relatedColumns = `id, country, party, cdr_id, name, session, token, evse, started, ended, currency, net, gross, energy, latitude, longitude, has_place, credit_of, credited_by, state`

func relatedFields(c *RelatedCDR) []any {
	return []any{&c.ID, &c.Owner.CountryCode, &c.Owner.ID, &c.CDRID, &c.Name, &c.Session, &c.Token, &c.EVSE, &c.Started, &c.Ended,
		&c.Currency, &c.Net, &c.Gross, &c.Energy, &c.Latitude, &c.Longitude, &c.HasPlace, &c.CreditOf, &c.CreditedBy, &c.State}
}

// sqlRelated asks for all three at once: a statement of its own for each takes
// longer than to find what is there.
const sqlRelated = `SELECT ` + relatedColumns + ` FROM (
		SELECT ` + relatedColumns + ` FROM cdr WHERE country = $1 AND party = $2 AND session = $3 AND session <> ''
		ORDER BY id LIMIT $4) AS of_session
	UNION ALL SELECT ` + relatedColumns + ` FROM (
		SELECT ` + relatedColumns + ` FROM cdr WHERE token = $5 AND token <> '' AND ended > $6 AND started < $7
		AND emsp_country = $8 AND emsp_party = $9 ORDER BY ended LIMIT $10) AS of_token
	UNION ALL SELECT ` + relatedColumns + ` FROM (
		SELECT ` + relatedColumns + ` FROM cdr WHERE country = $11 AND party = $12 AND evse = $13 AND evse <> ''
		AND ended > $14 AND started < $15 ORDER BY ended LIMIT $16) AS of_evse`

// RelatedCDRs returns the CDRs of the same session, and those of the same token
// or EVSE whose time overlaps, each once, in order of ID, whatever their state.
// It is told by [RelatedQuery] what the same is.
func (l *Ledger) RelatedCDRs(ctx context.Context, q RelatedQuery) ([]RelatedCDR, error) {
	var rows []RelatedCDR
	o, e := q.Owner, q.EMSP
	args := []any{
		o.CountryCode, o.ID, q.Session, q.Limit,
		q.Token, q.From, q.To, e.CountryCode, e.ID, q.Limit,
		o.CountryCode, o.ID, q.EVSE, q.From, q.To, q.Limit,
	}
	err := l.read.rows(ctx, sqlRelated, args, func(scan scanFunc) error { return appendRow(&rows, scan, relatedFields) })
	if err != nil {
		return nil, fmt.Errorf("reading related CDRs: %w", err)
	}
	slices.SortFunc(rows, func(a, b RelatedCDR) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(rows, func(a, b RelatedCDR) bool { return a.ID == b.ID }), nil
}

const sqlLastRegister = `SELECT ` + cdrColumns + ` FROM cdr WHERE country = $1 AND party = $2 AND meter = $3 AND has_register
	AND ended <= $4 AND state <> 'refused' ORDER BY ended DESC, id DESC LIMIT 1`

// LastRegister returns the CDR of the owner with the newest reading of the meter
// that ended at or before the time; refused ones do not count.
func (l *Ledger) LastRegister(ctx context.Context, owner ocpi.PartyID, meter string, before int64) (LedgerCDR, bool, error) {
	return l.cdr(ctx, sqlLastRegister, owner.CountryCode, owner.ID, meter, before)
}

const sqlLastAtEVSE = `SELECT ` + cdrColumns + ` FROM cdr WHERE country = $1 AND party = $2 AND evse = $3 AND evse <> ''
	AND ended <= $4 AND meter <> '' AND state <> 'refused' ORDER BY ended DESC, id DESC LIMIT 1`

// LastAtEVSE returns the newest CDR at the owner's EVSE that names a meter and
// ended at or before the time; refused ones do not count.
func (l *Ledger) LastAtEVSE(ctx context.Context, owner ocpi.PartyID, evse string, before int64) (LedgerCDR, bool, error) {
	return l.cdr(ctx, sqlLastAtEVSE, owner.CountryCode, owner.ID, evse, before)
}

const (
	sqlDueMail = `SELECT ` + cdrColumns + ` FROM cdr WHERE mail = 'waiting' AND emsp_country = $1 AND emsp_party = $2 AND due <= $3
		ORDER BY due, id LIMIT $4`
	sqlNextReceiver = `SELECT emsp_country, emsp_party FROM cdr WHERE mail = 'waiting' AND (emsp_country, emsp_party) > ($1, $2)
		ORDER BY emsp_country, emsp_party LIMIT 1`
	sqlDueApprovals = `SELECT ` + cdrColumns + ` FROM cdr WHERE NOT (state <> 'presented') AND NOT held AND deadline > 0 AND deadline <= $1
		ORDER BY deadline, id LIMIT $2`
)

// DueMail returns at most limit CDRs that wait for the receiver and are due,
// the longest due first.
func (l *Ledger) DueMail(ctx context.Context, receiver ocpi.PartyID, now int64, limit int) ([]LedgerCDR, error) {
	return l.cdrs(ctx, sqlDueMail, receiver.CountryCode, receiver.ID, now, limit)
}

// MailReceivers returns the parties for which CDRs wait, due or not, in order.
func (l *Ledger) MailReceivers(ctx context.Context) ([]ocpi.PartyID, error) {
	var all []ocpi.PartyID
	err := l.read.snapshot(ctx, []string{sqlNextReceiver}, func(run queryFunc) error {
		for last := (ocpi.PartyID{}); ; last = all[len(all)-1] { // one search in the index for each
			before := len(all)
			err := run(0, []any{last.CountryCode, last.ID}, func(scan scanFunc) error {
				return appendRow(&all, scan, func(p *ocpi.PartyID) []any { return []any{&p.CountryCode, &p.ID} })
			})
			if err != nil || len(all) == before {
				return err
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("looking for who is sent CDRs: %w", err)
	}
	return all, nil
}

// DueApprovals returns at most limit CDRs that are presented, not held, and
// whose deadline is at or before now, the earliest deadline first.
func (l *Ledger) DueApprovals(ctx context.Context, now int64, limit int) ([]LedgerCDR, error) {
	return l.cdrs(ctx, sqlDueApprovals, now, limit)
}
