package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// TestValuesOfTheDocs renders the values that docs/deploy.md shows, and has the
// program check the configuration that comes of them.
func TestValuesOfTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples, want 2", len(examples))
	}
	for _, example := range examples {
		out, err := render(t, example[1])
		if err != nil {
			t.Errorf("%v in\n%s", err, example[1])
			continue
		}
		config := objects(t, out)["Secret pitot-config"].(*core.Secret).StringData["pitot.yml"]
		binary := os.Getenv("PITOT_BIN")
		if binary == "" {
			continue
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "pitot.yml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(config, "/etc/pitot-engine", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		hash := exec.CommandContext(t.Context(), binary, "auth", "hash")
		hash.Stdin = strings.NewReader("correct horse battery")
		hashed, err := hash.Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), binary, "check", file)
		cmd.Env = append(os.Environ(), "OPENAI_API_KEY=x", "POD_IP=127.0.0.1", "ADA_HASH="+strings.TrimSpace(string(hashed)))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s in\n%s", err, out, config)
		}
	}
}
