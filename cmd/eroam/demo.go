package main

import (
	"context"
	"errors"
)

// DemoCmd shows the hub at work on real stations.
type DemoCmd struct{}

// Run is not there yet.
func (c *DemoCmd) Run(context.Context, Streams) error {
	return errors.New("demo: not implemented yet")
}
