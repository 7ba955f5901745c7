package store_test

import (
	"testing"

	"github.com/eroam/eroam/internal/store/storetest"
)

func TestStore(t *testing.T) { storetest.Engines(t, storetest.Run) }
