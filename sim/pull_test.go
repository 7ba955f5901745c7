package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// A pull-only platform tells nobody anything, whatever happens to it.
func TestPullOnlyPushesNothing(t *testing.T) {
	cpo, err := sim.NewCPO(sim.CPOConfig{
		Config: sim.Config{Version: ocpi.V221, Seed: 1}, Operators: []sim.Operator{operator(cpoParty, 3)}, PullOnly: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cpo.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := cpo.Publish(ctx, nil); err != nil { // there is nobody to push to
		t.Errorf("publishing: %v", err)
	}
	if err := cpo.SetStatus(ctx, sim.Place{Operator: cpoParty, Location: "L1", EVSE: "L1-0"}, sim.Charging); err != nil {
		t.Errorf("changing a status: %v", err)
	}
}
