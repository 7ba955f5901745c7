package ocpi

import "strings"

// Version is an OCPI version number as the versions endpoint lists it.
type Version string

// The versions the hub speaks.
const (
	V221 Version = "2.2.1"
	V230 Version = "2.3.0"
)

// versions, oldest first.
var versions = [...]Version{V221, V230}

// Versions returns the supported versions, oldest first.
func Versions() []Version { return append([]Version(nil), versions[:]...) }

// Known reports whether v is a supported version.
func (v Version) Known() bool { return v == V221 || v == V230 }

// Role is what a party does (OCPI 2.2.1 §7.3.3; PTP from the payments module).
type Role string

// The roles. HUB exists in 2.2.1 only.
const (
	RoleCPO   Role = "CPO"
	RoleEMSP  Role = "EMSP"
	RoleHub   Role = "HUB"
	RoleNAP   Role = "NAP"
	RoleNSP   Role = "NSP"
	RoleOther Role = "OTHER"
	RoleSCSP  Role = "SCSP"
	RolePTP   Role = "PTP"
)

// Known reports whether r is a role that a party behind a hub may have.
func (r Role) Known() bool {
	switch r {
	case RoleCPO, RoleEMSP, RoleHub, RoleNAP, RoleNSP, RoleOther, RoleSCSP, RolePTP:
		return true
	}
	return false
}

// Side is the end of a roaming relation that a role stands on.
type Side uint8

// The two sides. Everybody who is not an operator of stations is on the
// provider's side: EMSP, NSP, NAP, SCSP, OTHER and PTP.
const (
	AnySide Side = iota
	SideCPO
	SideEMSP
)

// Side returns the side of role r.
func (r Role) Side() Side {
	switch r {
	case RoleCPO:
		return SideCPO
	case RoleHub:
		return AnySide
	}
	return SideEMSP
}

// Opposite returns the other side; AnySide stays AnySide.
func (s Side) Opposite() Side {
	switch s {
	case SideCPO:
		return SideEMSP
	case SideEMSP:
		return SideCPO
	}
	return AnySide
}

func (s Side) String() string {
	switch s {
	case SideCPO:
		return "CPO"
	case SideEMSP:
		return "EMSP"
	}
	return "any"
}

// Module is a ModuleID (OCPI 2.2.1 §6.2.3).
type Module string

// The modules of 2.2.1 and 2.3.0. Bookings, payments and invoice
// reconciliation exist in 2.3.0 only.
const (
	VersionsModule        Module = "versions"
	Credentials           Module = "credentials"
	HubClientInfo         Module = "hubclientinfo"
	Locations             Module = "locations"
	Sessions              Module = "sessions"
	CDRs                  Module = "cdrs"
	Tariffs               Module = "tariffs"
	Tokens                Module = "tokens"
	Commands              Module = "commands"
	ChargingProfiles      Module = "chargingprofiles"
	Bookings              Module = "bookings"
	Payments              Module = "payments"
	InvoiceReconciliation Module = "invoicereconciliation"
)

// ParseModule folds the spellings that occur in the field to one: the bookings
// module declares the identifier "Booking" while its URLs say "bookings".
func ParseModule(s string) Module {
	m := Module(strings.ToLower(s))
	if m == "booking" {
		return Bookings
	}
	return m
}

// Standard reports whether m is a module that version v defines.
func (m Module) Standard(v Version) bool {
	switch m {
	case Credentials, HubClientInfo, Locations, Sessions, CDRs, Tariffs, Tokens, Commands, ChargingProfiles:
		return true
	case Bookings, Payments, InvoiceReconciliation:
		return v == V230
	}
	return false
}

// Functional lists the modules of version v that are relayed between parties:
// all but versions, credentials and hubclientinfo.
func Functional(v Version) []Module {
	m := []Module{Locations, Sessions, CDRs, Tariffs, Tokens, Commands, ChargingProfiles}
	if v == V230 {
		m = append(m, Bookings, Payments, InvoiceReconciliation)
	}
	return m
}

// Interface is the InterfaceRole of an endpoint (OCPI 2.2.1 §6.2.2). The
// sender interface is implemented by the owner of the data, the receiver
// interface by the one who gets it; neither says who sends the HTTP request.
type Interface string

// The two interfaces.
const (
	Sender   Interface = "SENDER"
	Receiver Interface = "RECEIVER"
)

// Implementer returns the side that implements interface i of module m, and
// AnySide where the specification does not fix it (invoice reconciliation,
// custom modules).
func (m Module) Implementer(i Interface) Side {
	var sender Side
	switch m {
	case Locations, Sessions, CDRs, Tariffs, Bookings:
		sender = SideCPO
	case Tokens, Commands, ChargingProfiles, Payments:
		sender = SideEMSP
	default:
		return AnySide
	}
	if i == Sender {
		return sender
	}
	return sender.Opposite()
}
