package slo

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxText bounds the section and OpenSLO files, in bytes.
const maxText = 4 << 20

// Parse reads the `slos:` section: a list of objectives. It returns every
// problem, as ConfigErrors, joined.
func Parse(text []byte) (Config, error) {
	var c Config
	if len(text) > maxText {
		return c, &ConfigError{Path: "slos", Message: fmt.Sprintf("%d bytes: at most %d", len(text), maxText)}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return c, &ConfigError{Path: "slos", Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return c, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.SequenceNode {
		return c, &ConfigError{Line: root.Line, Path: "slos", Message: "must be a list: lines of `- name: ...`"}
	}
	var errs []error
	for i, n := range root.Content {
		path := fmt.Sprintf("slos[%d]", i)
		if unknown := unknownKeys(n, reflect.TypeFor[SLO](), path); len(unknown) > 0 {
			errs = append(errs, unknown...)
			continue
		}
		var s SLO
		if err := n.Decode(&s); err != nil {
			errs = append(errs, &ConfigError{Line: n.Line, Path: path, Message: decodeMessage(err)})
			continue
		}
		s.line = n.Line
		if s.Window.Length == 0 {
			s.Window = Window{Length: month}
		}
		c.SLOs = append(c.SLOs, s)
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

// unknownKeys finds keys of a mapping that the struct does not have. The YAML
// library checks that only where no type has an unmarshaler of its own.
func unknownKeys(n *yaml.Node, t reflect.Type, path string) []error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind != yaml.MappingNode || t.Kind() != reflect.Struct || t == reflect.TypeFor[Window]() {
		return nil
	}
	fields := map[string]reflect.Type{}
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" {
			fields[name] = f.Type
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var errs []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		ft, ok := fields[key.Value]
		if !ok {
			errs = append(errs, &ConfigError{
				Line: key.Line, Path: path + "." + key.Value,
				Message: "unknown key: there is " + strings.Join(names, ", "),
			})
			continue
		}
		errs = append(errs, unknownKeys(n.Content[i+1], ft, path+"."+key.Value)...)
	}
	return errs
}

// UnmarshalYAML implements yaml.Unmarshaler: `availability` alone is a mapping
// with that key and nothing in it.
func (s *SLI) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		switch n.Value {
		case "availability":
			s.Availability = &Availability{}
		case "error_free_streams":
			s.ErrorFreeStreams = &struct{}{}
		default:
			return fmt.Errorf("line %d: sli: %q: write availability, error_free_streams, or a mapping such as {latency: {threshold: 2s}}", n.Line, n.Value)
		}
		return nil
	}
	type plain SLI
	if err := n.Decode((*plain)(s)); err != nil {
		return err
	}
	// `availability:` with nothing behind it is null.
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i+1].Tag != "!!null" {
			continue
		}
		switch n.Content[i].Value {
		case "availability":
			s.Availability = &Availability{}
		case "error_free_streams":
			s.ErrorFreeStreams = &struct{}{}
		}
	}
	return nil
}
