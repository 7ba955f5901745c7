package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/eroam/eroam/ocpi"
)

// DefaultFile is read where no file is named; it may be missing.
const DefaultFile = "eroam.yaml"

// otherVariables begin with EROAM_ too but are not for the hub: the
// subcommands that talk to one read them.
var otherVariables = []string{
	"EROAM_URL", "EROAM_TOKEN", "EROAM_TOKEN_FILE", "EROAM_CONFIG", "EROAM_PLATFORM_TOKEN", "EROAM_PLATFORM_TOKEN_FILE", "EROAM_VERIFIER_KEY",
}

// Load reads the file at path, then the environment (in the form of
// [os.Environ]), checks the result and returns it. With an empty path it reads
// eroam.yaml if there is one. The error names every problem that was found,
// one a line, each with what is wrong and where.
func Load(path string, environ []string) (*Config, error) {
	c := Default()
	var problems []error
	data, name, err := readFile(path)
	if err != nil {
		return nil, err
	}
	problems = append(problems, c.applyFile(name, data)...)
	problems = append(problems, c.applyEnviron(environ)...)
	if len(problems) == 0 {
		problems = c.check()
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return c, nil
}

func readFile(path string) (data []byte, name string, err error) {
	name = path
	if name == "" {
		name = DefaultFile
	}
	data, err = os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && path == "" {
		return nil, name, nil
	}
	if err != nil {
		return nil, name, fmt.Errorf("reading the configuration: %w", err)
	}
	return data, name, nil
}

// applyFile sets what the YAML text says.
func (c *Config) applyFile(name string, data []byte) []error {
	var documents []yaml.Node
	if err := yaml.Load(data, &documents, yaml.WithAllDocuments()); err != nil {
		return []error{fmt.Errorf("%s: %w", name, err)}
	}
	if len(documents) > 1 {
		return []error{fmt.Errorf("%s:%d: a second document: the configuration is one YAML document", name, documents[1].Line)}
	}
	if len(documents) == 0 || len(documents[0].Content) == 0 {
		return nil
	}
	f := file{name: name}
	f.mapping("", documents[0].Content[0], reflect.ValueOf(c).Elem())
	return f.problems
}

// file walks a YAML document beside the struct it is for. It does by hand what
// a decoder would do, so that every message can name the file, the line and
// the whole key, and so that values are spelled as in the environment.
type file struct {
	name     string
	problems []error
}

func (f *file) failf(n *yaml.Node, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s", f.name, n.Line, fmt.Sprintf(format, args...)))
}

func (f *file) mapping(prefix string, n *yaml.Node, target reflect.Value) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		f.failf(n, "%s must be a mapping of keys to values", orRoot(prefix))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := prefix + key.Value
		field, ok := fieldByKey(target, key.Value)
		if key.Kind != yaml.ScalarNode || !ok {
			f.failf(key, "unknown key %q (known: %s)", name, strings.Join(keys(target), ", "))
			continue
		}
		if line, twice := seen[key.Value]; twice {
			f.failf(key, "%s is already set in line %d", name, line)
			continue
		}
		seen[key.Value] = key.Line
		if field.Kind() == reflect.Struct {
			f.mapping(name+".", value, field)
			continue
		}
		f.value(name, value, field)
	}
}

func (f *file) value(name string, n *yaml.Node, field reflect.Value) {
	var text string
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return
	case n.Kind == yaml.ScalarNode:
		text = n.Value
	case n.Kind == yaml.SequenceNode && field.Kind() == reflect.Slice:
		parts := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				f.failf(item, "%s: each entry must be one value", name)
				return
			}
			parts = append(parts, item.Value)
		}
		text = strings.Join(parts, ",")
	default:
		f.failf(n, "%s must be one value", name)
		return
	}
	if err := set(field, text); err != nil {
		f.failf(n, "%s: %v", name, err)
	}
}

func orRoot(prefix string) string {
	if prefix == "" {
		return "the configuration"
	}
	return strings.TrimSuffix(prefix, ".")
}

// fieldByKey finds the field of a struct by the name in its yaml tag.
func fieldByKey(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" && tag == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keys(v reflect.Value) []string {
	var list []string
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" {
			list = append(list, tag)
		}
	}
	return list
}

// applyEnviron sets what the environment says. A value that is empty counts as
// not set.
func (c *Config) applyEnviron(environ []string) (problems []error) {
	values := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, "EROAM_") && v != "" {
			values[k] = v
		}
	}
	known := slices.Clone(otherVariables)
	for _, s := range settings(c) {
		if s.env == "" {
			continue
		}
		known = append(known, s.env)
		text, ok := values[s.env]
		if s.secret() {
			known = append(known, s.env+"_FILE")
			var err error
			if text, ok, err = secretValue(values, s.env); err != nil {
				problems = append(problems, err)
				continue
			}
		}
		if !ok {
			continue
		}
		if err := set(s.field, text); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", s.env, err))
		}
	}
	known = append(known, "EROAM_HUB")
	if text, ok := values["EROAM_HUB"]; ok {
		id, err := ocpi.ParsePartyString(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("EROAM_HUB: %q is not a party: want a country code and a party id, such as US*HUB", text))
		} else {
			c.Hub.CountryCode, c.Hub.PartyID = id.CountryCode, id.ID
		}
	}
	for k := range values {
		if !slices.Contains(known, k) {
			c.warnings = append(c.warnings, fmt.Sprintf("the variable %s is no setting of the hub", k))
		}
	}
	slices.Sort(c.warnings)
	return problems
}

// secretValue reads NAME, or the file that NAME_FILE names without the line
// end at its end.
func secretValue(values map[string]string, name string) (text string, ok bool, err error) {
	text, ok = values[name]
	path, fromFile := values[name+"_FILE"]
	if !fromFile {
		return text, ok, nil
	}
	if ok {
		return "", false, fmt.Errorf("both %s and %s_FILE are set: want one of them", name, name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", false, fmt.Errorf("%s_FILE: %w", name, err)
	}
	text = strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", false, fmt.Errorf("%s_FILE: %s is empty", name, path)
	}
	return text, true, nil
}
