package quality_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/quality"
)

// docs/quality.md has a row for each code, with its severity, weight and title.
func TestCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/quality.md")
	check(t, err)
	for _, c := range quality.Codes() {
		k := c.Kind()
		begin := fmt.Sprintf("\n| %s | %s | %d | ", c, k.Severity, k.Weight)
		if !strings.Contains(string(text), begin) || !strings.Contains(string(text), "| "+k.Title+" |") {
			t.Errorf("not documented: %s%s", begin, k.Title)
		}
	}
	if n := strings.Count(string(text), "\n| Q"); n != len(quality.Codes()) {
		t.Errorf("%d codes are documented, want %d", n, len(quality.Codes()))
	}
}
