package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// The states of a dead letter.
const (
	LetterOpen       = "open"       // refused, and nothing has been done about it
	LetterQueued     = "queued"     // to be sent again; the lane has not done so yet
	LetterReplayed   = "replayed"   // sent again on request, and taken
	LetterSuperseded = "superseded" // the receiver took a later state, or needs none
	LetterDiscarded  = "discarded"  // given up by the operator
)

const (
	// MaxOpenLetters is how many dead letters of one lane may be open or
	// queued: a receiver that refuses more is broken as a whole. See
	// [Tx.PutDeadLetter].
	MaxOpenLetters = 1_000
	// MaxLetterBody bounds each body of a dead letter, in bytes; the rest is
	// cut off.
	MaxLetterBody = 16 << 10
)

// ErrTooManyLetters says that a lane has [MaxOpenLetters] already.
var ErrTooManyLetters = fmt.Errorf("store: a lane has %d open dead letters", MaxOpenLetters)

// DeadLetter is a message that its receiver refused for good, with the exchange
// that shows it.
type DeadLetter struct {
	ID       string // given by the store, in the order of Created
	Lane     string // as package delivery names it
	Platform string
	Receiver ocpi.PartyID
	Role     string
	Key      ObjectKey
	Name     string // the object's id as its owner spells it
	Seq      int64  // of the object, when it was sent
	Method   string
	URL      string
	// HTTPStatus and OCPIStatus are 0 where the answer had none.
	HTTPStatus, OCPIStatus int
	Error                  string // in words
	Attempts               int
	// RequestHeader and ResponseHeader are lines "Name: value\n", without
	// credentials.
	RequestHeader, ResponseHeader string
	Request, Response             []byte // bodies, cut at MaxLetterBody
	Version                       string // OCPI version of the exchange
	State                         string
	Created                       int64 // when the receiver refused it for the first time
	Updated                       int64 // when it last did, or State changed
}

const (
	letterHead = `id, lane, platform, country, party, role, kind, owner_country, owner_party, object, name,
	seq, method, url, http_status, ocpi_status, error, attempts, version, state, created, updated`
	letterColumns = letterHead + `, request_header, response_header, request, response`
)

