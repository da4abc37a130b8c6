package api

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestReferenceIsUpToDate keeps docs/http-api.md as the OpenAPI document has it.
func TestReferenceIsUpToDate(t *testing.T) {
	head, err := os.ReadFile("http-api.head.md")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := files.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := reference{doc: loadDocument(t)}
	r.write(string(head), string(raw))
	golden(t, filepath.Join("..", "..", "docs", "http-api.md"), []byte(r.b.String()))
}

// TestReferenceErrors compares the table of errors with the codes of the
// document, and those with the code.
func TestReferenceErrors(t *testing.T) {
	head, err := os.ReadFile("http-api.head.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| \\d").FindAllStringSubmatch(string(head), -1) {
		codes[m[1]] = true
	}
	schema := loadDocument(t).Components.Responses["Error"].Value.Content["application/json"].Schema.Value
	enum := schema.Properties["error"].Value.Properties["code"].Value.Enum
	for _, c := range enum {
		if !codes[c.(string)] {
			t.Errorf("%s is in the document and not in http-api.head.md", c)
		}
	}
	for _, c := range []string{
		CodeBadParameter, CodeBadBody, CodeBadQuery, CodeNotFound, CodeMethod, CodeForeignOrigin, CodeUnauthenticated, CodeForbidden, CodeReloadFailed, CodeFeedbackKey, CodeRateLimited, CodeOverloaded, CodeStoreDown,
		CodeStoreTimeout, CodeInternal,
	} {
		if !slices.Contains(enum, any(c)) {
			t.Errorf("%s is not in the document", c)
		}
	}
	if len(codes) != len(enum) {
		t.Errorf("%d codes in http-api.head.md, %d in the document", len(codes), len(enum))
	}
}

// reference writes docs/http-api.md.
type reference struct {
	doc *openapi3.T
	b   strings.Builder
}

func (r *reference) f(format string, args ...any) { fmt.Fprintf(&r.b, format, args...) }

func (r *reference) write(head, raw string) {
	r.f("# HTTP API\n\n<!-- Made by internal/api from openapi.yaml and http-api.head.md. Do not edit: make generate -->\n\n%s", head)
	order := regexp.MustCompile(`(?m)^  (/\S*):$`).FindAllStringSubmatch(raw, -1)
	for _, tag := range r.doc.Tags {
		title := map[string]string{"calls": "Calls", "state": "State", "nexent": "Nexent"}[tag.Name]
		r.f("\n## %s\n\n%s\n", title, tag.Description)
		if tag.Name == "calls" {
			r.f("\n%s\n", strings.Join(strings.Fields(r.doc.Info.Description), " "))
			r.filters()
		}
		for _, m := range order {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				if op := r.doc.Paths.Value(m[1]).GetOperation(method); op != nil && op.Tags[0] == tag.Name {
					r.operation(method, m[1], op)
				}
			}
		}
	}
	r.f("\n## Shapes\n\nA field that is not marked *always* is absent where it is unknown or empty.\n")
	for _, name := range sortedKeys(r.doc.Components.Schemas) {
		r.schema(name, r.doc.Components.Schemas[name].Value)
	}
}

// filters writes the parameters that several endpoints share.
func (r *reference) filters() {
	r.f("\n### Filters\n\nThese select calls. All that are given must hold.\n\n| parameter | value |\n|---|---|\n")
	for _, name := range r.filterOrder() {
		p := r.doc.Components.Parameters[name].Value
		r.f("| `%s` | %s |\n", p.Name, describe(p.Schema.Value, p.Description))
	}
}

// filterOrder is the order in which listCalls has them.
func (r *reference) filterOrder() (names []string) {
	for _, p := range r.doc.Paths.Value(base + "/calls").Get.Parameters {
		if p.Ref != "" {
			names = append(names, refName(p.Ref))
		}
	}
	return names
}

