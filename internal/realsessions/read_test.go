package realsessions

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/tariff"
)

// session is one that took place. Until is when the vehicle had enough.
type session struct {
	id, station, user string
	start, until, end time.Time
	energy            int64 // 10⁻⁹ kWh
}

// readCSV calls fn with each row of a compressed table, by the names of its columns.
func readCSV(path string, fn func(row map[string]string) error) error {
	return readFile(path, func(r io.Reader) error {
		c := csv.NewReader(r)
		head, err := c.Read()
		if err != nil {
			return err
		}
		for {
			fields, err := c.Read()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			row := map[string]string{}
			for i, name := range head {
				row[name] = fields[i]
			}
			if err := fn(row); err != nil {
				return err
			}
		}
	})
}

// readLines calls fn with each line of a compressed file.
func readLines(path string, fn func(line []byte) error) error {
	return readFile(path, func(r io.Reader) error {
		s := bufio.NewScanner(r)
		s.Buffer(nil, 4<<20)
		for s.Scan() {
			if len(s.Bytes()) == 0 {
				continue
			}
			if err := fn(s.Bytes()); err != nil {
				return err
			}
		}
		return s.Err()
	})
}

func readFile(path string, fn func(io.Reader) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := fn(z); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readACN reads sessions of ACN-Data. A driver without a number has the guest card
// of the station.
func readACN(path string) (list []session, err error) {
	err = readCSV(path, func(row map[string]string) error {
		s := session{id: "ACN-" + strconv.Itoa(len(list)), station: "ACN " + row["stationID"], user: row["userID"]}
		if s.user == "" {
			s.user = "guest" + strings.ReplaceAll(row["stationID"], "-", "")
		}
		for name, t := range map[string]*time.Time{"connectionTime": &s.start, "doneChargingTime": &s.until, "disconnectTime": &s.end} {
			if row[name] == "" && name == "doneChargingTime" {
				continue
			}
			var err error
			if *t, err = time.Parse(time.RFC1123, row[name]); err != nil {
				return err
			}
		}
		var err error
		s.energy, err = tariff.ParseEnergy(row["kWhDelivered"])
		list = append(list, s)
		return err
	})
	return list, err
}

// readPaloAlto reads sessions of the city of Palo Alto.
func readPaloAlto(path string) (list []session, err error) {
	err = readCSV(path, func(row map[string]string) error {
		zone := map[string]int{"PDT": -7, "PST": -8}[row["Start Time Zone"]]
		start, err := time.ParseInLocation("1/2/2006 15:04", row["Start Date"], time.FixedZone("", zone*3600))
		if err != nil {
			return err
		}
		whole, err := clock(row["Total Duration (hh:mm:ss)"])
		if err != nil {
			return err
		}
		charging, err := clock(row["Charging Time (hh:mm:ss)"])
		if err != nil {
			return err
		}
		s := session{
			id: "PAO-" + strconv.Itoa(len(list)), station: "PAO " + row["Station Name"] + " " + row["Port Number"], user: "p" + row["User ID"],
			start: start.UTC(), until: start.UTC().Add(charging), end: start.UTC().Add(whole),
		}
		s.energy, err = tariff.ParseEnergy(row["Energy (kWh)"])
		list = append(list, s)
		return err
	})
	return list, err
}

// clock reads a duration such as 12:34:56.
func clock(s string) (time.Duration, error) {
	p := strings.Split(s, ":")
	if len(p) != 3 {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	return time.ParseDuration(p[0] + "h" + p[1] + "m" + p[2] + "s")
}

// usable puts a session in order: some stop charging after they end, or before
// they start. False for one that no CDR can be made of.
func (s *session) usable() bool {
	if !s.until.After(s.start) || s.until.After(s.end) {
		s.until = s.end
	}
	return s.end.After(s.start) && s.energy > 0
}

// shift moves sessions so that the newest ended at a moment.
func shift(list []session, last time.Time) {
	newest := list[0].end
	for i := range list {
		if list[i].end.After(newest) {
			newest = list[i].end
		}
	}
	by := last.Sub(newest)
	for i := range list {
		for _, t := range []*time.Time{&list[i].start, &list[i].until, &list[i].end} {
			if !t.IsZero() {
				*t = t.Add(by).Truncate(time.Second)
			}
		}
	}
}

// withoutNulls returns an object as its owner should have published it.
func withoutNulls(body []byte) ([]byte, error) {
	var v any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(prune(v))
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member = prune(member); member == nil {
				delete(v, name)
			} else {
				v[name] = member
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}
