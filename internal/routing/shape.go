package routing

import (
	"net/http"
	"slices"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// shape is one row of the table of what OCPI 2.2.1 and 2.3.0 define below an
// endpoint. In path a star stands for an id, cc/pid for the owner of the object,
// and every other word for itself.
type shape struct {
	module  ocpi.Module
	iface   ocpi.Interface
	methods string
	path    string
}

var shapes = [...]shape{
	{ocpi.Locations, ocpi.Sender, "GET", ""},
	{ocpi.Locations, ocpi.Sender, "GET", "*"},
	{ocpi.Locations, ocpi.Sender, "GET", "*/*"},
	{ocpi.Locations, ocpi.Sender, "GET", "*/*/*"},
	{ocpi.Locations, ocpi.Receiver, "GET PUT PATCH", "cc/pid/*"},
	{ocpi.Locations, ocpi.Receiver, "GET PUT PATCH", "cc/pid/*/*"},
	{ocpi.Locations, ocpi.Receiver, "GET PUT PATCH", "cc/pid/*/*/*"},
	{ocpi.Sessions, ocpi.Sender, "GET", ""},
	{ocpi.Sessions, ocpi.Sender, "PUT", "*/charging_preferences"},
	{ocpi.Sessions, ocpi.Receiver, "GET PUT PATCH", "cc/pid/*"},
	{ocpi.CDRs, ocpi.Sender, "GET", ""},
	{ocpi.CDRs, ocpi.Receiver, "POST", ""},
	// A receiver chooses the URL of a CDR itself; these are the ones in use.
	{ocpi.CDRs, ocpi.Receiver, "GET", "*"},
	{ocpi.CDRs, ocpi.Receiver, "GET", "*/*/*"},
	{ocpi.Tariffs, ocpi.Sender, "GET", ""},
	{ocpi.Tariffs, ocpi.Receiver, "GET PUT DELETE", "cc/pid/*"},
	{ocpi.Tokens, ocpi.Sender, "GET", ""},
	{ocpi.Tokens, ocpi.Sender, "POST", "*/authorize"},
	{ocpi.Tokens, ocpi.Receiver, "GET PUT PATCH", "cc/pid/*"},
	{ocpi.Commands, ocpi.Receiver, "POST", "*"},
	{ocpi.ChargingProfiles, ocpi.Receiver, "GET PUT DELETE", "*"},
	{ocpi.ChargingProfiles, ocpi.Sender, "PUT", "*"},
	{ocpi.HubClientInfo, ocpi.Sender, "GET", ""},
	{ocpi.HubClientInfo, ocpi.Receiver, "GET PUT", "*/*"},
	{ocpi.Bookings, ocpi.Sender, "GET POST", ""},
	{ocpi.Bookings, ocpi.Sender, "GET", "booking_locations"},
	{ocpi.Bookings, ocpi.Sender, "GET", "booking_locations/*"},
	{ocpi.Bookings, ocpi.Sender, "GET", "booking_locations/*/*"},
	{ocpi.Bookings, ocpi.Receiver, "GET PUT PATCH", "cc/pid/*"},
	{ocpi.Bookings, ocpi.Receiver, "GET PUT PATCH", "cc/pid/booking_locations/*"},
	{ocpi.Bookings, ocpi.Receiver, "GET PUT PATCH", "cc/pid/booking_locations/*/*"},
	{ocpi.Payments, ocpi.Sender, "GET", "terminals"},
	{ocpi.Payments, ocpi.Sender, "GET PUT PATCH", "terminals/*"},
	{ocpi.Payments, ocpi.Sender, "POST", "terminals/activate"},
	{ocpi.Payments, ocpi.Sender, "POST", "terminals/*/deactivate"},
	{ocpi.Payments, ocpi.Sender, "GET", "financial-advice-confirmations"},
	{ocpi.Payments, ocpi.Sender, "GET", "financial-advice-confirmations/*"},
	{ocpi.Payments, ocpi.Receiver, "POST", "terminals"},
	{ocpi.Payments, ocpi.Receiver, "GET", "terminals/*"},
	{ocpi.Payments, ocpi.Receiver, "POST", "financial-advice-confirmations"},
	{ocpi.Payments, ocpi.Receiver, "GET", "financial-advice-confirmations/*"},
	{ocpi.InvoiceReconciliation, ocpi.Sender, "GET", ""},
	{ocpi.InvoiceReconciliation, ocpi.Receiver, "POST", ""},
	{ocpi.InvoiceReconciliation, ocpi.Receiver, "GET PUT DELETE", "cc/pid/*"},
}

// owner is how a path begins that names the owner of its object.
const owner = "cc/pid/"

// fits reports whether path has the form of s.
func (s *shape) fits(path []string) bool {
	form, more := s.path, s.path != ""
	for _, segment := range path {
		if !more {
			return false
		}
		var word string
		word, form, more = strings.Cut(form, "/")
		if word != segment && word != "*" && word != "cc" && word != "pid" {
			return false
		}
	}
	return !more
}

// CheckShape refuses what OCPI does not define below an endpoint: another path
// is 404, a method that the path does not have is 405. Of custom modules, whose
// paths only the two parties know, the methods of OCPI pass.
func CheckShape(v ocpi.Version, m ocpi.Module, i ocpi.Interface, method string, path []string) error {
	if !m.Standard(v) {
		switch method {
		case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
			return nil
		}
		return noMethod()
	}
	pathFits := false
	for n := range shapes {
		s := &shapes[n]
		if s.module != m || s.iface != i || !s.fits(path) {
			continue
		}
		pathFits = true
		if slices.Contains(strings.Fields(s.methods), method) {
			return nil
		}
	}
	if (m == ocpi.Commands || m == ocpi.ChargingProfiles) && i == ocpi.Sender && method == http.MethodPost {
		return ocpi.Invalid("path", "results are posted to the response_url of the command")
	}
	if pathFits || len(path) == 0 {
		return noMethod()
	}
	return ocpi.NotFound(ocpi.StatusClientError, "path: no such resource in this module")
}

func noMethod() *ocpi.Error {
	return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method: not allowed on this endpoint"}
}

// Owned reports whether the path begins with the country code and party id of
// the object's owner (client-owned objects, OCPI 2.2.1 §4.1.5).
func Owned(m ocpi.Module, i ocpi.Interface, path []string) bool {
	for n := range shapes {
		if s := &shapes[n]; s.module == m && s.iface == i && strings.HasPrefix(s.path, owner) && s.fits(path) {
			return true
		}
	}
	return false
}

// MaxID returns the longest id that the paths of module m may carry.
func MaxID(m ocpi.Module) int {
	switch m {
	case ocpi.Locations, ocpi.Sessions, ocpi.Tariffs, ocpi.Tokens, ocpi.Commands, ocpi.ChargingProfiles, ocpi.HubClientInfo:
		return 36
	case ocpi.InvoiceReconciliation, ocpi.Bookings, ocpi.Payments:
		return 39
	}
	return ocpi.MaxSegment
}
