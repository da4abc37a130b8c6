package main

import "testing"

// TestOfflineBackupLeavesOut: which days are here as a whole is true of the present
// cold copies only. Restored later, it would make an older day win over a cold copy
// that has more.
func TestOfflineBackupLeavesOut(t *testing.T) {
	for name, skip := range map[string]bool{
		"events/tier.json": true, "snapshots": true, "journal/lock": true, "budgets/.tmp-budgets.json-1": true,
		"events/stray-20260101.jsonl": false, // rows that are nowhere else
		"events/partitions":           false, "cold-days/place.json": false, "erasing.json": false, "metrics-purge.json": false,
	} {
		if got := skipOffline(name); got != skip {
			t.Errorf("%s: left out %v, want %v", name, got, skip)
		}
	}
}
