// Command afdctrim makes sim/data/stations.csv.gz: it keeps the columns of AFDC
// station files that the simulators use and adds the time zone of each point,
// which takes too long to look up whenever a simulator starts.
//
//	go run ./tools/afdctrim -o sim/data/stations.csv.gz wa.csv.gz ny.csv.gz
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ringsaturn/tzf"

	"github.com/eroam/eroam/sim/afdc"
)

func main() {
	out := flag.String("o", "stations.csv.gz", "file to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "afdctrim:", err)
		os.Exit(1)
	}
}

func run(out string, in []string) error {
	if len(in) == 0 {
		return errors.New("name the AFDC files to read")
	}
	zones, err := tzf.NewDefaultFinder()
	if err != nil {
		return fmt.Errorf("loading time zones: %w", err)
	}
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	cw := csv.NewWriter(zw)
	if err := cw.Write(afdc.Columns()); err != nil {
		return err
	}
	for _, name := range in {
		if err := trim(cw, name, zones); err != nil {
			return fmt.Errorf("trimming %s: %w", name, err)
		}
	}
	cw.Flush()
	if err := errors.Join(cw.Error(), zw.Close()); err != nil {
		return err
	}
	return os.WriteFile(out, buf.Bytes(), 0o644)
}

func trim(cw *csv.Writer, name string, zones tzf.F) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	cr := csv.NewReader(r)
	header, err := cr.Read()
	if err != nil {
		return err
	}
	at := make(map[string]int, len(header))
	for i, h := range header {
		at[h] = i
	}
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		row := make([]string, 0, len(afdc.Columns()))
		for _, c := range afdc.Columns() {
			switch i, ok := at[c]; {
			case ok:
				row = append(row, rec[i])
			case c == afdc.ZoneColumn:
				row = append(row, zone(zones, rec[at["Latitude"]], rec[at["Longitude"]]))
			default:
				return fmt.Errorf("column %q is missing", c)
			}
		}
		if err := cw.Write(row); err != nil {
			return err
		}
	}
}

// zone returns the time zone of a point, and nothing for what is not a point.
func zone(zones tzf.F, lat, lon string) string {
	y, err1 := strconv.ParseFloat(lat, 64)
	x, err2 := strconv.ParseFloat(lon, 64)
	if err1 != nil || err2 != nil {
		return ""
	}
	return zones.GetTimezoneName(x, y)
}
