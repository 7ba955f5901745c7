// Package afdc turns rows of the Alternative Fuel Stations database of the US
// Department of Energy (AFDC) into charging sites of operators, as a roaming
// hub would get them.
//
// The file is a spreadsheet that people edit. Nothing in it stops an import:
// what is odd is mended where there is one plain reading, left out where there
// is none, and counted in the [Report] either way.
package afdc

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ringsaturn/tzf"

	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/data"
)

// ZoneColumn is a column that AFDC does not have: the IANA time zone of the
// coordinates, looked up when the file was made. Without it [Import] looks the
// zones up, which takes about a second.
const ZoneColumn = "Time Zone"

// Columns returns the columns that Import reads, in the order of the stations
// that come with this package.
func Columns() []string {
	return []string{
		"ID", "Station Name", "Street Address", "City", "State", "ZIP", "Country", "Latitude", "Longitude", ZoneColumn,
		"Status Code", "Fuel Type Code", "Access Code", "Access Detail Code", "Access Days Time",
		"EV Level1 EVSE Num", "EV Level2 EVSE Num", "EV DC Fast Count", "EV Network", "EV Connector Types", "EV Pricing",
		"Facility Type", "Updated At",
	}
}

// Operator is one network of the file as a charge point operator.
type Operator struct {
	sim.Operator
	Networks []string // as the file spells them
	Roaming  bool     // its stations can be started; false for stations outside any network
}

// Options narrow an import.
type Options struct {
	States   []string // two-letter codes; empty: all
	Networks []string // names of operators or networks as in the file; empty: all
	// Zone returns the IANA time zone of a point, for files without ZoneColumn;
	// nil: looked up in the boundaries of package tzf.
	Zone func(lat, lon float64) string
}

// Result is what an import made: operators by falling number of sites, and what
// was odd.
type Result struct {
	Operators []Operator
	Report    Report
}

// Stations imports the stations that come with this package: Washington of
// November 2025 and New York of April 2025.
func Stations(opt Options) (*Result, error) {
	return Import(bytes.NewReader(data.Stations), opt)
}

// Import reads a CSV file in AFDC's columns, gzip-compressed or not. It fails
// only where there is no table to read: a broken stream, or a header without ID,
// Latitude and Longitude. Rows never make it fail.
func Import(r io.Reader, opt Options) (*Result, error) {
	r, err := uncompress(r)
	if err != nil {
		return nil, err
	}
	cr := csv.NewReader(r)
	cr.FieldsPerRecord = -1
	cr.LazyQuotes = true
	cr.ReuseRecord = true
	header, err := cr.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the header of the stations: %w", err)
	}
	cols, err := newColumns(header)
	if err != nil {
		return nil, err
	}
	b := newBuilder(opt)
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if pe := (*csv.ParseError)(nil); errors.As(err, &pe) {
			b.report.Rows++
			b.report.note(BadRow, fmt.Sprintf("line %d", pe.Line))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the stations: %w", err)
		}
		b.add(cols, rec)
	}
	return b.result(), nil
}

func uncompress(r io.Reader) (io.Reader, error) {
	head := make([]byte, 3)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("reading the stations: %w", err)
	}
	head = head[:n]
	if !bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		return io.MultiReader(bytes.NewReader(bytes.TrimPrefix(head, []byte("\ufeff"))), r), nil
	}
	zr, err := gzip.NewReader(io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		return nil, fmt.Errorf("uncompressing the stations: %w", err)
	}
	return zr, nil
}

// columns maps a column to its place in a record.
type columns map[string]int

func newColumns(header []string) (columns, error) {
	c := make(columns, len(header))
	for i, h := range header {
		h = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
		if _, twice := c[h]; !twice {
			c[h] = i
		}
	}
	for _, must := range []string{"ID", "Latitude", "Longitude"} {
		if _, ok := c[must]; !ok {
			return nil, fmt.Errorf("the stations have no column %q", must)
		}
	}
	return c, nil
}

// width is the number of fields that a whole record has.
func (c columns) width() int {
	w := 0
	for _, i := range c {
		w = max(w, i+1)
	}
	return w
}

// builder gathers rows into sites of operators.
type builder struct {
	opt    Options
	report Report
	zones  func(lat, lon float64) string
	seen   map[string]bool
	rows   []station
	latest time.Time // of all rows: when the file was made, nearly
}

func newBuilder(opt Options) *builder {
	return &builder{opt: opt, zones: opt.Zone, seen: make(map[string]bool), report: Report{oddities: make(map[Oddity]*Finding)}}
}

// add takes one record. What cannot become a station is left out and noted.
func (b *builder) add(cols columns, rec []string) {
	b.report.Rows++
	type noted struct {
		what    Oddity
		example string
	}
	var notes []noted
	st, ok := parseRow(cols, rec, func(o Oddity, example string) { notes = append(notes, noted{o, example}) })
	if ok && !b.wanted(st) {
		return // with its oddities
	}
	for _, n := range notes {
		b.report.note(n.what, n.example)
	}
	if !ok {
		return
	}
	if b.seen[st.id] {
		b.report.note(DuplicateID, st.id)
		return
	}
	b.seen[st.id] = true
	if st.zone == "" {
		st.zone = b.zone(st)
	}
	if st.updated.After(b.latest) {
		b.latest = st.updated
	}
	b.rows = append(b.rows, st)
}

func (b *builder) wanted(st station) bool {
	if len(b.opt.States) > 0 && !slices.ContainsFunc(b.opt.States, func(s string) bool { return strings.EqualFold(s, st.state) }) {
		return false
	}
	if len(b.opt.Networks) == 0 {
		return true
	}
	name := operatorName(st.network)
	return slices.ContainsFunc(b.opt.Networks, func(n string) bool {
		return strings.EqualFold(n, st.network) || strings.EqualFold(n, name)
	})
}

// zone finds the time zone of a station whose row does not tell it.
func (b *builder) zone(st station) string {
	if b.zones == nil {
		finder, err := tzf.NewDefaultFinder()
		if err != nil { // the boundaries are part of the program
			b.zones = func(float64, float64) string { return "" }
		} else {
			b.zones = func(lat, lon float64) string { return finder.GetTimezoneName(lon, lat) }
		}
	}
	z := b.zones(st.lat, st.lon)
	if z == "" || strings.HasPrefix(z, "Etc/") {
		b.report.note(NoZone, st.id)
		return "America/New_York"
	}
	return z
}
