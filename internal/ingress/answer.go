package ingress

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/ocpi"
)

// This file writes what the catalog answers: lists and single objects, from the
// bytes as they are stored.

// minGzip is the smallest answer that is compressed, in bytes.
const minGzip = 1 << 10

// compressible reports whether answers of a module may be compressed. Those are
// that hold nothing to keep secret. Tokens, sessions and CDRs are not
// compressed, lest one who can place objects of his own among those of others
// and sees the length of what passes learns about them (BREACH).
func compressible(m ocpi.Module) bool {
	return m == ocpi.Locations || m == ocpi.Tariffs || m == ocpi.HubClientInfo
}

// page writes a list with its paging headers (OCPI 2.2.1 §4.1.4.1).
func (s *Server) page(c *call, res catalog.ListResult) {
	defer res.Release()
	h := c.w.Header()
	h[ocpi.HeaderTotalCount] = []string{strconv.Itoa(res.Total)}
	h[ocpi.HeaderLimit] = []string{strconv.Itoa(res.Limit)}
	if res.Next != "" {
		h[ocpi.HeaderLink] = []string{ocpi.FormatNextLink(res.Next)}
	}
	s.answer(c, res.Tag, res.Objects, "[", "]")
}

// answer writes an envelope with data, given as pieces that commas part between
// two brackets, or HTTP 304 when the client has it already.
func (s *Server) answer(c *call, tag string, pieces [][]byte, opening, closing string) {
	c.headers()
	s.metrics.count(c.route, ocpi.StatusSuccess)
	h := c.w.Header()
	h["Etag"] = []string{tag}
	h["Cache-Control"] = []string{"private, no-cache"}
	h["Vary"] = []string{"Accept-Encoding, Authorization, OCPI-from-country-code, OCPI-from-party-id, OCPI-to-country-code, OCPI-to-party-id"}
	if matches(c.r.Header.Values("If-None-Match"), tag) {
		c.w.WriteHeader(http.StatusNotModified)
		return
	}
	// The data stands first in an envelope, see ocpi.AppendEnvelope.
	const begin = `{"data":`
	end := closing + "," + string(ocpi.AppendEnvelope(nil, nil, ocpi.StatusSuccess, "", time.Now())[1:])
	size := len(begin) + len(opening) + len(end) + max(0, len(pieces)-1)
	for _, p := range pieces {
		size += len(p)
	}
	h["Content-Type"] = []string{"application/json"}
	if size >= minGzip && compressible(c.route.module) && acceptsGzip(c.r.Header.Values("Accept-Encoding")) {
		h["Content-Encoding"] = []string{"gzip"}
		z, _ := s.gzip.Get().(*gzip.Writer)
		if z == nil {
			z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		}
		defer s.gzip.Put(z)
		z.Reset(c.w)
		write(z, begin+opening, pieces, end)
		_ = z.Close() // the client is gone; there is nobody to tell
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(size)}
	write(c.w, begin+opening, pieces, end)
}

// writeChunk is how much is handed over at once: small pieces are gathered.
const writeChunk = 64 << 10

// write gives up at the first error: the client is gone, there is nobody to
// tell.
func write(w io.Writer, begin string, pieces [][]byte, end string) {
	var b bytes.Buffer
	size := len(begin) + len(end)
	for _, p := range pieces {
		size += len(p) + 1
	}
	b.Grow(min(size, writeChunk))
	b.WriteString(begin)
	for i, p := range pieces {
		if i > 0 {
			b.WriteByte(',')
		}
		if b.Len()+len(p) > writeChunk {
			if _, err := b.WriteTo(w); err != nil {
				return
			}
		}
		if len(p) > writeChunk {
			if _, err := w.Write(p); err != nil {
				return
			}
			continue
		}
		b.Write(p)
	}
	b.WriteString(end)
	_, _ = b.WriteTo(w)
}

// matches reports whether If-None-Match names the tag (RFC 9110 §13.1.2: weak
// comparison; our tags hold no commas).
func matches(headers []string, tag string) bool {
	for _, h := range headers {
		for v := range strings.SplitSeq(h, ",") {
			v = strings.TrimSpace(v)
			if v == "*" || v != "" && strings.TrimPrefix(v, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip, by name or by
// "*", not weighted with 0, nor below what is said of identity.
func acceptsGzip(headers []string) bool {
	named, any, identity := -1.0, -1.0, -1.0
	for _, h := range headers {
		for v := range strings.SplitSeq(h, ",") {
			coding, params, _ := strings.Cut(v, ";")
			q, ok := weight(params)
			if !ok {
				continue
			}
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				named = max(named, q)
			case "*":
				any = q
			case "identity":
				identity = q
			}
		}
	}
	if named < 0 {
		named = any
	}
	return named > 0 && named >= identity
}

// weight reads the q of a coding, 1 where there is none.
func weight(params string) (q float64, ok bool) {
	name, value, found := strings.Cut(params, "=")
	if !found {
		return 1, strings.TrimSpace(params) == ""
	}
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 0, false
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return q, err == nil && q >= 0 && q <= 1
}
