package ingress

import (
	"net/http"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

type routeKind uint8

const (
	routeModule routeKind = iota
	routeVersions
	routeDetails
	routeCredentials
	routeCapability
)

// route is what a URL below /ocpi names.
type route struct {
	kind    routeKind
	version ocpi.Version
	module  ocpi.Module
	iface   ocpi.Interface
	path    []string // unescaped segments below the endpoint
}

// open reports whether a token that is good for registration only opens it.
func (r route) open() bool { return r.kind <= routeCredentials && r.kind != routeModule }

// parseRoute reads an escaped path. The words of ours in it are compared as
// they are written, so that no other spelling of a path can lead to a route
// with other rules:
//
//	/ocpi/versions
//	/ocpi/{version}
//	/ocpi/{version}/credentials
//	/ocpi/{version}/hubclientinfo
//	/ocpi/{version}/sender/{module}/…
//	/ocpi/{version}/receiver/{module}/…
//	/ocpi/c/{capability}
func parseRoute(escaped string) (route, error) {
	rest, ok := strings.CutPrefix(escaped, "/ocpi/")
	if !ok {
		return route{}, noRoute()
	}
	first, rest, more := strings.Cut(rest, "/")
	switch {
	case first == "versions" && rest == "":
		return route{kind: routeVersions, module: ocpi.VersionsModule}, nil
	case first == "c":
		id := strings.TrimSuffix(rest, "/")
		if id == "" || strings.ContainsAny(id, "/%") {
			return route{}, noRoute()
		}
		return route{kind: routeCapability, path: []string{id}}, nil
	case !ocpi.Version(first).Known():
		return route{}, noRoute()
	case !more || rest == "":
		return route{kind: routeDetails, version: ocpi.Version(first), module: ocpi.VersionsModule}, nil
	}
	r := route{version: ocpi.Version(first)}
	word, rest, _ := strings.Cut(rest, "/")
	switch word {
	case "credentials":
		if rest != "" {
			return route{}, noRoute()
		}
		r.kind, r.module = routeCredentials, ocpi.Credentials
		return r, nil
	case "hubclientinfo":
		if rest != "" {
			return route{}, noRoute()
		}
		r.module, r.iface = ocpi.HubClientInfo, ocpi.Sender
		return r, nil
	case "sender":
		r.iface = ocpi.Sender
	case "receiver":
		r.iface = ocpi.Receiver
	default:
		return route{}, noRoute()
	}
	name, rest, _ := strings.Cut(rest, "/")
	if r.module = ocpi.Module(name); !validModule(name) || r.module == ocpi.Credentials {
		return route{}, noRoute()
	}
	var err error
	r.path, err = ocpi.SplitPath(rest)
	return r, err
}

// validModule lets through what can be a module id: lower-case letters, digits,
// "-" and "_", 36 at most.
func validModule(s string) bool {
	if s == "" || len(s) > 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func noRoute() error {
	return &ocpi.Error{HTTP: http.StatusNotFound, Status: ocpi.StatusClientError, Message: "path: no such endpoint"}
}
