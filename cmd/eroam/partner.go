package main

import (
	"context"
	"errors"
)

// PartnerCmd connects platforms to a running hub.
type PartnerCmd struct{}

// Run is replaced soon.
func (PartnerCmd) Run(context.Context) error { return errors.New("partner: not implemented yet") }
