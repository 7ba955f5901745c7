package api

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// readStrict reads JSON. A member that the type does not have is an error: huma
// lets names pass that differ in letter case only, and what they say would be
// lost.
func readStrict(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if e, ok := errors.AsType[*json.SemanticError](err); ok && errors.Is(e, json.ErrUnknownName) {
		name := strings.ReplaceAll(strings.TrimPrefix(string(e.JSONPointer), "/"), "/", ".")
		return fmt.Errorf("%s: unexpected property; letter case matters", name)
	}
	return err
}

const notPlain = "is not valid UTF-8, or has a NUL byte"

// plain reports whether the database can hold a text.
func plain(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// oddText says what is wrong with the texts of a URL, nil for nothing.
// Parameters that cannot be read must not count as absent ones, which would ask
// for more.
func oddText(u *url.URL) *huma.ErrorDetail {
	if !plain(u.Path) {
		return &huma.ErrorDetail{Location: "path", Message: notPlain}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return &huma.ErrorDetail{Location: "query", Message: "cannot be read: " + err.Error()}
	}
	for name, values := range query {
		switch {
		case !plain(name):
			return &huma.ErrorDetail{Location: "query", Message: notPlain}
		case len(values) > 1:
			return &huma.ErrorDetail{Location: "query." + name, Message: "is there more than once"}
		case !plain(values[0]):
			return &huma.ErrorDetail{Location: "query." + name, Message: notPlain}
		}
	}
	return nil
}
