package quality

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Files feeds a judge from files of OCPI objects instead of a hub. What it read
// is kept in a temporary file, from which findings are put into words.
type Files struct {
	Judge    *Judge
	Repeated int // objects with the party and id of an earlier one, which they replaced

	spool *os.File
	at    map[store.ObjectKey]span
	end   int64
	seq   int64
}

// span is where an object lies in the spool.
type span struct {
	from int64
	size int
	seq  int64
	name string
}

// maxObject bounds one object, in bytes, so that a file that is something else
// does not fill the memory.
const maxObject = 64 << 20

// OpenFiles returns a judge without objects. Close it after use.
func OpenFiles(o Options) (*Files, error) {
	spool, err := os.CreateTemp("", "eroam-quality-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	f := &Files{spool: spool, at: map[store.ObjectKey]span{}}
	o.Store, o.Bodies = nil, f.bodies
	if f.Judge, err = New(o); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close removes the temporary file.
func (f *Files) Close() error {
	return errors.Join(f.spool.Close(), os.Remove(f.spool.Name()))
}

// Add reads locations, tariffs or sessions from r: a JSON list, an OCPI response
// with one in data, or one object after another (JSON lines); gzip is noticed.
// It returns how many objects it took. ctx ends it early.
func (f *Files) Add(ctx context.Context, kind ocpi.Module, r io.Reader) (n int, err error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := b.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return 0, fmt.Errorf("unpacking: %w", err)
		}
		b = bufio.NewReaderSize(z, 1<<16)
	}
	if mark, _ := b.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = b.Discard(3) // was peeked
	}
	// What is wrong inside an object is a finding, not a reason to stop.
	d := jsontext.NewDecoder(b, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	depth := 0
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		switch d.PeekKind() {
		case '[', ']':
			t, err := d.ReadToken()
			if err != nil {
				return n, fmt.Errorf("after %d objects: %w", n, err)
			}
			if depth++; t.Kind() == ']' {
				depth -= 2
			}
			if depth > 1 {
				return n, fmt.Errorf("after %d objects: a list in a list", n)
			}
			continue
		default:
		}
		v, err := d.ReadValue()
		switch {
		case errors.Is(err, io.EOF) && depth == 0:
			return n, nil
		case err != nil:
			return n, fmt.Errorf("after %d objects: %w", n, err)
		case v.Kind() != '{':
			return n, fmt.Errorf("after %d objects: a value that is not an object", n)
		case len(v) > maxObject:
			return n, fmt.Errorf("after %d objects: one of %d bytes", n, len(v))
		}
		took, err := f.take(kind, v)
		if n += took; err != nil {
			return n, fmt.Errorf("after %d objects: %w", n, err)
		}
	}
}

// take takes in an object, or those in the response that it is.
func (f *Files) take(kind ocpi.Module, v jsontext.Value) (int, error) {
	var response struct {
		StatusCode *int             `json:"status_code"`
		Data       []jsontext.Value `json:"data"`
	}
	if json.Unmarshal(v, &response) != nil || response.StatusCode == nil {
		return 1, f.put(kind, v)
	}
	for _, one := range response.Data {
		if err := f.put(kind, one); err != nil {
			return 0, err
		}
	}
	return len(response.Data), nil
}

func (f *Files) put(kind ocpi.Module, v jsontext.Value) error {
	var head struct {
		CountryCode text `json:"country_code"`
		PartyID     text `json:"party_id"`
		ID          text `json:"id"`
	}
	_ = json.Unmarshal(v, &head, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // what is missing is a finding
	f.seq++
	o := store.Object{Name: string(head.ID), Seq: f.seq, Born: f.seq, Version: string(ocpi.V221), Body: v}
	o.Kind, o.ID = string(kind), ocpi.FoldID(o.Name)
	o.Party = ocpi.PartyID{CountryCode: strings.ToUpper(string(head.CountryCode)), ID: strings.ToUpper(string(head.PartyID))}
	if o.ID == "" {
		o.Name = fmt.Sprintf("number %d", f.seq)
		o.ID = o.Name
	}
	if kind == ocpi.Locations {
		if old, ok := f.at[o.ObjectKey]; ok {
			f.Repeated++
			o.Born = old.seq
		}
		if _, err := f.spool.Write(v); err != nil {
			return fmt.Errorf("writing the temporary file: %w", err)
		}
		f.at[o.ObjectKey] = span{f.end, len(v), o.Born, o.Name}
		f.end += int64(len(v))
	}
	f.Judge.Put(o)
	return nil
}

// bodies reads the spool.
func (f *Files) bodies(_ context.Context, keys []store.ObjectKey) ([]store.Object, error) {
	var out []store.Object
	for _, k := range keys {
		s, ok := f.at[k]
		if !ok {
			continue
		}
		body := make([]byte, s.size)
		if _, err := f.spool.ReadAt(body, s.from); err != nil {
			return nil, fmt.Errorf("reading the temporary file: %w", err)
		}
		out = append(out, store.Object{ObjectKey: k, Name: s.name, Born: s.seq, Seq: s.seq, Body: body})
	}
	return out, nil
}
