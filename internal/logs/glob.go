package logs

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// maxWalked bounds how many directory entries a pattern with ** looks at.
const maxWalked = 200_000

// expand returns the files that the patterns name and the exclusions do not,
// sorted, without compressed ones.
func expand(patterns, exclude []string) []string {
	var out []string
	for _, p := range patterns {
		var found []string
		if strings.Contains(p, "**") {
			found = walk(p)
		} else {
			found, _ = filepath.Glob(p) // the pattern was validated
		}
		for _, f := range found {
			if !compressed(f) && !slices.ContainsFunc(exclude, func(x string) bool { return matchPattern(x, f) }) {
				out = append(out, f)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// walk expands a pattern with **.
func walk(pattern string) []string {
	root := pattern[:strings.IndexAny(pattern, "*?[")]
	root = root[:strings.LastIndexByte(root, filepath.Separator)+1]
	if root == "" {
		root = "."
	}
	var out []string
	n := 0
	_ = filepath.WalkDir(filepath.Clean(root), func(path string, d fs.DirEntry, err error) error {
		if n++; n > maxWalked {
			return fs.SkipAll
		}
		if err != nil {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() && matchPattern(pattern, path) {
			out = append(out, path)
		}
		return nil
	})
	return out
}

// matchPattern matches a path against a pattern in which ** stands for any
// number of directories. A pattern without a directory matches the file's name.
func matchPattern(pattern, path string) bool {
	sep := string(filepath.Separator)
	if !strings.Contains(pattern, sep) {
		ok, _ := filepath.Match(pattern, filepath.Base(path))
		return ok
	}
	return matchSegments(strings.Split(filepath.Clean(pattern), sep), strings.Split(filepath.Clean(path), sep))
}

func matchSegments(pattern, path []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for len(pattern) > 1 && pattern[1] == "**" {
				pattern = pattern[1:]
			}
			for i := range len(path) + 1 {
				if matchSegments(pattern[1:], path[i:]) {
					return true
				}
			}
			return false
		}
		if len(path) == 0 {
			return false
		}
		if ok, _ := filepath.Match(pattern[0], path[0]); !ok {
			return false
		}
		pattern, path = pattern[1:], path[1:]
	}
	return len(path) == 0
}
