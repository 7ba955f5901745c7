package config

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of settings into the documentation")

const (
	docsFile  = "../../docs/operate/configuration.md"
	tableFrom = "<!-- settings: go test ./internal/config -update -->\n"
	tableTo   = "<!-- end of settings -->\n"
)

// The documentation lists every setting with the doc comment of its field.
func TestDocumentationListsTheSettings(t *testing.T) {
	table := settingsTable(t)
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableFrom)
	old, after, ok2 := strings.Cut(rest, tableTo)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for the table", docsFile)
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(before+tableFrom+table+tableTo+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table {
		t.Errorf("%s is not in step with config.go; run go test ./internal/config -update", docsFile)
	}
}

func settingsTable(t *testing.T) string {
	t.Helper()
	comments := fieldComments(t)
	var b strings.Builder
	b.WriteString("| key | environment | default | meaning |\n|---|---|---|---|\n")
	for _, s := range settings(Default()) {
		comment := comments[s.key]
		if comment == "" {
			t.Errorf("%s has no doc comment", s.key)
		}
		env := "`EROAM_HUB`"
		if s.env != "" {
			env = "`" + s.env + "`"
		}
		if s.secret() {
			env += ", `" + s.env + "_FILE`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.key, env, code(format(s.field)), comment)
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return "none"
	}
	return "`" + s + "`"
}

// fieldComments reads config.go: the comment of each field by its key.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	structs := map[string]*ast.StructType{}
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if s, ok := spec.Type.(*ast.StructType); ok {
				structs[spec.Name.Name] = s
			}
		}
		return true
	})
	comments := map[string]string{}
	var walk func(prefix string, s *ast.StructType)
	walk = func(prefix string, s *ast.StructType) {
		for _, field := range s.Fields.List {
			if field.Tag == nil {
				continue
			}
			key := prefix + reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("yaml")
			if name, ok := field.Type.(*ast.Ident); ok && structs[name.Name] != nil {
				walk(key+".", structs[name.Name])
				continue
			}
			comments[key] = strings.Join(strings.Fields(cmp.Or(field.Doc.Text(), field.Comment.Text())), " ")
		}
	}
	walk("", structs["Config"])
	return comments
}
