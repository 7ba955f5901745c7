package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// setting is one field that holds a value.
type setting struct {
	key   string // "limits.burst"
	env   string
	field reflect.Value
}

func (s setting) secret() bool { return s.field.Type() == reflect.TypeFor[Secret]() }

// settings lists the fields of c in the order of the struct.
func settings(c *Config) []setting {
	var list []setting
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			key := tag.Get("yaml")
			switch {
			case key == "":
			case v.Field(i).Kind() == reflect.Struct:
				walk(prefix+key+".", v.Field(i))
			default:
				list = append(list, setting{prefix + key, tag.Get("env"), v.Field(i)})
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return list
}

// Print writes the configuration as YAML that [Load] would read, with secrets
// replaced by "[redacted]".
func (c *Config) Print(w io.Writer) error {
	var b strings.Builder
	group := ""
	for _, s := range settings(c) {
		key, indent := s.key, ""
		if g, k, nested := strings.Cut(s.key, "."); nested {
			if g != group {
				fmt.Fprintf(&b, "%s:\n", g)
			}
			group, key, indent = g, k, "  "
		}
		fmt.Fprintf(&b, "%s%s: %s\n", indent, key, yamlScalar(s.field))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// yamlScalar quotes what is text, so that "off" stays a word.
func yamlScalar(field reflect.Value) string {
	text := format(field)
	if field.Kind() == reflect.String || field.Kind() == reflect.Slice {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return text
}
