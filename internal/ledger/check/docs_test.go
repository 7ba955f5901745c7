package check_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/ledger/check"
)

// docs/cdr-checks.md has a row for each finding and for each setting.
func TestDocumented(t *testing.T) {
	body, err := os.ReadFile("../../../docs/cdr-checks.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for _, c := range check.Codes() {
		if row := row(&c); !strings.Contains(text, row) {
			t.Errorf("not documented: %s", row)
		}
	}
	if n := strings.Count(text, "\n| C"); n != len(check.Codes()) {
		t.Errorf("%d findings are documented, want %d", n, len(check.Codes()))
	}
	settings := reflect.TypeFor[check.Settings]()
	for field := range settings.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !strings.Contains(text, "\n| `"+name+"` | ") {
			t.Errorf("setting %s is not documented", name)
		}
	}
	if n := strings.Count(text, "\n| `"); n != settings.NumField() {
		t.Errorf("%d settings are documented, want %d", n, settings.NumField())
	}
}

func row(c *check.Code) string {
	severity := string(c.Severity)
	if c.Eichrecht != "" && c.Eichrecht != c.Severity {
		severity += " (" + string(c.Eichrecht) + ")"
	}
	return fmt.Sprintf("\n| %s | `%s` | %s | %s |\n", c.Check, c.Code, severity, c.Means)
}