func (r *reference) operation(method, path string, op *openapi3.Operation) {
	r.f("\n### %s %s\n\n%s\n", method, path, op.Summary)
	if op.Description != "" {
		r.f("%s\n", strings.TrimSpace(op.Description))
	}
	var shared []string
	var own []*openapi3.Parameter
	for _, p := range op.Parameters {
		if p.Ref != "" {
			shared = append(shared, refName(p.Ref))
		} else {
			own = append(own, p.Value)
		}
	}
	if len(shared) > 0 {
		r.f("\nTakes the [filters](#filters)")
		if left := slices.DeleteFunc(r.filterOrder(), func(n string) bool { return slices.Contains(shared, n) }); len(left) > 0 {
			r.f(" but `%s`", strings.Join(left, "`, `"))
		}
		r.f(".\n")
	}
	if len(own) > 0 {
		r.f("\n| parameter | value |\n|---|---|\n")
		for _, p := range own {
			d := p.Description
			if p.In == "path" {
				d = "In the path. " + d
			}
			r.f("| `%s` | %s |\n", p.Name, describe(p.Schema.Value, d))
		}
	}
	if op.RequestBody != nil {
		r.f("\nBody: %s.\n", typeOf(op.RequestBody.Value.Content["application/json"].Schema))
	}
	r.f("\n")
	for _, status := range sortedKeys(op.Responses.Map()) {
		resp := op.Responses.Value(status)
		if status == "default" {
			continue
		}
		for _, media := range sortedKeys(resp.Value.Content) {
			what := "`" + media + "`"
			if media == "application/json" {
				what = typeOf(resp.Value.Content[media].Schema)
			}
			r.f("- **%s** %s. %s\n", status, what, *resp.Value.Description)
		}
	}
}

func (r *reference) schema(name string, s *openapi3.Schema) {
	r.f("\n### %s\n\n", name)
	if s.Description != "" {
		r.f("%s\n\n", s.Description)
	}
	r.f("| field | type | |\n|---|---|---|\n")
	for _, f := range sortedKeys(s.Properties) {
		notes := strings.TrimSpace(s.Properties[f].Value.Description)
		if s.Properties[f].Ref != "" {
			notes = ""
		}
		if slices.Contains(s.Required, f) {
			notes = strings.TrimSpace("*always* " + notes)
		}
		r.f("| `%s` | %s | %s |\n", f, typeOf(s.Properties[f]), cell(notes))
	}
}

// describe says what a parameter takes.
func describe(s *openapi3.Schema, description string) string {
	var parts []string
	if description = strings.TrimSpace(description); description != "" {
		parts = append(parts, description)
	}
	switch {
	case len(s.Enum) > 0:
		parts = append(parts, strings.TrimPrefix(typeOf(&openapi3.SchemaRef{Value: s}), "string: ")+".")
	case s.Type.Is("integer"):
		parts = append(parts, strconv.Itoa(int(*s.Min))+" to "+strconv.Itoa(int(*s.Max))+".")
	}
	if s.Default != nil {
		def := fmt.Sprint(s.Default)
		if f, ok := s.Default.(float64); ok {
			def = strconv.FormatFloat(f, 'f', -1, 64)
		}
		parts = append(parts, "Default: `"+def+"`.")
	}
	return cell(strings.Join(parts, " "))
}

// typeOf is a schema in short.
func typeOf(ref *openapi3.SchemaRef) string {
	if ref.Ref != "" {
		name := refName(ref.Ref)
		return "[" + name + "](#" + strings.ToLower(name) + ")"
	}
	s := ref.Value
	switch {
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprintf("`%v`", e)
		}
		return strings.Join(words, ", ")
	case s.Type == nil:
		return "any JSON"
	case s.Type.Is("array"):
		return "list of " + typeOf(s.Items)
	case s.Type.Is("object") && len(s.Properties) > 0:
		fields := make([]string, 0, len(s.Properties))
		for _, f := range sortedKeys(s.Properties) {
			fields = append(fields, "`"+f+"`: "+typeOf(s.Properties[f]))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(s.AdditionalProperties.Schema)
	case s.Format == "date-time":
		return "time"
	}
	return s.Type.Slice()[0]
}

func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}
