package capacity

import (
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

func within(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s: %.0f, want %.0f to %.0f", what, got, low, high)
	}
}

// TestPlanAgreesWithWhatWasMeasured compares the model with docs/performance.md:
// 404,000 calls with text and 208,000 spans took 242 MB, a million calls with
// 2.3 KB of random words 1.25 GB, and with natural ones 0.8 to 0.9 GB.
func TestPlanAgreesWithWhatWasMeasured(t *testing.T) {
	million := Traffic{CallsPerDay: 1e6, InputTokens: 400, OutputTokens: 175, Content: true, Hot: day}
	within(t, "a million calls of 2.3 KB", million.Plan(Observed{}).HotBytes, 0.75e9, 1.25e9)
	demo := Traffic{CallsPerDay: 404_000, InputTokens: 150, OutputTokens: 120, SpansPerCall: 208. / 404, Content: true, Hot: day}
	within(t, "the demo", demo.Plan(Observed{}).HotBytes, 242e6/2, 242e6*2)
	within(t, "memory of an idle one", Traffic{}.Plan(Observed{}).MemoryBytes, 146<<20, 500<<20)
}

func TestPlanGrowsWithWhatGrows(t *testing.T) {
	base := Traffic{CallsPerDay: 1e5, InputTokens: 500, OutputTokens: 100, Content: true, Combinations: 10, Hot: 30 * day, Metrics: 90 * day, PeakFactor: 3}
	p := base.Plan(Observed{})
	twice := base
	twice.CallsPerDay *= 2
	if got := twice.Plan(Observed{}).HotBytes; got != 2*p.HotBytes {
		t.Errorf("twice the calls need %.0f instead of %.0f", got, 2*p.HotBytes)
	}
	cold := base
	cold.Cold = 90 * day
	if got := cold.Plan(Observed{}); got.ColdBytes != 3*p.HotBytes || got.DiskBytes != p.DiskBytes {
		t.Errorf("cold days: %+v", got)
	}
	bare := base
	bare.Content = false
	if bare.Plan(Observed{}).HotBytes >= p.HotBytes/2 {
		t.Error("without text it needs about as much")
	}
	if len(p.Assumptions) < 5 {
		t.Errorf("assumptions: %v", p.Assumptions)
	}
}

func TestPlanBelievesWhatWasSeen(t *testing.T) {
	tr := Traffic{CallsPerDay: 1000, InputTokens: 100, Content: true, Hot: 10 * day}
	p := tr.Plan(Observed{Calls: 10_000, EventBytes: 20e6, Series: 1234})
	if p.HotBytes != 10*1000*2000 || p.Series != 1234 {
		t.Errorf("plan %+v", p)
	}
	if !strings.Contains(strings.Join(p.Assumptions, "\n"), "what the server has seen: 2000 bytes a call") {
		t.Errorf("assumptions: %v", p.Assumptions)
	}
	few := tr.Plan(Observed{Calls: 10, EventBytes: 1e9})
	if few.HotBytes == 10*1000*1e8 {
		t.Error("ten calls were enough")
	}
}
