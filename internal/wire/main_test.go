package wire

import (
	"testing"

	"go.uber.org/goleak"
)

// A decompressor is a coroutine: every Decoder must end its own.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
