package sim

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// maxBody is the largest request or response that a platform reads, in bytes.
const maxBody = 4 << 20

// call is one request to a functional module.
type call struct {
	endpoint
	method string
	path   []string // below the endpoint
	query  url.Values
	body   []byte
	header ocpi.Header
	from   ocpi.PartyID // zero where it is not stated
	to     ocpi.PartyID
}

// reply is an answer; a nil reply is 1000 without data.
type reply struct {
	http   int // 0 is 200
	data   []byte
	header http.Header
}

// ServeHTTP answers partners. It is the handler of the platform's own listener.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	h, herr := ocpi.ParseHeader(r.Header)
	w.Header().Set(ocpi.HeaderRequestID, h.RequestID)
	w.Header().Set(ocpi.HeaderCorrelationID, h.CorrelationID)
	e := Entry{Time: began, Method: r.Method, From: h.From, To: h.To, RequestID: h.RequestID, CorrelationID: h.CorrelationID}
	kind := p.authenticate(r.Header.Get(ocpi.HeaderAuthorization))
	body, berr := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	rest, inside := strings.CutPrefix(strings.TrimSuffix(r.URL.EscapedPath(), "/"), "/ocpi/")
	base, inner := "", ""
	if inside {
		base, inner, _ = strings.Cut(rest, "/")
	}
	f := noFault
	var rep *reply
	var err error
	switch {
	case kind == 0:
		err = ocpi.Unauthorized()
	case herr != nil:
		err = herr
	case berr != nil:
		err = ocpi.Malformed("body: cannot be read")
	case base == "versions" && inner == "":
		e.Module = ocpi.VersionsModule
		rep, err = p.serveVersions(r.Method)
	case base != string(p.cfg.Version):
		err = ocpi.NotFound(ocpi.StatusClientError, "no such resource")
	case inner == "":
		e.Module = ocpi.VersionsModule
		rep, err = p.serveDetails(r.Method)
	case inner == "credentials":
		e.Module = ocpi.Credentials
		rep, err = p.serveCredentials(r.Context(), kind, r.Method, body)
	case kind == tokenA:
		err = ocpi.Unauthorized()
	default:
		c := &call{method: r.Method, query: r.URL.Query(), body: body, header: h}
		var hd handler
		if hd, err = p.find(c, inner); err != nil {
			break
		}
		e.Module, e.Interface, e.ID = c.module, c.side, strings.Join(c.path, "/")
		var delay time.Duration
		if f, delay = p.faults.draw(); f == slowFault {
			if sleep(r.Context(), delay) != nil {
				return
			}
		}
		ocpi.SetRouting(w.Header(), h.From, h.To)
		if f.before(w) {
			return
		}
		rep, err = hd(r.Context(), c)
	}
	p.answer(w, f, e, rep, err)
}

// answer writes the envelope and the journal.
func (p *Platform) answer(w http.ResponseWriter, f fault, e Entry, rep *reply, err error) {
	now := time.Now()
	var body []byte
	if err != nil {
		oe := ocpi.AsError(err)
		if oe.Status == ocpi.StatusServerError {
			p.log.Warn("a request failed", "module", e.Module, "method", e.Method, "err", err)
		}
		e.HTTP, e.Status = oe.HTTPStatus(), oe.Status
		body = ocpi.AppendEnvelope(nil, nil, oe.Status, oe.Message, now)
	} else {
		if rep == nil {
			rep = &reply{}
		}
		e.HTTP, e.Status = http.StatusOK, ocpi.StatusSuccess
		if rep.http != 0 {
			e.HTTP = rep.http
		}
		maps.Copy(w.Header(), rep.header)
		body = ocpi.AppendEnvelope(nil, rep.data, ocpi.StatusSuccess, "", now)
	}
	e.Took = time.Since(e.Time)
	p.journal.add(e)
	f.answer(w, e.HTTP, body)
}

// find splits the path below the version into interface, module and ids.
func (p *Platform) find(c *call, inner string) (handler, error) {
	side, rest, _ := strings.Cut(inner, "/")
	module, below, _ := strings.Cut(rest, "/")
	switch side {
	case "sender":
		c.side = ocpi.Sender
	case "receiver":
		c.side = ocpi.Receiver
	}
	c.module = ocpi.Module(module)
	hd := p.handlers[c.endpoint]
	if hd == nil {
		return nil, ocpi.NotFound(ocpi.StatusClientError, "no such resource")
	}
	var err error
	if c.path, err = ocpi.SplitPath(below); err != nil {
		return nil, err
	}
	if len(c.body) > 0 {
		if err := ocpi.CheckJSON(c.body); err != nil {
			return nil, err
		}
	}
	if !c.header.From.IsZero() {
		if c.from, err = c.header.From.Party(); err != nil {
			return nil, err
		}
	}
	if !c.header.To.IsZero() {
		if c.to, err = c.header.To.Party(); err != nil {
			return nil, err
		}
	}
	return hd, nil
}

// authenticate returns what the token of a request opens, 0 for nothing.
func (p *Platform) authenticate(header string) tokenKind {
	readings, ok := ocpi.ParseAuthorization(header)
	if !ok {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.accepts[readings.Decoded]; k != 0 && readings.Decoded != "" {
		return k
	}
	return p.accepts[readings.Raw]
}

func (p *Platform) serveVersions(method string) (*reply, error) {
	if method != http.MethodGet {
		return nil, wrongMethod()
	}
	return &reply{data: encode([]v221.Version{{
		Version: string(p.cfg.Version), URL: p.url("/" + string(p.cfg.Version)),
	}})}, nil
}

func (p *Platform) serveDetails(method string) (*reply, error) {
	if method != http.MethodGet {
		return nil, wrongMethod()
	}
	return &reply{data: encode(v221.VersionDetails{Version: string(p.cfg.Version), Endpoints: p.endpoints()})}, nil
}

func wrongMethod() error {
	return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method not allowed"}
}
