package relay

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/eroam/eroam/ocpi"
)

// HeaderVia lists the hubs that a message passed, oldest first, as party ids
// joined by ", ". It is set only on requests to other hubs.
const HeaderVia = "Ocpi-Hub-Via"

// maxHops is how many hubs a message may pass.
const maxHops = 4

// ParseVia reads the Via list of a request. A list that holds this hub already,
// or is too long, is a routing loop.
func ParseVia(h http.Header, hub ocpi.PartyID) ([]string, error) {
	var via []string
	for _, v := range h[HeaderVia] {
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s != "" {
				via = append(via, s)
			}
		}
	}
	if len(via) >= maxHops {
		return nil, errLoop()
	}
	for _, s := range via {
		if strings.EqualFold(s, hub.String()) {
			return nil, errLoop()
		}
		if _, err := ocpi.ParsePartyString(s); err != nil {
			return nil, ocpi.Malformed("OCPI-Hub-Via: must be a list of party ids such as US-HUB")
		}
	}
	return via, nil
}

func errLoop() *ocpi.Error { return hubError("the message came back to a hub that it had passed") }

func setVia(h http.Header, via []string, hub ocpi.PartyID) {
	h[HeaderVia] = []string{strings.Join(append(slices.Clip(via), hub.String()), ", ")}
}

// loopGuard notices a message that comes back from another hub while we still
// wait for that hub's answer. It is for hubs that do not pass the Via list on.
type loopGuard struct{ open sync.Map }

func (g *loopGuard) enter(x *Exchange, toHub bool) (leave func(), err error) {
	if !x.Request.From.Platform.Hub && !toHub {
		return func() {}, nil
	}
	key := strings.Join([]string{x.Header.CorrelationID, x.Request.Method, string(x.Request.Module), strings.Join(x.Request.Path, "/")}, " ")
	if _, again := g.open.LoadOrStore(key, nil); again {
		return nil, errLoop()
	}
	return func() { g.open.Delete(key) }, nil
}
