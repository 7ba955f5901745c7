package app

import (
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/eroam/eroam/internal/config"
)

// NewLogger returns the logger that cfg describes. "auto" is text when w is a
// terminal and JSON when it is not.
func NewLogger(cfg config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	text := cfg.Format == "text"
	if f, ok := w.(*os.File); ok && cfg.Format == "auto" {
		text = isatty.IsTerminal(f.Fd())
	}
	var h slog.Handler = slog.NewJSONHandler(w, options)
	if text {
		h = slog.NewTextHandler(w, options)
	}
	return slog.New(h)
}

// secretKeys are attributes that no event should have. The parts do not log
// them; this is the second net, for the day one does.
var secretKeys = map[string]bool{
	"token": true, "token_a": true, "token_b": true, "token_c": true, "authorization": true, "cookie": true,
	"uid": true, "token_uid": true, "contract_id": true, "visual_number": true, "vin": true, "evco_id": true,
	"password": true, "secret": true, "admin_token": true, "seal_key": true, "body": true,
}

// redact replaces the value of an attribute with a secret name, at any depth.
func redact(_ []string, a slog.Attr) slog.Attr {
	if secretKeys[strings.ToLower(a.Key)] {
		return slog.String(a.Key, "[redacted]")
	}
	return a
}
