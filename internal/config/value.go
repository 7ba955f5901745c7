package config

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Secret is a setting that is never printed: every way of formatting it gives
// "[redacted]", or "" when it is empty. Reveal gives the value.
type Secret string

const redacted = "[redacted]"

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText keeps encoders from printing the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue keeps loggers from printing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Size is a number of bytes; written as a number with or without one of the
// units KiB, MiB and GiB, such as 4MiB.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads the form that [Size.String] writes.
func (s *Size) UnmarshalText(text []byte) error {
	number, factor := string(text), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("%q is not a size: want bytes, such as 65536, or a number with a unit, such as 64KiB or 4MiB", text)
	}
	*s = Size(n * factor)
	return nil
}

func (s Size) String() string {
	for _, u := range sizeUnits {
		if s > 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// set gives the field the value that text spells; the same for the file and
// for the environment.
func set(field reflect.Value, text string) error {
	switch p := field.Addr().Interface().(type) {
	case *string:
		*p = text
	case *Secret:
		*p = Secret(text)
	case *bool:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = v
	case *int:
		v, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*p = v
	case *float64:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%q is not a number", text)
		}
		*p = v
	case *time.Duration:
		v, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration: want a number with a unit, such as 500ms, 5s or 1h30m", text)
		}
		*p = v
	case *Size:
		return p.UnmarshalText([]byte(text))
	case *[]netip.Prefix:
		return setPrefixes(p, strings.Split(text, ","))
	case *[]uint16:
		return setPorts(p, strings.Split(text, ","))
	default:
		return fmt.Errorf("a setting of type %s cannot be read", field.Type())
	}
	return nil
}

// setPrefixes reads networks; a lone address stands for itself.
func setPrefixes(p *[]netip.Prefix, texts []string) error {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			list = append(list, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("%q is not a network: want an address and a prefix length, such as 10.0.0.0/8", text)
		}
		if prefix != prefix.Masked() {
			return fmt.Errorf("%q has bits set beyond its length: did you mean %s", text, prefix.Masked())
		}
		list = append(list, prefix)
	}
	*p = list
	return nil
}

func setPorts(p *[]uint16, texts []string) error {
	list := make([]uint16, 0, len(texts))
	for _, text := range texts {
		port, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
		if err != nil || port == 0 {
			return fmt.Errorf("%q is not a port: want a number from 1 to 65535", strings.TrimSpace(text))
		}
		list = append(list, uint16(port))
	}
	*p = list
	return nil
}

// format writes a value as set reads it; secrets redacted.
func format(field reflect.Value) string {
	switch v := field.Interface().(type) {
	case []netip.Prefix:
		return join(v)
	case []uint16:
		return join(v)
	default:
		return fmt.Sprint(v)
	}
}

func join[T any](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ",")
}
