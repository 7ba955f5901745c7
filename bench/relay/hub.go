package main

import (
	"context"
	"path/filepath"

	"github.com/eroam/eroam/internal/blackbox"
)

// startHub starts eroam, connects a CPO and an eMSP, and returns it as a candidate.
// The platforms serve no more than the handshake: the traffic goes to the upstream
// that all candidates share.
func (l *lab) startHub(ctx context.Context, addr string) (candidate, error) {
	l.hub = &blackbox.Hub{Binary: l.eroam, Data: filepath.Join(l.dir, "data"), Addr: addr, Settings: []string{"EROAM_LIMITS_OUTBOUND=256"}}
	if _, err := l.hub.Start(ctx); err != nil {
		return candidate{}, err
	}
	l.partners = blackbox.Platform(nil, blackbox.Endpoint{Identifier: "locations", Role: "RECEIVER", URL: "http://" + l.upstream + "/locations"})
	versions := l.partners.URL + "/versions"
	token, err := l.hub.Register(blackbox.Party{Country: "NL", ID: "CP1", Role: "CPO"}, versions)
	if err != nil {
		return candidate{}, err
	}
	if _, err := l.hub.Register(blackbox.Party{Country: "DE", ID: "EM1", Role: "EMSP"}, versions); err != nil {
		return candidate{}, err
	}
	return candidate{
		name: "eroam", url: l.hub.URL() + "/ocpi/2.2.1/receiver/locations/NL/CP1/LOC-17", pid: l.hub.Pid(),
		header: map[string]string{
			"Authorization": "Token " + token, "X-Request-ID": "b6f0a2d2e6b54b3f8f6d2f0a", "X-Correlation-ID": "c6f0a2d2e6b54b3f8f6d2f0a",
			"OCPI-from-country-code": "NL", "OCPI-from-party-id": "CP1", "OCPI-to-country-code": "DE", "OCPI-to-party-id": "EM1",
		},
	}, nil
}
