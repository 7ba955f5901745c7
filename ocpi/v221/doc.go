// Package v221 holds the objects of OCPI 2.2.1, a file per module, for programs
// that make or read them. The hub itself forwards bytes and uses only [Check].
//
// Fields whose JSON tag says omitzero are optional, all others are required; a
// required list has at least one element. The ocpi tag of a string names its
// type in the words of the specification. Validate and [Check] apply exactly
// that. Unknown fields are allowed everywhere.
//
// Enums that OCPI 2.3.0 opened (connector types, capabilities, facilities, token
// types, …) accept any non-empty value here too, since 2.3.0 and vendors extend
// them; the others accept only the values listed by their Values method.
package v221
