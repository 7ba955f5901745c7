package store

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
)

// codec turns the part of an object that no query looks at into the value of
// the column data, and back:
//
//	layout (1 byte)
//	CRC-32C of what follows (4 bytes, little endian)
//	prev (varint)
//	version, name, hash, step, body: each its length (varint) and its bytes
//	zeros, up to a multiple of rowUnit
//
// step and body are packed: a first byte says how, then come the bytes. JSON of
// OCPI shrinks to a fifth of its size against a dictionary of what is in every
// such document, so that several objects share a page of the database, and one
// that changes is one page to write. The zeros let most changes take as much
// room as before: SQLite then overwrites the row where it is, instead of moving
// its neighbours.
//
// Dictionaries are part of the format: a file in dictionary/ never changes
// once a version with it is released; a better one gets the next number.
type codec struct {
	dictionary *s2.Dict // number 1
	crc        *crc32.Table
}

//go:embed dictionary/1.txt
var dictionary1 []byte

const (
	rowLayout = 1
	rowUnit   = 128
	rowStart  = 5 // where prev is

	packedPlain = 0
	packedJSON1 = 1 // S2 block with dictionary 1

	minPacked = 48       // below, compressing gains nothing
	maxPacked = 16 << 20 // above, bytes are kept plain, and nothing unpacks to more
)

// ErrDamaged says that a stored body is not what this program has written.
var ErrDamaged = errors.New("its stored bytes are damaged")

func newCodec() *codec {
	return &codec{
		dictionary: s2.MakeDict(dictionary1, []byte(`"evses":[{"uid":"`)),
		crc:        crc32.MakeTable(crc32.Castagnoli),
	}
}

// pack appends how p is kept to dst.
func (c *codec) pack(dst, p []byte) []byte {
	if len(p) >= minPacked && len(p) <= maxPacked {
		at := len(dst)
		dst = grow(append(dst, packedJSON1), s2.MaxEncodedLen(len(p)))
		packed := c.dictionary.Encode(dst[at+1:cap(dst)], p)
		if len(packed) > 0 && len(packed) < len(p) {
			return dst[:at+1+len(packed)] // it was written in place
		}
		dst = dst[:at]
	}
	return append(append(dst, packedPlain), p...)
}

// grow makes room for n more bytes.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, 2*cap(b)+n), b...)
}

// unpack is the reverse of pack, in memory of its own.
func (c *codec) unpack(p []byte) ([]byte, error) {
	return c.unpackTo(p, func(n int) []byte { return make([]byte, n) })
}

// unpackTo is unpack in memory that take gives.
func (c *codec) unpackTo(p []byte, take func(n int) []byte) ([]byte, error) {
	if len(p) == 0 {
		return nil, ErrDamaged
	}
	switch p[0] {
	case packedPlain:
		out := take(len(p) - 1)
		copy(out, p[1:])
		return out, nil
	case packedJSON1:
		n, err := s2.DecodedLen(p[1:])
		if err != nil || n > maxPacked {
			return nil, ErrDamaged
		}
		out, err := c.dictionary.Decode(take(n), p[1:])
		if err != nil {
			return nil, ErrDamaged
		}
		return out, nil
	}
	return nil, fmt.Errorf("%w, or need a newer version of this program (packing %d)", ErrDamaged, p[0])
}

// encode appends the column data of o to dst, which is empty; scratch is room
// to work in. It returns both for the next call.
func (c *codec) encode(dst, scratch []byte, o *Object) (data, room []byte) {
	dst = append(dst, rowLayout, 0, 0, 0, 0)
	dst = binary.AppendVarint(dst, o.Prev)
	dst = field(dst, []byte(o.Version))
	dst = field(dst, []byte(o.Name))
	dst = field(dst, o.Hash)
	for _, p := range [...][]byte{o.Step, o.Body} {
		scratch = c.pack(scratch[:0], p)
		dst = field(dst, scratch)
	}
	for len(dst)%rowUnit != 0 {
		dst = append(dst, 0)
	}
	binary.LittleEndian.PutUint32(dst[1:], crc32.Checksum(dst[rowStart:], c.crc))
	return dst, scratch
}

func field(dst, value []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(value))), value...)
}

// open checks what encode has written.
func (c *codec) open(data []byte) (rowReader, error) {
	switch {
	case len(data) == 0:
		return rowReader{}, ErrDamaged
	case data[0] != rowLayout:
		return rowReader{}, fmt.Errorf("%w, or need a newer version of this program (layout %d)", ErrDamaged, data[0])
	case len(data) < rowStart || binary.LittleEndian.Uint32(data[1:]) != crc32.Checksum(data[rowStart:], c.crc):
		return rowReader{}, ErrDamaged
	}
	return rowReader{rest: data[rowStart:]}, nil
}

// decodeBody reads the version, a part of data, and the body, which it puts into
// the arena.
func (c *codec) decodeBody(data []byte, to *arena) (version, body []byte, err error) {
	r, err := c.open(data)
	if err != nil {
		return nil, nil, err
	}
	r.number()
	version = r.field()
	for range 3 { // name, hash and step
		r.field()
	}
	packed := r.field()
	if r.bad {
		return nil, nil, ErrDamaged
	}
	body, err = c.unpackTo(packed, to.take)
	return version, body, err
}

// decode fills in what encode has written. Without body, Body stays nil.
func (c *codec) decode(data []byte, o *Object, body bool) error {
	r, err := c.open(data)
	if err != nil {
		return err
	}
	o.Prev = r.number()
	o.Version, o.Name = string(r.field()), string(r.field())
	if hash := r.field(); len(hash) > 0 {
		o.Hash = append([]byte{}, hash...)
	}
	step, packed := r.field(), r.field()
	if r.bad {
		return ErrDamaged
	}
	if o.Step, err = c.unpack(step); err != nil {
		return err
	}
	if len(o.Step) == 0 {
		o.Step = nil
	}
	if body {
		o.Body, err = c.unpack(packed)
	}
	return err
}

// rowReader reads the fields of a row; bad once something was not there.
type rowReader struct {
	rest []byte
	bad  bool
}

func (r *rowReader) number() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.rest, r.bad = nil, true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *rowReader) field() []byte {
	size, n := binary.Uvarint(r.rest)
	if n <= 0 || size > uint64(len(r.rest)-n) {
		r.rest, r.bad = nil, true
		return nil
	}
	value := r.rest[n : n+int(size)]
	r.rest = r.rest[n+int(size):]
	return value
}
