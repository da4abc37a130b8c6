package config

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

var (
	yamlLine      = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\n +)?line (\d+): `)
	unknownAnchor = regexp.MustCompile(`unknown anchor '([^']+)'`)
)

// syntaxError reports what the YAML parser objects to. That parser knows at
// most the line where its rule was broken, often far from the mistake; a second
// one, which is used for nothing else, knows the place.
func (d *decoder) syntaxError(err error) {
	msg, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	msg = strings.TrimPrefix(msg, "yaml: ")
	col := 0
	if l, c, m, ok := secondOpinion(strings.Join(d.lines, "\n")); ok {
		line, col, msg = l, c, m
	} else if m := unknownAnchor.FindStringSubmatch(msg); m != nil {
		for i, l := range d.lines {
			if k := strings.Index(l, "*"+m[1]); k >= 0 {
				line, col = i+1, len([]rune(l[:k]))+1
				break
			}
		}
	}
	line = max(line, 1)
	d.errorIn(line, col, "", "not valid YAML: "+msg+syntaxHint(msg, d.line(line)))
}

func syntaxHint(msg, line string) string {
	switch {
	case strings.Contains(line, "${") && strings.Contains(msg, "must be specified"):
		return `: between { } and [ ], put quotes around "${NAME}"`
	case strings.Contains(msg, "mapping value"):
		return `: a value with ": " in it needs quotes, a mapping a line of its own`
	case strings.Contains(msg, "value is not allowed"), strings.Contains(msg, "unexpected key"), strings.Contains(msg, "did not find expected"):
		return ": is the indentation right here and in the lines before?"
	case strings.Contains(msg, "reserved character"), strings.Contains(msg, "cannot start any token"), strings.Contains(msg, "escape character"):
		return ": put single quotes around the value"
	}
	return ""
}

// secondOpinion finds the place of a syntax error. The parser is given only
// text that is broken, so what it thinks of other text does not matter, and a
// panic of it is no opinion.
func secondOpinion(text string) (line, col int, msg string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	_, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	e, isSyntax := errors.AsType[goyaml.Error](err)
	if !isSyntax || e.GetToken() == nil || e.GetToken().Position == nil {
		return 0, 0, "", false
	}
	p := e.GetToken().Position
	return p.Line, p.Column, e.GetMessage(), p.Line > 0
}
