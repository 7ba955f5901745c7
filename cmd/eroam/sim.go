package main

import (
	"context"
	"errors"
)

// SimCmd runs a simulated partner.
type SimCmd struct{}

// Run is not there yet.
func (c *SimCmd) Run(context.Context, Streams) error {
	return errors.New("sim: not implemented yet")
}
