//go:build !linux

package deploy

import "testing"

func runInRoot(t *testing.T, _, _ string, _ bool) { t.Skip("only Linux runs containers") }
