package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func output(t *testing.T, args ...string) string {
	t.Helper()
	var out, stderr bytes.Buffer
	if err := run(t.Context(), args, strings.NewReader(""), &out, &stderr); err != nil {
		t.Fatalf("pitot %v: %v %s", args, err, &stderr)
	}
	return out.String()
}

// TestBashCompletion lets bash itself complete lines.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "pitot.bash")
	for name, text := range map[string]string{script: output(t, "completion", "bash"), filepath.Join(dir, "some.yml"): ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		words   []string
		want    []string // that must be offered
		without []string
	}{
		{[]string{"pitot", ""}, []string{"serve", "demo", "mcp", "export", "engine", "--help"}, []string{"bench-part"}},
		{[]string{"pitot", "ex"}, []string{"explain", "export"}, []string{"serve"}},
		{[]string{"pitot", "export", ""}, []string{"calls", "traces", "dataset"}, []string{"serve"}},
		{[]string{"pitot", "export", "calls", "--for"}, []string{"--format"}, []string{"--from"}},
		{[]string{"pitot", "export", "calls", "--format", ""}, []string{"csv", "parquet", "jsonl"}, []string{"otlp", "--format"}},
		{[]string{"pitot", "export", "traces", "--format", "=", "o"}, []string{"otlp"}, []string{"csv"}},
		{[]string{"pitot", "completion", ""}, []string{"bash", "zsh", "fish"}, nil},
		{[]string{"pitot", "check", "so"}, []string{"some.yml"}, nil},
		{[]string{"pitot", "serve", "--config", "so"}, []string{"some.yml"}, []string{"--config"}},
		{[]string{"pitot", "serve", "--log.level", ""}, []string{"debug", "info", "warn", "error"}, nil},
	} {
		quoted := make([]string, len(test.words))
		for i, w := range test.words {
			quoted[i] = "'" + w + "'"
		}
		cmd := exec.CommandContext(t.Context(), bash, "--norc", "-c", `set -u; source "$1"; COMP_WORDS=(`+strings.Join(quoted, " ")+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pitot; printf '%s\n' "${COMPREPLY[@]}"`, "bash", script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", test.words, err, out)
		}
		got := strings.Fields(string(out))
		for _, w := range test.want {
			if !slices.Contains(got, w) {
				t.Errorf("%v: %q is not offered: %v", test.words, w, got)
			}
		}
		for _, w := range test.without {
			if slices.Contains(got, w) {
				t.Errorf("%v: %q is offered", test.words, w)
			}
		}
	}
}

// TestOtherShellsReadTheirScripts asks the shells that are installed.
func TestOtherShellsReadTheirScripts(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			script := output(t, "completion", shell)
			for _, want := range []string{"dataset", "parquet", "PromQL"} {
				if !strings.Contains(script, want) {
					t.Errorf("%q is missing", want)
				}
			}
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip(shell + " is not installed")
			}
			file := filepath.Join(t.TempDir(), "pitot."+shell)
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), path, "-n", file).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			// What fish offers; and what zsh's functions for it are given.
			command := "source " + file + `; complete -C "pitot export "`
			if shell == "zsh" {
				command = `compdef() {}; _files() {}; _describe() { print -rl -- ${(P)@[-1]} }; source ` + file + `; words=(pitot export ""); CURRENT=3; _pitot`
			}
			out, err := exec.CommandContext(t.Context(), path, "-c", command).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "dataset") || strings.Contains(string(out), "PromQL") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestManualPages(t *testing.T) {
	page := output(t, "man", "export", "calls")
	for _, want := range []string{".TH PITOT\\-EXPORT\\-CALLS 1", ".SH NAME\npitot\\-export\\-calls \\- ", `\-o, \-\-format`, "PITOT_SERVER"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
	dir := t.TempDir()
	output(t, "man", "--dir", dir)
	for _, name := range []string{"pitot.1", "pitot-serve.1", "pitot-rules-check.1"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "'") {
				t.Errorf("%s: a line begins with a control character: %s", name, line)
			}
		}
	}
	if err := run(t.Context(), []string{"man", "nothing"}, nil, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("a page of no command is written")
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	checkPages(t, pages)
}

// checkPages asks the programs that are installed what they think of manual pages.
func checkPages(t *testing.T, pages []string) {
	t.Helper()
	asked := 0
	for _, command := range [][]string{{"groff", "-man", "-ww", "-z", "-Tutf8"}, {"mandoc", "-Tlint", "-Wwarning"}} {
		path, err := exec.LookPath(command[0])
		if err != nil {
			continue
		}
		asked++
		out, _ := exec.CommandContext(t.Context(), path, append(command[1:], pages...)...).CombinedOutput() // its status says the same
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "missing date") { // pages are the same each day
				t.Errorf("%s: %s", command[0], line)
			}
		}
	}
	if asked == 0 {
		t.Skip("neither groff nor mandoc is installed")
	}
}
