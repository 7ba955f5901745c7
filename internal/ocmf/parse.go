package ocmf

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxMember is the longest text in a reading, in bytes.
const maxMember = 128

// payload is the signed section as JSON.
type payload struct {
	FV, GS, MS, PG     string
	IS                 *bool
	IT, ID, TT, CT, CI string
	RD                 []reading
}

// reading is an element of RD; nil is what was left out.
type reading struct {
	TM, TX, RI, RU, RT, EF, ST *string
	RV, CL                     jsontext.Value
}

// Parse reads one record. The text may be surrounded by white space. It is an
// error where the text is not OCMF, a section is not one JSON object, a name
// stands twice, or a member that is read here is of another type; what the
// readings say is judged by Check. Other members are allowed.
func Parse(text string) (*Record, error) {
	if len(text) > MaxRecord {
		return nil, fmt.Errorf("the record has %d bytes; at most %d are read", len(text), MaxRecord)
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "OCMF|")
	if !ok {
		return nil, errors.New(`the record does not begin with "OCMF|"`)
	}
	signed, signature, ok := strings.Cut(rest, "|")
	if !ok || strings.Contains(signature, "|") {
		return nil, errors.New("the record does not have the three sections OCMF|payload|signature")
	}
	r := &Record{Payload: []byte(signed)}
	if err := r.readPayload(); err != nil {
		return nil, fmt.Errorf("the payload: %w", err)
	}
	if err := r.Signature.read(signature); err != nil {
		return nil, fmt.Errorf("the signature section: %w", err)
	}
	return r, nil
}

// read takes the signature section and puts the defaults.
func (s *Signature) read(text string) error {
	var in struct{ SA, SE, SM, SD string }
	if err := object([]byte(text), &in); err != nil {
		return err
	}
	if in.SD == "" {
		return errors.New("SD is missing")
	}
	*s = Signature{Algorithm: in.SA, Encoding: in.SE, MIME: in.SM, Data: in.SD}
	if s.Algorithm == "" {
		s.Algorithm = "ECDSA-secp256r1-SHA256"
	}
	if s.Encoding == "" {
		s.Encoding = "hex"
	}
	if s.MIME == "" {
		s.MIME = "application/x-der"
	}
	return nil
}

// object reads one JSON object. The package refuses names that stand twice, and
// text that is not UTF-8.
func object(text []byte, into any) error {
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return errors.New("it is not a JSON object")
	}
	return json.Unmarshal(text, into)
}

// readPayload takes the signed section.
func (r *Record) readPayload() error {
	var in payload
	if err := object(r.Payload, &in); err != nil {
		return err
	}
	if len(in.RD) == 0 || len(in.RD) > MaxReadings {
		return fmt.Errorf("RD must have 1 to %d readings, not %d", MaxReadings, len(in.RD))
	}
	r.Version, r.Gateway, r.Meter = in.FV, in.GS, in.MS
	r.Context, r.Page = page(in.PG)
	r.pagination = in.PG
	r.Identified = in.IS != nil && *in.IS
	r.IDType, r.ID, r.Tariff = in.IT, in.ID, in.TT
	r.EVSEType, r.EVSE = in.CT, in.CI
	r.Readings = make([]Reading, len(in.RD))
	var before Reading
	for i, rd := range in.RD {
		var err error
		if before, err = rd.after(before); err != nil {
			return fmt.Errorf("RD[%d]: %w", i, err)
		}
		r.Readings[i] = before
	}
	return nil
}

// page reads PG: T or F and a number without leading zeros; the context is 0
// where it is not that.
func page(pg string) (context byte, number uint64) {
	if pg == "" || pg[0] != 'T' && pg[0] != 'F' {
		return 0, 0
	}
	n, err := strconv.ParseUint(pg[1:], 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != pg[1:] {
		return 0, 0
	}
	return pg[0], n
}

// after gives the reading with what it left out taken from the one before. Only
// CL is not taken over: it belongs to one register and starts anew with each.
func (rd reading) after(r Reading) (Reading, error) {
	for _, m := range []struct {
		name     string
		from, to *string
	}{
		{"TM", rd.TM, &r.time}, {"RI", rd.RI, &r.Register}, {"RU", rd.RU, &r.Unit},
		{"RT", rd.RT, &r.Current}, {"EF", rd.EF, &r.Errors}, {"ST", rd.ST, &r.Status},
	} {
		if m.from == nil {
			continue
		}
		if len(*m.from) > maxMember {
			return r, fmt.Errorf("%s has %d bytes; at most %d are read", m.name, len(*m.from), maxMember)
		}
		*m.to = *m.from
	}
	if rd.TX != nil {
		r.Reason = 0
		if len(*rd.TX) == 1 && strings.IndexByte("BCXELRAPST", (*rd.TX)[0]) >= 0 {
			r.Reason = (*rd.TX)[0]
		}
	}
	if rd.TM != nil {
		r.Time, r.Clock = instant(*rd.TM)
	}
	r.Loss = ""
	for _, n := range []struct {
		name string
		from jsontext.Value
		to   *string
	}{{"RV", rd.RV, &r.Value}, {"CL", rd.CL, &r.Loss}} {
		if n.from == nil {
			continue
		}
		if n.from.Kind() != '0' {
			return r, fmt.Errorf("%s is not a number", n.name)
		}
		*n.to = string(n.from)
	}
	r.Energy, r.Exact = energy(r.Value, r.Unit)
	return r, nil
}

// instant reads TM, as 2018-07-24T13:22:04,000+0200 S. A point for the comma, a
// colon in the offset and Z are read too.
func instant(tm string) (time.Time, byte) {
	text, clock, ok := strings.Cut(tm, " ")
	if !ok || len(clock) != 1 || strings.IndexByte("UISR", clock[0]) < 0 {
		return time.Time{}, 0
	}
	for _, layout := range []string{"2006-01-02T15:04:05-0700", "2006-01-02T15:04:05Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, clock[0]
		}
	}
	return time.Time{}, 0
}
