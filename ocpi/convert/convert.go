// Package convert turns OCPI messages of one version into another.
package convert

import "github.com/eroam/eroam/ocpi"

// Message says what a body is: where and how it is sent. Path is what stands
// below the endpoint (country code and party id included where the interface
// has them). Response is set for the data of the answer.
type Message struct {
	Module    ocpi.Module
	Interface ocpi.Interface
	Method    string
	Path      []string
	Response  bool
}

// Loss is one thing that could not be carried over, or had to be invented.
type Loss struct {
	Pointer string // JSON pointer into the source, or the result for what was invented
	Problem string
}

// Body converts one body; for Response it is the data member of the envelope
// (an object or a list). The same versions give the same bytes back.
func Body(m Message, from, to ocpi.Version, body []byte) (out []byte, losses []Loss, err error) {
	if from == to {
		return body, nil, nil
	}
	panic("todo")
}
