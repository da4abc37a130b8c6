package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// readSources reads the files that the configuration names.
func readSources(c Config, dir string) ([]source, []Problem) {
	var out []source
	var problems []Problem
	seen := map[string]bool{}
	add := func(path, kind string) {
		if seen[path] {
			return
		}
		seen[path] = true
		if len(out) >= maxFiles {
			if len(out) == maxFiles && len(seen) == maxFiles+1 {
				problems = append(problems, Problem{File: path, Reason: fmt.Sprintf("more than %d rule files: this one and those after it are left out", maxFiles)})
			}
			return
		}
		content, err := readBounded(path)
		out = append(out, source{name: path, kind: kind, content: content, err: err})
	}
	for _, pattern := range c.Files {
		path := under(dir, pattern)
		if !strings.ContainsAny(pattern, `*?[\`) {
			add(path, SourceFile)
			continue
		}
		found, err := filepath.Glob(path)
		if err != nil { // Validate has said so
			problems = append(problems, Problem{File: pattern, Reason: err.Error()})
		}
		for _, f := range found {
			// As in a shell, a star does not stand for a dot in front.
			if hidden(f) && !hidden(path) {
				continue
			}
			add(f, SourceFile)
		}
	}
	for _, d := range c.Directories {
		path := under(dir, d)
		found, err := ruleFilesIn(path)
		if err != nil {
			problems = append(problems, Problem{File: path, Reason: err.Error()})
		}
		for _, f := range found {
			add(f, SourceDirectory)
		}
	}
	return out, problems
}

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// ruleFilesIn lists the rule files of a directory, not of those below it.
// Hidden ones are left out: mounted volumes keep their versions there.
func ruleFilesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("directory cannot be read: %w: create it or correct the path", unwrapPath(err))
	}
	var out []string
	for _, e := range entries {
		ext := strings.ToLower(filepath.Ext(e.Name()))
		if strings.HasPrefix(e.Name(), ".") || ext != ".yaml" && ext != ".yml" {
			continue
		}
		path := filepath.Join(dir, e.Name())
		// A link is followed.
		if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() { //nolint:gosec // G703: the operator names the directory
			continue
		}
		out = append(out, path)
	}
	slices.Sort(out)
	return out, nil
}

func readBounded(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w: correct the path or create the file", unwrapPath(err))
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("not a file: directories belong under `directories:`")
	}
	if st.Size() > maxFileBytes {
		return nil, fmt.Errorf("the file has %d bytes: at most %d are read: split it", st.Size(), maxFileBytes)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", unwrapPath(err))
	}
	return content, nil
}

// unwrapPath leaves out the path, which the problem names already.
func unwrapPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
