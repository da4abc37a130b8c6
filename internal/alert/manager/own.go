package manager

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// ownKey is a key of a section that is not the Alertmanager's.
type ownKey struct {
	receiver   string // empty for global
	parent     *yaml.Node
	key, value *yaml.Node
}

type ownKeys []ownKey

// ownNames are the receivers' keys that are Pitot's.
func ownName(name string) bool { return name == "dingtalk_configs" || name == "feishu_configs" }

// findOwn finds Pitot's keys.
func findOwn(root *yaml.Node) ownKeys {
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil
	}
	var out ownKeys
	pairs(root.Content[0], func(key, value *yaml.Node) {
		switch key.Value {
		case "global":
			pairs(value, func(k, v *yaml.Node) {
				if k.Value == "language" {
					out = append(out, ownKey{parent: value, key: k, value: v})
				}
			})
		case "receivers":
			if value.Kind != yaml.SequenceNode {
				return
			}
			for _, r := range value.Content {
				name := ""
				pairs(r, func(k, v *yaml.Node) {
					if k.Value == "name" {
						name = v.Value
					}
				})
				pairs(r, func(k, v *yaml.Node) {
					if ownName(k.Value) {
						out = append(out, ownKey{receiver: name, parent: r, key: k, value: v})
					}
				})
			}
		}
	})
	return out
}

func pairs(n *yaml.Node, f func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i], n.Content[i+1])
	}
}

// line is that of an entry of a list, or of the key with index -1.
func (o ownKeys) line(receiver, key string, index int) int {
	for _, k := range o {
		if k.receiver != receiver || k.key.Value != key {
			continue
		}
		if index >= 0 && index < len(k.value.Content) {
			return k.value.Content[index].Line
		}
		return k.key.Line
	}
	return 0
}

// errors are those of one entry, each with the line of the field that it names.
func (o ownKeys) errors(receiver, key string, index int, err error) []error {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	out := make([]error, len(list))
	for i, e := range list {
		line := o.line(receiver, key, index)
		for _, k := range o {
			if k.receiver == receiver && k.key.Value == key && index < len(k.value.Content) {
				pairs(k.value.Content[index], func(name, _ *yaml.Node) {
					if strings.HasPrefix(e.Error(), name.Value) {
						line = name.Line
					}
				})
			}
		}
		out[i] = &ConfigError{Line: line, Err: fmt.Errorf("receiver %q: %s[%d].%w", receiver, key, index, e)}
	}
	return out
}

// strip returns the section without Pitot's keys. Their lines are blanked, so
// that the lines of the rest stay; where the section is written in a way that
// does not allow this, it is written anew.
func strip(section []byte, root *yaml.Node, found ownKeys) ([]byte, error) {
	for _, k := range found {
		for i := 0; i+1 < len(k.parent.Content); i += 2 {
			if k.parent.Content[i] == k.key {
				k.parent.Content = append(k.parent.Content[:i:i], k.parent.Content[i+2:]...)
				break
			}
		}
	}
	anew, err := yaml.Marshal(root)
	if err != nil {
		return nil, errors.New("the section cannot be written without dingtalk_configs and feishu_configs: do not use their anchors elsewhere")
	}
	blanked := blank(section, found)
	var got yaml.Node
	if yaml.Unmarshal(blanked, &got) == nil && len(got.Content) == len(root.Content) && same(&got, root) {
		return blanked, nil
	}
	return anew, nil
}

// blank replaces the lines of keys and their values by empty ones.
func blank(section []byte, found ownKeys) []byte {
	lines := bytes.SplitAfter(section, []byte("\n"))
	for _, k := range found {
		from, column := k.key.Line-1, k.key.Column-1
		if from >= len(lines) || column > len(lines[from]) {
			continue
		}
		// What is before a key in its line is the dash of its receiver.
		lines[from] = append(append([]byte{}, lines[from][:column]...), '\n')
		for i := from + 1; i < len(lines); i++ {
			text := bytes.TrimRight(lines[i], "\r\n")
			trimmed := bytes.TrimLeft(text, " ")
			indent := len(text) - len(trimmed)
			item := bytes.HasPrefix(trimmed, []byte("- ")) || bytes.Equal(trimmed, []byte("-"))
			inside := len(trimmed) == 0 || trimmed[0] == '#' || indent > column || (indent == column && item)
			if !inside {
				break
			}
			lines[i] = []byte("\n")
		}
	}
	return bytes.Join(lines, nil)
}

// same says whether two documents have the same content. A mapping without keys
// is the same as nothing.
func same(a, b *yaml.Node) bool {
	if empty(a) && empty(b) {
		return true
	}
	if a.Kind != b.Kind || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

func empty(n *yaml.Node) bool {
	return len(n.Content) == 0 && (n.Kind == yaml.MappingNode || n.Kind == yaml.ScalarNode && n.Tag == "!!null")
}
