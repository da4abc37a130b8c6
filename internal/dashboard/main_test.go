package dashboard

import (
	"os"
	"testing"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/testkit"
)

var update = testkit.GoldenFlag()

// childEnv makes the test binary its own event engine.
const childEnv = "PITOT_TEST_ENGINE"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(engine.Main(nil))
	}
	os.Exit(m.Run())
}

// eachPanel calls f with every panel of every dashboard.
func eachPanel(f func(d Dashboard, p Panel)) {
	for _, d := range Dashboards() {
		for _, r := range d.Rows {
			for _, p := range r.Panels {
				f(d, p)
			}
		}
	}
}
