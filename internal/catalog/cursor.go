package catalog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// cursorParam is the parameter of a next link that holds the cursor.
const cursorParam = "cursor"

// cursorLife is how long a next link is good for, at least. Its end lies on a
// full hour, so that a page which has not changed has the same link, and with
// that the same entity tag, for a while.
const cursorLife = 24 * time.Hour

// A cursor is the place that a page ended at, when it expires, and whose it is,
// under a MAC:
//
//	born (8 bytes) | expires, Unix seconds (8) | scope (8) | MAC of these (16)
const (
	cursorScope = 16
	cursorBody  = 24
	cursorSize  = 40
)

var cursorText = base64.RawURLEncoding.Strict()

func (c *Catalog) sealCursor(r ListRequest, born int64, now time.Time) string {
	b := make([]byte, 0, cursorSize)
	b = binary.BigEndian.AppendUint64(b, uint64(born))
	b = binary.BigEndian.AppendUint64(b, uint64(now.Add(cursorLife+time.Hour).Truncate(time.Hour).Unix()))
	b = append(b, c.cursorScope(r)...)
	return cursorText.EncodeToString(append(b, c.mac("cursor", string(b))[:cursorSize-cursorBody]...))
}

// openCursor returns the place after which the page begins, 0 without a cursor.
// One that was changed or has expired is status 2001; one that was given to
// another viewer, or for another list, does not exist for this one.
func (c *Catalog) openCursor(r ListRequest, now time.Time) (int64, error) {
	v, given := r.Query[cursorParam]
	if !given {
		return 0, nil
	}
	bad := ocpi.Invalid(cursorParam, "is not one that this hub gave out, or has expired")
	if len(v) != 1 {
		return 0, bad
	}
	b, err := cursorText.DecodeString(v[0])
	if err != nil || len(b) != cursorSize || !hmac.Equal(b[cursorBody:], c.mac("cursor", string(b[:cursorBody]))[:cursorSize-cursorBody]) {
		return 0, bad
	}
	if !hmac.Equal(b[cursorScope:cursorBody], c.cursorScope(r)) {
		return 0, ocpi.NotFound(ocpi.StatusClientError, "no such page")
	}
	if now.Unix() > int64(binary.BigEndian.Uint64(b[8:])) {
		return 0, bad
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// cursorScope is what a cursor is bound to: who asks for which objects.
func (c *Catalog) cursorScope(r ListRequest) []byte {
	who := ""
	if r.Viewer != nil {
		who = r.Viewer.Platform.ID + " " + r.Viewer.ID.String() + " " + string(r.Viewer.Role)
	} else if r.Platform != nil {
		who = r.Platform.ID
	}
	return c.mac("scope", who, string(r.Module), r.Query.Get("date_from"), r.Query.Get("date_to"))[:cursorBody-cursorScope]
}

func (c *Catalog) mac(purpose string, parts ...string) []byte {
	h := hmac.New(sha256.New, c.o.SignKey)
	h.Write([]byte("eroam list cursor " + purpose))
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
