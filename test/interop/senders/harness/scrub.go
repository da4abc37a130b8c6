package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Scrubber removes what a payload says about the machine that it was recorded on.
type Scrubber struct {
	replace *strings.Replacer
	never   []string // must not be left
}

// packages matches the path to a directory of installed packages.
var packages = regexp.MustCompile(`(?:file://)?/[^\s"'():,]*/(node_modules|site-packages|dist-packages)/`)

// NewScrubber knows this machine: its name and addresses, the repository at root
// and the directories around.
func NewScrubber(root string) *Scrubber {
	s := &Scrubber{}
	var pairs []string
	add := func(v, with string) {
		if len(v) > 3 && v != "/tmp" && v != "localhost" {
			s.never = append(s.never, v)
			pairs = append(pairs, v, with)
		}
	}
	add(root, "/app")
	add(filepath.Dir(root), "/app")
	if d, err := os.UserHomeDir(); err == nil {
		add(d, "/home/user")
	}
	if h, err := os.Hostname(); err == nil {
		add(h, "host")
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() {
				add(n.IP.String(), "192.0.2.1")
			}
		}
	}
	s.replace = strings.NewReplacer(pairs...)
	return s
}

// machineKeys start the keys of attributes that describe the machine or the
// process.
var machineKeys = []string{"host.", "process.", "os.", "container.", "k8s.", "service.instance.id", "thread.", "device."}

// Scrub returns an OTLP JSON body without what describes the machine. It fails
// where something is left that it knows.
func (s *Scrubber) Scrub(body []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("scrub: %w", err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s.value(v)); err != nil {
		return nil, fmt.Errorf("scrub: %w", err)
	}
	for _, n := range s.never {
		if bytes.Contains(out.Bytes(), []byte(n)) {
			return nil, fmt.Errorf("scrub: %q is left in the payload", n)
		}
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func (s *Scrubber) value(v any) any {
	switch v := v.(type) {
	case string:
		return s.text(v)
	case []any:
		out := v[:0]
		for _, e := range v {
			if !describesMachine(e) {
				out = append(out, s.value(e))
			}
		}
		return out
	case map[string]any:
		for k, e := range v {
			v[k] = s.value(e)
		}
		if v["key"] == "exception.stacktrace" {
			cutStack(v)
		}
		return v
	}
	return v
}

func (s *Scrubber) text(v string) string {
	return s.replace.Replace(packages.ReplaceAllString(v, "/app/$1/"))
}

func describesMachine(attr any) bool {
	m, _ := attr.(map[string]any)
	key, _ := m["key"].(string)
	if key == "" || m["value"] == nil {
		return false
	}
	for _, p := range machineKeys {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// cutStack leaves the first lines of a stack trace: the rest is long and says
// nothing.
func cutStack(attr map[string]any) {
	value, _ := attr["value"].(map[string]any)
	text, _ := value["stringValue"].(string)
	if lines := strings.SplitAfterN(text, "\n", 4); len(lines) == 4 {
		value["stringValue"] = strings.Join(lines[:3], "") + "    ..."
	}
}
