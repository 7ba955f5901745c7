package routing

import (
	"net/http"
	"slices"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// shape is one row of the table of what OCPI 2.2.1 and 2.3.0 define below an
// endpoint: which methods, with how many path segments, and whether the first
// two segments name the owner of the object.
type shape struct {
	module   ocpi.Module
	iface    ocpi.Interface
	methods  string
	min, max int
	owned    bool
}

var shapes = [...]shape{
	{ocpi.Locations, ocpi.Sender, "GET", 0, 3, false},
	{ocpi.Locations, ocpi.Receiver, "GET PUT PATCH", 3, 5, true},
	{ocpi.Sessions, ocpi.Sender, "GET", 0, 0, false},
	{ocpi.Sessions, ocpi.Sender, "PUT", 2, 2, false},
	{ocpi.Sessions, ocpi.Receiver, "GET PUT PATCH", 3, 3, true},
	{ocpi.CDRs, ocpi.Sender, "GET", 0, 0, false},
	{ocpi.CDRs, ocpi.Receiver, "POST", 0, 0, false},
	{ocpi.CDRs, ocpi.Receiver, "GET", 1, 3, false},
	{ocpi.Tariffs, ocpi.Sender, "GET", 0, 0, false},
	{ocpi.Tariffs, ocpi.Receiver, "GET PUT DELETE", 3, 3, true},
	{ocpi.Tokens, ocpi.Sender, "GET", 0, 0, false},
	{ocpi.Tokens, ocpi.Sender, "POST", 2, 2, false},
	{ocpi.Tokens, ocpi.Receiver, "GET PUT PATCH", 3, 3, true},
	{ocpi.Commands, ocpi.Receiver, "POST", 1, 1, false},
	{ocpi.ChargingProfiles, ocpi.Receiver, "GET PUT DELETE", 1, 1, false},
	{ocpi.ChargingProfiles, ocpi.Sender, "PUT", 1, 1, false},
	{ocpi.HubClientInfo, ocpi.Sender, "GET", 0, 0, false},
	{ocpi.HubClientInfo, ocpi.Receiver, "GET PUT", 2, 2, false},
	{ocpi.Bookings, ocpi.Sender, "GET", 0, 3, false},
	{ocpi.Bookings, ocpi.Sender, "POST", 0, 0, false},
	{ocpi.Bookings, ocpi.Receiver, "GET PUT PATCH", 3, 5, true},
	{ocpi.Payments, ocpi.Sender, "GET PUT PATCH POST", 1, 3, false},
	{ocpi.Payments, ocpi.Receiver, "GET POST", 1, 2, false},
	{ocpi.InvoiceReconciliation, ocpi.Sender, "GET", 0, 0, false},
	{ocpi.InvoiceReconciliation, ocpi.Receiver, "POST", 0, 0, false},
	{ocpi.InvoiceReconciliation, ocpi.Receiver, "GET PUT DELETE", 3, 3, true},
}

// CheckShape refuses what OCPI does not define below an endpoint: a path of
// another length is 404, a method that the endpoint does not have is 405. Custom
// modules pass: nobody but the two parties knows their shape.
func CheckShape(v ocpi.Version, m ocpi.Module, i ocpi.Interface, method string, path []string) error {
	if !m.Standard(v) {
		return nil
	}
	pathFits := false
	for _, s := range &shapes {
		if s.module != m || s.iface != i || len(path) < s.min || len(path) > s.max {
			continue
		}
		pathFits = true
		if slices.Contains(strings.Fields(s.methods), method) {
			return checkWords(m, i, method, path)
		}
	}
	if (m == ocpi.Commands || m == ocpi.ChargingProfiles) && i == ocpi.Sender && method == http.MethodPost {
		return ocpi.Invalid("path", "results are posted to the response_url of the command")
	}
	if pathFits || len(path) == 0 {
		return &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method: not allowed on this endpoint"}
	}
	return ocpi.NotFound(ocpi.StatusClientError, "path: no such resource in this module")
}

// checkWords checks the literal words that stand behind an id in some paths.
func checkWords(m ocpi.Module, i ocpi.Interface, method string, path []string) error {
	word := ""
	switch {
	case m == ocpi.Tokens && i == ocpi.Sender && method == http.MethodPost:
		word = "authorize"
	case m == ocpi.Sessions && i == ocpi.Sender && method == http.MethodPut:
		word = "charging_preferences"
	}
	if word != "" && path[1] != word {
		return ocpi.NotFound(ocpi.StatusClientError, "path: no such resource in this module")
	}
	return nil
}

// Owned reports whether the path begins with the country code and party id of
// the object's owner (client-owned objects, OCPI 2.2.1 §4.1.5).
func Owned(m ocpi.Module, i ocpi.Interface, path []string) bool {
	for _, s := range &shapes {
		if s.owned && s.module == m && s.iface == i && len(path) >= s.min && len(path) <= s.max {
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
