package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// count is the number of columns in a list of them.
func count(columns string) int { return strings.Count(columns, ",") + 1 }

// params lists n parameters, beginning with $first.
func params(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(first+i))
	}
	return b.String()
}

// assigned writes each column as equal to a parameter, beginning with $first.
func assigned(first int, columns, between string) string {
	var b strings.Builder
	for i, c := range strings.Split(columns, ", ") {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(c + " = $" + strconv.Itoa(first+i))
	}
	return b.String()
}

// seal appends body as the ledger keeps it to dst, which is empty: the layout,
// the CRC-32C of what follows, and the packed bytes. scratch is room to work in.
func (c *codec) seal(dst, scratch, body []byte) (data, room []byte) {
	dst = append(dst, rowLayout, 0, 0, 0, 0)
	scratch = c.pack(scratch[:0], body)
	dst = append(dst, scratch...)
	binary.LittleEndian.PutUint32(dst[1:], crc32.Checksum(dst[rowStart:], c.crc))
	return dst, scratch
}

// unseal is the reverse of seal.
func (c *codec) unseal(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, ErrDamaged
	}
	if data[0] != rowLayout {
		return nil, fmt.Errorf("%w, or need a newer version of this program (layout %d)", ErrDamaged, data[0])
	}
	if len(data) < rowStart || binary.LittleEndian.Uint32(data[1:]) != crc32.Checksum(data[rowStart:], c.crc) {
		return nil, ErrDamaged
	}
	return c.unpack(data[rowStart:])
}
