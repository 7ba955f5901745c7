package station

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/eroam/eroam/ocpi"
)

var errCursor = ocpi.Invalid("cursor", "is not one that an answer to this query had as next")

// sealCursor writes where an answer ended and a mark of the query, so that it
// is not used for another by accident. It holds no secret and gives no right:
// what may be seen is decided for each page.
func sealCursor(q Query, kind byte, m mark) string {
	b := append(make([]byte, 0, 32), kind)
	b = binary.BigEndian.AppendUint32(b, q.sum())
	b = binary.AppendVarint(b, m.first)
	b = binary.AppendVarint(b, m.born)
	return base64.RawURLEncoding.EncodeToString(b)
}

// openCursor returns where a page begins; before everything without a cursor.
func openCursor(q Query, kind byte) (mark, error) {
	if q.Cursor == "" {
		return mark{-1, -1}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(b) < 7 || b[0] != kind || binary.BigEndian.Uint32(b[1:]) != q.sum() {
		return mark{}, errCursor
	}
	first, n := binary.Varint(b[5:])
	if n <= 0 {
		return mark{}, errCursor
	}
	born, k := binary.Varint(b[5+n:])
	if k <= 0 || 5+n+k != len(b) || first < 0 || born < 0 {
		return mark{}, errCursor
	}
	return mark{first, born}, nil
}

// sum tells queries apart by everything but the page.
func (q Query) sum() uint32 {
	h := fnv.New32a()
	fmt.Fprintln(h, q.Box != nil, q.Near != nil, q.Standards, q.MinWatts, q.Available, q.Always, q.Party, q.Countries, q.Hidden, q.Viewer)
	if q.Box != nil {
		fmt.Fprintln(h, *q.Box)
	}
	if q.Near != nil {
		fmt.Fprintln(h, *q.Near)
	}
	return h.Sum32()
}
