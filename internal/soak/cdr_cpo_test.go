package soak

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
)

// biller is a CPO that sends CDRs without pause. Its journal is what it believes
// to be accepted: a file that is synced before a CDR counts.
type biller struct {
	*blackbox.Partner
	emsps   []blackbox.Party
	journal *journal
	count   *billing

	mu      sync.Mutex
	rnd     *rand.Rand
	next    int
	recent  []*bill // acknowledged, the newest last; at most keepRecent
	credits []*bill // that may still be taken back; at most keepRecent
}

const keepRecent = 20

// billing counts what all billers do.
type billing struct {
	sent, accepted, refused, repeats, again, conflicts atomic.Int64
	wrong                                              truth // only what must not happen

	mu  sync.Mutex
	why map[string]int // requests were repeated
}

// because counts why a request is repeated.
func (b *billing) because(r *blackbox.Reply, err error) {
	reason := r.String()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		reason = "refused"
	case err != nil:
		reason = "cut off"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why == nil {
		b.why = map[string]int{}
	}
	b.why[reason]++
}

// bill is a CDR.
type bill struct {
	line
	body     []byte
	location string // that its first answer told
}

// line is what the journal says of a CDR. Net and Gross are as in the CDR.
type line struct {
	ID       string `json:"id"`
	EMSP     string `json:"emsp"`
	Net      string `json:"net"`
	Gross    string `json:"gross"`
	CreditOf string `json:"credit_of,omitempty"`
	Dear     bool   `json:"dear,omitempty"` // more is charged than the tariff gives
	SHA256   string `json:"sha256"`
	Refused  bool   `json:"refused,omitempty"` // the CPO was told that it is not accepted
}

// marked reports whether providers refuse the CDR.
func (l *line) marked() bool { return strings.HasPrefix(l.ID, "BAD") }

const billTariff = `{"country_code":"NL","party_id":%q,"id":"T1","currency":"EUR","elements":[` +
	`{"price_components":[{"type":"ENERGY","price":0.40,"vat":21,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}`

// newBill makes the next CDR: an hour at 0.40 a kWh. Now and then it is one that
// providers refuse, one that is too dear, or one that takes an earlier one back.
func (c *biller) newBill() *bill {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	if n := len(c.credits); n > 0 && c.rnd.IntN(20) == 0 {
		of := c.credits[n-1]
		c.credits = c.credits[:n-1]
		return of.credit(fmt.Sprintf("CREDIT%d", c.next))
	}
	b := &bill{line: line{ID: fmt.Sprintf("CDR%d", c.next)}}
	switch c.rnd.IntN(30) {
	case 0:
		b.ID = fmt.Sprintf("BAD%d", c.next)
	case 1:
		b.Dear = true
	}
	to := c.emsps[c.rnd.IntN(len(c.emsps))]
	wh := int64(100 + c.rnd.IntN(60_000)) // some cents at least: a CDR over nothing posts nothing
	net := big.NewRat(wh*4, 10_000)
	if b.Dear {
		net.Add(net, big.NewRat(1, 1))
	}
	gross := new(big.Rat).Mul(net, big.NewRat(121, 100))
	b.EMSP, b.Net, b.Gross = to.Country+"-"+to.ID, net.FloatString(4), gross.FloatString(4)
	end := time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Second)
	at := func(t time.Time) string { return t.Format(time.RFC3339) }
	b.body = fmt.Appendf(nil, `{"country_code":"NL","party_id":%[1]q,"id":%[2]q,"start_date_time":%[3]q,"end_date_time":%[4]q,"cdr_token":{"country_code":%[5]q,"party_id":%[6]q,`+
		`"uid":"U-%[2]s","type":"RFID","contract_id":"C-1"},"auth_method":"WHITELIST","cdr_location":{"id":"LOC1","address":"Quay 17","city":"Rotterdam","country":"NLD",`+
		`"coordinates":{"latitude":"51.917000","longitude":"4.484000"},"evse_uid":"E-%[2]s","evse_id":"NL*CP1*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET",`+
		`"connector_power_type":"DC"},"currency":"EUR","tariffs":[%[7]s],"charging_periods":[{"start_date_time":%[3]q,"dimensions":[{"type":"ENERGY","volume":%[8]s},{"type":"TIME","volume":1}],`+
		`"tariff_id":"T1"}],"total_cost":{"excl_vat":%[9]s,"incl_vat":%[10]s},"total_energy":%[8]s,"total_time":1,"last_updated":%[4]q}`,
		c.ID, b.ID, at(end.Add(-time.Hour)), at(end), to.Country, to.ID, fmt.Sprintf(billTariff, c.ID), big.NewRat(wh, 1000).FloatString(3), b.Net, b.Gross)
	b.sum()
	return b
}

func (b *bill) sum() {
	sum := sha256.Sum256(b.body)
	b.SHA256 = hex.EncodeToString(sum[:])
}

