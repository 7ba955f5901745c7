// Package ocpi holds what every OCPI message has in common, whatever its
// version: party identifiers, module and role names, the Authorization token
// codec, message and routing headers, the response envelope, status codes,
// pagination, the DateTime type, and URL building that cannot be talked into
// leaving its endpoint.
//
// The objects of each protocol version live in the packages v221 and v230; the
// conversion between versions lives in package convert, and the editing of JSON
// without touching the rest of it in package splice.
//
// Functions that look into a JSON document read it in place and hand out slices
// of the original; none writes to its input.
package ocpi
