package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ManifestName is the file that lists the senders of a directory. The senders of
// all directories below are one list.
const ManifestName = "senders.json"

// Sender is a program that sends telemetry about the model calls it makes.
type Sender struct {
	Name    string   `json:"name"`
	Dir     string   `json:"-"`                 // where Command runs, relative to the manifests' root
	Package string   `json:"package"`           // what is tried, with its version
	Dialect string   `json:"dialect"`           // of its attributes
	Command []string `json:"command"`           // the program; paths are relative to Dir
	Install []string `json:"install,omitempty"` // what must be there before: run once a directory
	// Scenarios are those that the sender can do.
	Scenarios []string `json:"scenarios"`
	// Propagates says that its client passes the trace context on to the gateway, so
	// that a call that both see is known to be one.
	Propagates bool `json:"propagates,omitempty"`
	// Cannot says which fields of a WantCall the sender does not deliver, and why:
	// by field, or by scenario/field. The scenario gateway means every run through
	// Pitot's gateway.
	Cannot map[string]string `json:"cannot,omitempty"`
	// Open says in the same way what Pitot could make of what the sender sends, and
	// does not.
	Open map[string]string `json:"open,omitempty"`
}

// FieldCall in Sender.Cannot says that calls as in that scenario are not sent at all.
const FieldCall = "call"

// Manifest is a list of senders.
type Manifest []Sender

// ReadManifest reads the lists of senders in the directories below dir.
func ReadManifest(dir string) (Manifest, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", ManifestName))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all Manifest
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		var m Manifest
		if err := dec.Decode(&m); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		for i := range m {
			m[i].Dir = filepath.Base(filepath.Dir(f))
		}
		all = append(all, m...)
	}
	return all, nil
}

// Find returns the sender with the given name.
func (m Manifest) Find(name string) (Sender, bool) {
	i := slices.IndexFunc(m, func(s Sender) bool { return s.Name == name })
	if i < 0 {
		return Sender{}, false
	}
	return m[i], true
}

// Runs are the scenarios to run: those that were asked for, else all of the
// sender, else all there are.
func (s Sender) Runs(asked string) []string {
	if asked != "" {
		return strings.Split(asked, ",")
	}
	if len(s.Scenarios) > 0 {
		return s.Scenarios
	}
	var all []string
	for _, sc := range Scenarios() {
		all = append(all, sc.Name)
	}
	return all
}

// CannotIn is what the sender does not deliver in a scenario, by field.
func (s Sender) CannotIn(scenario string) map[string]string {
	var out map[string]string
	for k, why := range s.Cannot {
		if in, field, ok := strings.Cut(k, "/"); ok {
			if in != scenario {
				continue
			}
			k = field
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = why
	}
	return out
}

// RunSender runs a sender until it ends or ctx does, and returns what it wrote.
// Its children end with it.
func RunSender(ctx context.Context, s Sender, env []string) (output []byte, err error) {
	cmd := exec.CommandContext(ctx, s.Command[0], s.Command[1:]...) //nolint:gosec // the manifests are the project's own
	cmd.Dir, cmd.Env = s.Dir, env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	endGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("ended: %w", context.Cause(ctx))
	}
	return out.Bytes(), err
}

// Root is the directory of the repository.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "architecture_test.go")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("not in the repository: run it from there")
		}
		dir = up
	}
}