// credit takes b back.
func (b *bill) credit(id string) *bill {
	c := &bill{line: line{ID: id, EMSP: b.EMSP, Net: "-" + b.Net, Gross: "-" + b.Gross, CreditOf: b.ID}}
	c.body = []byte(strings.NewReplacer(
		fmt.Sprintf(`"id":%q,"start`, b.ID), fmt.Sprintf(`"id":%q,"credit":true,"credit_reference_id":%q,"start`, id, b.ID),
		`"excl_vat":`+b.Net+`,"incl_vat":`+b.Gross+`}`, `"excl_vat":`+c.Net+`,"incl_vat":`+c.Gross+`}`,
	).Replace(string(b.body)))
	c.sum()
	return c
}

// changed is b with something else in it, under the same id.
func (b *bill) changed() []byte {
	return []byte(strings.Replace(string(b.body), "Rotterdam", "Schiedam", 1))
}

func (b *bill) to() blackbox.Party {
	country, id, _ := strings.Cut(b.EMSP, "-")
	return blackbox.Party{Country: country, ID: id}
}

// deliver sends a CDR until the hub has said what becomes of it, and writes that
// down.
func (c *biller) deliver(b *bill) {
	c.count.sent.Add(1)
	r := c.insist(b.to(), b.body)
	b.location = r.Header.Get("Location")
	b.Refused = !r.Accepted()
	if b.Refused && !b.marked() {
		c.count.wrong.complain("%s %s was refused: %s", c.ID, b.ID, &r)
	}
	if err := c.journal.add(&b.line); err != nil {
		c.count.wrong.complain("the journal of %s: %v", c.ID, err)
		return
	}
	if b.Refused {
		c.count.refused.Add(1)
		return
	}
	c.count.accepted.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent = append(c.recent[max(0, len(c.recent)-keepRecent+1):], b)
	if b.CreditOf == "" && !b.marked() {
		c.credits = append(c.credits[max(0, len(c.credits)-keepRecent+1):], b)
	}
}

// insist sends a request until the hub has said yes or no, after longer and longer
// pauses.
func (c *biller) insist(to blackbox.Party, body []byte) blackbox.Reply {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		r, err := c.Send(context.Background(), http.MethodPost, "receiver/cdrs", to, body)
		if err == nil && !r.Again() {
			return r
		}
		c.count.repeats.Add(1)
		c.count.because(&r, err)
		time.Sleep(pause/2 + rand.N(pause))
	}
}

// sendAgain sends what was acknowledged last once more, as a CPO does that has
// lost its own answers, and changes one of them.
func (c *biller) sendAgain() {
	c.mu.Lock()
	recent := append([]*bill(nil), c.recent...)
	c.mu.Unlock()
	for i, b := range recent {
		r := c.insist(b.to(), b.body)
		c.count.again.Add(1)
		if !r.Accepted() || r.Header.Get("Location") != b.location {
			c.count.wrong.complain("%s %s again: %s, %q; before it was accepted with %q", c.ID, b.ID, &r, r.Header.Get("Location"), b.location)
		}
		if i > 0 {
			continue
		}
		r = c.insist(b.to(), b.changed())
		c.count.conflicts.Add(1)
		if r.Status != 2001 || !strings.Contains(r.Message, "C03") {
			c.count.wrong.complain("%s %s with other content: %s", c.ID, b.ID, &r)
		}
	}
}

// journal is a file of lines, each durable when add returns.
type journal struct {
	file  *os.File
	lines chan written
	done  chan struct{}
}

type written struct {
	text []byte
	said chan error
}

func openJournal(t testing.TB, dir string, p blackbox.Party) *journal {
	f, err := os.Create(filepath.Join(dir, p.Name()))
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{file: f, lines: make(chan written, 256), done: make(chan struct{})}
	go j.run()
	t.Cleanup(func() {
		if err := j.close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// run writes what waits, syncs, and says so.
func (j *journal) run() {
	defer close(j.done)
	for w := range j.lines {
		batch, text := []written{w}, w.text
	more:
		for {
			select {
			case w, ok := <-j.lines:
				if !ok {
					break more
				}
				batch, text = append(batch, w), append(text, w.text...)
			default:
				break more
			}
		}
		_, err := j.file.Write(text)
		if err == nil {
			err = j.file.Sync()
		}
		for _, w := range batch {
			w.said <- err
		}
	}
}

func (j *journal) add(l *line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	w := written{append(text, '\n'), make(chan error, 1)}
	j.lines <- w
	return <-w.said
}

// close ends the journal, after the last add.
func (j *journal) close() error {
	close(j.lines)
	<-j.done
	return j.file.Close()
}

// read returns what is in the file.
func (j *journal) read() (lines []line, err error) {
	f, err := os.Open(j.file.Name())
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}
