package store_test

import (
	"testing"

	"github.com/eroam/eroam/internal/store/storetest"
)

func TestLedger(t *testing.T) { storetest.Engines(t, storetest.RunLedger) }

func TestLedgerOfManyEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("66,000 events")
	}
	storetest.LargeHashes(t, storetest.SQLite(t))
}
