package deploy

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestBill makes a release for this system and checks its bill of materials
// against the schema of CycloneDX.
func TestBill(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a release")
	}
	out := t.TempDir()
	// A small program of the module does: the bill is read from the binary.
	build := exec.CommandContext(t.Context(), "go", "run", "./deploy/release", "-version=v1.2.3", "-systems="+runtime.GOOS+"/"+runtime.GOARCH, "-out="+out, "-package=./deploy/release", "-name=prog")
	build.Dir = "../.."
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	files, err := filepath.Glob(out + "/*.cdx.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("bills %v, %v", files, err)
	}
	// Those of make release, where it was run.
	made, err := filepath.Glob("../../dist/*.cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	want := schema(t)
	for _, file := range append(files, made...) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := want.Validate(doc); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		var bom cdx.BOM
		if err := json.Unmarshal(b, &bom); err != nil || bom.SpecVersion != cdx.SpecVersion1_6 || bom.Metadata.Component.Version == "" || len(*bom.Components) == 0 {
			t.Errorf("%s: %+v, %v", file, bom.Metadata, err)
		}
	}
	t.Logf("%d bills", 1+len(made))
}

// schema is that of CycloneDX 1.6, as the module of its library brings it.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(text)), "schema")
	c := jsonschema.NewCompiler()
	const base = "http://cyclonedx.org/schema/"
	for name, file := range map[string]string{"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		f, err := os.Open(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		doc, err := jsonschema.UnmarshalJSON(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(base+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile(base + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
