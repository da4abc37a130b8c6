package budget

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxText bounds the section, in bytes.
const maxText = 4 << 20

// Parse reads the `budgets:` section: a list of budgets. It returns every
// problem, as ConfigErrors, joined.
func Parse(text []byte) (Config, error) {
	var c Config
	if len(text) > maxText {
		return c, &ConfigError{Path: "budgets", Message: fmt.Sprintf("%d bytes: at most %d", len(text), maxText)}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return c, &ConfigError{Path: "budgets", Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return c, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.SequenceNode {
		return c, &ConfigError{Line: root.Line, Path: "budgets", Message: "must be a list: lines of `- name: ...`"}
	}
	var errs []error
	for i, n := range root.Content {
		path := fmt.Sprintf("budgets[%d]", i)
		if unknown := unknownKeys(n, path); len(unknown) > 0 {
			errs = append(errs, unknown...)
			continue
		}
		var b Budget
		if err := n.Decode(&b); err != nil {
			errs = append(errs, &ConfigError{Line: n.Line, Path: path, Message: decodeMessage(err)})
			continue
		}
		b.line = n.Line
		c.Budgets = append(c.Budgets, b)
	}
	return c, errors.Join(append(errs, c.Validate())...)
}

// decodeMessage is the message of a decoding error in one line.
func decodeMessage(err error) string {
	if te, ok := errors.AsType[*yaml.TypeError](err); ok {
		return strings.Join(te.Errors, "; ")
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}

// unknownKeys finds keys of a budget that there are not. The YAML library checks
// that only where no type has an unmarshaler of its own.
func unknownKeys(n *yaml.Node, path string) []error {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var names []string
	for f := range reflect.TypeFor[Budget]().Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" {
			names = append(names, name)
		}
	}
	var errs []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !slices.Contains(names, key.Value) {
			errs = append(errs, &ConfigError{
				Line: key.Line, Path: path + "." + key.Value,
				Message: "unknown key: there is " + strings.Join(names, ", "),
			})
		}
	}
	return errs
}
