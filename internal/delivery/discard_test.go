package delivery_test

import (
	"testing"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// A dead letter that was given up does not mean that its receiver has the
// object: the next change is sent as the whole object, also after a restart.
func TestWholeAfterDiscard(t *testing.T) {
	for _, restart := range []bool{false, true} {
		h := New(t, true)
		cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		emsp.Answers(func(Request) Answer { return Answer{Status: 2001} })
		h.Start()
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L1", Location("L1", t1))
		h.Idle()
		err := h.Store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.SetDeadLetters(store.LetterQuery{}, store.LetterDiscarded)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if lanes, err := h.Delivery.AllLanes(t.Context()); err != nil || len(lanes) != 2 || lanes[0].DeadLetters+lanes[1].DeadLetters != 0 {
			t.Errorf("lanes after the letter was discarded: %+v, error %v", lanes, err)
		}
		if restart {
			h.Reopen()
			h.Start()
		}
		emsp.Answers(nil)
		emsp.Forget()
		change := func(status, stamp string) {
			h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/L1/E1", `{"status":"`+status+`","last_updated":"`+stamp+`"}`)
			h.Idle()
		}
		change("CHARGING", t2)
		wantRequests(t, "the eMSP", emsp.Received(), "PUT /locations/NL/CP1/L1")
		emsp.Forget()
		h.Reopen()
		h.Start()
		change("BLOCKED", t3) // it has it now
		wantRequests(t, "the eMSP", emsp.Received(), "PATCH /locations/NL/CP1/L1/E1")
	}
}
