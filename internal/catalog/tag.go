package catalog

import (
	"encoding/base64"
	"encoding/binary"
	"runtime/debug"
	"strings"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Entity tags are made of what an answer depends on, not of the answer: the
// places of its objects in the feed, which no two states share, the versions
// that they are converted from and to, and the page's headers. They are weak
// (RFC 9110 §8.8.1) because the timestamp in the envelope is always another.
//
// They are keyed, so that places in the feed do not show, and the same on all
// processes of one build.

// tagOf returns the tag of a page.
func (c *Catalog) tagOf(r ListRequest, objects []store.Listed, page *ListResult) string {
	b := make([]byte, 0, 64+len(page.Next)+16*len(objects))
	b = binary.AppendUvarint(b, uint64(page.Total))
	b = binary.AppendUvarint(b, uint64(page.Limit))
	b = append(append(b, page.Next...), 0)
	for i := range objects {
		b = appendState(b, objects[i].Seq, objects[i].Version)
	}
	return c.tag("page", string(r.Module), string(r.Version), string(b))
}

// tagOfOne returns the tag of an object, or of the part of it at a path.
func (c *Catalog) tagOfOne(m ocpi.Module, v ocpi.Version, o *store.Object, path []string) string {
	b := appendState(nil, o.Seq, o.Version)
	return c.tag("object", string(m), string(v), o.Party.String(), strings.ToLower(strings.Join(path, "/")), string(b))
}

func appendState(b []byte, seq int64, version string) []byte {
	b = binary.AppendUvarint(b, uint64(seq))
	b = binary.AppendUvarint(b, uint64(len(version)))
	return append(b, version...)
}

func (c *Catalog) tag(parts ...string) string {
	return `W/"` + base64.RawURLEncoding.EncodeToString(c.mac("tag "+c.build, parts...)[:16]) + `"`
}

// build names the program: another one may convert differently.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	id := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			id += " " + s.Value
		}
	}
	return id
}