const (
	sqlPutDeadLetter = `INSERT INTO dead_letter (` + letterColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 'open',
		$20, $21, $22, $23, $24, $25)
	ON CONFLICT (lane, kind, owner_country, owner_party, object) WHERE state IN ('open', 'queued')
	DO UPDATE SET platform = excluded.platform, country = excluded.country, party = excluded.party,
		role = excluded.role, name = excluded.name, seq = excluded.seq, method = excluded.method,
		url = excluded.url, http_status = excluded.http_status, ocpi_status = excluded.ocpi_status,
		error = excluded.error, attempts = excluded.attempts, version = excluded.version,
		state = excluded.state, updated = excluded.updated,
		request_header = excluded.request_header, response_header = excluded.response_header,
		request = excluded.request, response = excluded.response`
	sqlCountOpenLetters = `SELECT COUNT(*) FROM dead_letter WHERE lane = $1 AND state IN ('open', 'queued')`
)

// PutDeadLetter keeps d as open, refused now. A lane has one open or queued
// letter per object: a newer one takes the place of the one before, with its ID
// and Created. ID, State, Created and Updated of d are not read. Texts that
// cannot be stored are made so, and long ones cut.
//
// It fails with [ErrTooManyLetters], and undoes what the caller wrote, when the
// lane has [MaxOpenLetters] already for other objects. No open letter is ever
// dropped to make room: the lane must not pass the object, and can go on when
// somebody has replayed or discarded letters.
func (tx *Tx) PutDeadLetter(d DeadLetter) error {
	now := time.Now().UnixMicro()
	err := tx.send(sqlPutDeadLetter, orderedID(), d.Lane, d.Platform, d.Receiver.CountryCode, d.Receiver.ID, d.Role,
		d.Key.Kind, d.Key.Party.CountryCode, d.Key.Party.ID, d.Key.ID, d.Name, d.Seq, d.Method, clean(d.URL),
		d.HTTPStatus, d.OCPIStatus, clean(d.Error), d.Attempts, d.Version, now, now,
		clean(d.RequestHeader), clean(d.ResponseHeader), blob(cutBody(d.Request)), blob(cutBody(d.Response)))
	if err != nil {
		return fmt.Errorf("storing a dead letter of lane %s: %w", d.Lane, err)
	}
	var open int64
	if _, err := tx.row(sqlCountOpenLetters, []any{d.Lane}, &open); err != nil {
		return fmt.Errorf("counting the dead letters of lane %s: %w", d.Lane, err)
	}
	if open > MaxOpenLetters {
		return tx.fail(ErrTooManyLetters)
	}
	return nil
}

func cutBody(b []byte) []byte { return b[:min(len(b), MaxLetterBody)] }

// maxLetterText bounds each text of a dead letter that comes from outside.
const maxLetterText = 4 << 10

// clean makes a text of a partner one that both engines can hold.
func clean(s string) string {
	s = s[:min(len(s), maxLetterText)]
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// orderedID returns a new id of 24 characters; ids sort as text in the order
// they were made, as far as the clocks of the processes agree.
func orderedID() string {
	return strings.ToLower(fmt.Sprintf("%016x%s", time.Now().UnixNano(), rand.Text()[:8]))
}

const (
	sqlSettleDeadLetters = `UPDATE dead_letter SET state = $1, updated = $2
	WHERE lane = $3 AND kind = $4 AND owner_country = $5 AND owner_party = $6 AND object = $7
		AND state IN ('open', 'queued')`
	sqlSettleDiscarded = `UPDATE dead_letter SET state = 'superseded', updated = $1
	WHERE lane = $2 AND kind = $3 AND owner_country = $4 AND owner_party = $5 AND object = $6
		AND state = 'discarded'`
)

// SettleDeadLetters gives the open or queued letter of the object in the lane
// the state, and is no error when there is none: [LetterSuperseded] when the
// receiver took the object, [LetterReplayed] when that was a replay. Letters of
// the object that were discarded become superseded.
func (tx *Tx) SettleDeadLetters(lane string, k ObjectKey, state string) error {
	if state == LetterOpen || state == LetterQueued {
		return tx.fail(errors.New("store: a letter cannot be settled as " + state))
	}
	now := time.Now().UnixMicro()
	err := tx.send(sqlSettleDeadLetters, state, now, lane, k.Kind, k.Party.CountryCode, k.Party.ID, k.ID)
	if err == nil {
		err = tx.send(sqlSettleDiscarded, now, lane, k.Kind, k.Party.CountryCode, k.Party.ID, k.ID)
	}
	if err != nil {
		return fmt.Errorf("settling the dead letters of lane %s: %w", lane, err)
	}
	return nil
}

// maxQueuedPerLane bounds what QueuedDeadLetters returns of one lane, so that a
// receiver that is away does not hide the replays of the others.
const maxQueuedPerLane = 100

const sqlQueuedDeadLetters = `SELECT ` + letterHead + ` FROM (
		SELECT ` + letterHead + `, ROW_NUMBER() OVER (PARTITION BY lane ORDER BY updated, id) AS place
		FROM dead_letter WHERE state = 'queued') AS queued
	WHERE place <= $1 ORDER BY updated, id`

// QueuedDeadLetters returns the replays that were asked for and not made, at
// most 100 of each lane, those asked for first first, without headers and
// bodies. A letter is returned until it is settled, or refused again.
func (s *Store) QueuedDeadLetters(ctx context.Context) ([]DeadLetter, error) {
	var letters []DeadLetter
	err := s.engine.read.rows(ctx, sqlQueuedDeadLetters, []any{maxQueuedPerLane}, func(scan scanFunc) error {
		return appendRow(&letters, scan, letterHeadFields)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the queued dead letters: %w", err)
	}
	return letters, nil
}

const sqlLaneLetters = `SELECT kind, owner_country, owner_party, object FROM dead_letter
	WHERE lane = $1 AND state IN ('open', 'queued')
	UNION SELECT kind, owner_country, owner_party, object FROM dead_letter
	WHERE lane = $1 AND state = 'discarded'`

// LaneLetters returns the objects of which the receiver of the lane refused a
// state, and has taken none since: those with an open, queued or discarded
// letter, each once. It lacks what a part of such an object would apply to. For
// others the lane has nothing to settle. What was discarded longer ago than
// letters are kept is not among them.
func (s *Store) LaneLetters(ctx context.Context, lane string) ([]ObjectKey, error) {
	var keys []ObjectKey
	err := s.engine.read.rows(ctx, sqlLaneLetters, []any{lane}, func(scan scanFunc) error {
		return appendRow(&keys, scan, func(k *ObjectKey) []any {
			return []any{&k.Kind, &k.Party.CountryCode, &k.Party.ID, &k.ID}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the dead letters of lane %s: %w", lane, err)
	}
	return keys, nil
}

func letterHeadFields(d *DeadLetter) []any {
	return []any{&d.ID, &d.Lane, &d.Platform, &d.Receiver.CountryCode, &d.Receiver.ID, &d.Role,
		&d.Key.Kind, &d.Key.Party.CountryCode, &d.Key.Party.ID, &d.Key.ID, &d.Name,
		&d.Seq, &d.Method, &d.URL, &d.HTTPStatus, &d.OCPIStatus, &d.Error, &d.Attempts, &d.Version, &d.State, &d.Created, &d.Updated}
}

func letterFields(d *DeadLetter) []any {
	return append(letterHeadFields(d), &d.RequestHeader, &d.ResponseHeader, (*blob)(&d.Request), (*blob)(&d.Response))
}
