package mcp

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")

func TestDocumentation(t *testing.T) {
	doc, err := os.ReadFile("../../docs/mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools() {
		if !strings.Contains(string(doc), "`"+tool.name+"`") {
			t.Errorf("docs/mcp.md does not name the tool %s", tool.name)
		}
	}
	blocks := jsonBlock.FindAllStringSubmatch(string(doc), -1)
	if len(blocks) < 5 {
		t.Errorf("%d blocks of JSON, want one a client at least", len(blocks))
	}
	for _, b := range blocks {
		if !json.Valid([]byte(b[1])) {
			t.Errorf("not JSON: %s", b[1])
		}
	}
}
