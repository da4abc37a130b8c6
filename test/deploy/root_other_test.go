//go:build !linux

package deploy

import "testing"

func runInRoot(t *testing.T, _, _ string) { t.Skip("only Linux runs containers") }
