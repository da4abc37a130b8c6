package config

import (
	"fmt"
	"strings"
)

// expand replaces ${NAME} and ${NAME:-default} by environment variables.
// $${NAME} stands for ${NAME} itself; a dollar without a name in braces, such
// as $1 and ${1} of regular expressions, is left alone.
func expand(s string, env func(string) (string, bool)) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return "", fmt.Errorf("%q has no closing }: write ${NAME} or ${NAME:-default}", s[i:])
		}
		inner := s[i+2 : i+end]
		next := s[i+end+1:]
		name, def, hasDef := strings.Cut(inner, ":-")
		switch {
		case !variableName(name):
			b.WriteString(s[:i+end+1])
		case i > 0 && s[i-1] == '$':
			b.WriteString(s[:i-1])
			b.WriteString(s[i : i+end+1])
		default:
			b.WriteString(s[:i])
			v, ok := env(name)
			switch {
			case ok && (v != "" || !hasDef):
				b.WriteString(v)
			case hasDef:
				b.WriteString(def)
			default:
				return "", fmt.Errorf("the environment variable %s is not set: set it, or give a default as ${%s:-default}", name, name)
			}
		}
		s = next
	}
}

func variableName(s string) bool {
	for i, r := range s {
		switch {
		case r == '_', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		case '0' <= r && r <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}
