package main

import (
	"fmt"
	"net/url"
)

// appendHead appends the head of a request of an owner to the hub, up to the
// length of the body.
func appendHead(b []byte, method, host string, o owner, token string, path ...string) []byte {
	b = append(append(b, method...), " /ocpi/2.2.1/receiver/locations"...)
	for _, p := range append([]string{o.country, o.id}, path...) {
		b = append(append(b, '/'), url.PathEscape(p)...)
	}
	return fmt.Appendf(b, " HTTP/1.1\r\nHost: %s\r\nAuthorization: Token %s\r\nX-Request-ID: b6f0a2d2e6b54b3f8f6d2f0a\r\nX-Correlation-ID: c6f0a2d2e6b54b3f8f6d2f0a\r\n"+
		"OCPI-from-country-code: %s\r\nOCPI-from-party-id: %s\r\nOCPI-to-country-code: US\r\nOCPI-to-party-id: HUB\r\nContent-Type: application/json\r\nContent-Length: ",
		host, token, o.country, o.id)
}
