package app

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/config"
)

func TestLoggerRedacts(t *testing.T) {
	for _, format := range []string{"json", "text", "auto"} {
		var out bytes.Buffer
		log := NewLogger(config.Log{Level: "info", Format: format}, &out)
		log.Debug("not at this level")
		log.With("Token", "canary").WithGroup("request").Info("message", "authorization", "canary", "party", "NL-CP1",
			slog.Group("g", "uid", "canary", "contract_id", "canary"))
		if text := out.String(); strings.Contains(text, "canary") || !strings.Contains(text, "NL-CP1") || strings.Contains(text, "not at this level") {
			t.Errorf("%s: %s", format, text)
		}
		if format != "text" && !json.Valid(out.Bytes()) {
			t.Errorf("%s is not JSON: %s", format, &out)
		}
	}
}
