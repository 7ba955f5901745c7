package main

import "errors"

// ConformCmd checks a hub from outside.
type ConformCmd struct{}

// Run is not there yet.
func (c *ConformCmd) Run() error { return errors.New("conform: not implemented yet") }
