package auth

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

func openAudit(t *testing.T, dir string, cfg AuditConfig) (*Audit, *clock) {
	t.Helper()
	clk := &clock{t: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	a, err := OpenAudit(dir, cfg, slog.New(slog.DiscardHandler), clk.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a, clk
}

func TestAuditIsReadNewestFirst(t *testing.T) {
	a, clk := openAudit(t, t.TempDir(), AuditConfig{})
	for i, e := range []Entry{
		{Action: ActionLogin, Who: "a", Tenant: "acme"}, {Action: ActionContent, Who: "b", Path: "/api/pitot/v1/calls"}, {Action: ActionContent, Who: "a", Tenant: "acme"},
	} {
		clk.pass(time.Duration(i) * time.Second)
		a.Write(e)
	}
	for _, c := range []struct {
		q    AuditQuery
		want string
	}{
		{AuditQuery{AllTenants: true, Limit: 10}, "a b a"},
		{AuditQuery{AllTenants: true, Limit: 2}, "a b"},
		{AuditQuery{AllTenants: true, Limit: 10, Action: ActionContent, Who: "b"}, "b"},
		{AuditQuery{Tenant: "acme", Limit: 10}, "a a"},
		{AuditQuery{Limit: 10}, "b"},
		{AuditQuery{AllTenants: true, Limit: 10, Start: clk.now()}, "a"},
		{AuditQuery{AllTenants: true, Limit: 10, End: clk.now()}, "b a"},
	} {
		got, err := a.Read(c.q)
		var who []string
		for _, e := range got {
			who = append(who, e.Who)
		}
		if err != nil || strings.Join(who, " ") != c.want {
			t.Errorf("%+v: %v, %v, want %s", c.q, who, err, c.want)
		}
	}
}

func TestAuditIsBounded(t *testing.T) {
	dir := t.TempDir()
	a, _ := openAudit(t, dir, AuditConfig{MaxSize: minAuditSize})
	for i := range 6000 {
		a.Write(Entry{Action: ActionContent, Who: fmt.Sprintf("u%d", i), Path: strings.Repeat("p", 300), Detail: strings.Repeat("d", 5000)})
	}
	var size int64
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", e.Name(), info.Mode())
		}
	}
	if len(entries) != auditFiles || size > minAuditSize {
		t.Errorf("%d files, %d bytes", len(entries), size)
	}
	got, err := a.Read(AuditQuery{AllTenants: true, Limit: 1})
	if err != nil || len(got) != 1 || got[0].Who != "u5999" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAuditGoesOnAfterACut(t *testing.T) {
	dir := t.TempDir()
	a, _ := openAudit(t, dir, AuditConfig{})
	a.Write(Entry{Action: ActionLogin, Who: "first"})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(a.own.path(0), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"time":"2026-11-22T10:00`)
	_ = f.Close()
	b, _ := openAudit(t, dir, AuditConfig{})
	b.Write(Entry{Action: ActionLogin, Who: "second"})
	got, err := b.Read(AuditQuery{AllTenants: true, Limit: 10})
	if err != nil || len(got) != 2 || got[0].Who != "second" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestStrangersLeaveTheLogAlone: who is not recognised can neither push out what is
// written of others, nor write what makes it unreadable.
func TestStrangersLeaveTheLogAlone(t *testing.T) {
	a, clk := openAudit(t, t.TempDir(), AuditConfig{MaxSize: minAuditSize})
	a.Write(Entry{Action: ActionContent, Who: "inside", Path: "/api/pitot/v1/calls"})
	clk.pass(time.Second)
	for range 1500 {
		a.Write(Entry{Action: ActionDenied, Path: "/api/v1/" + strings.Repeat("p", 5000), Query: strings.Repeat("\x01", 5000), Method: strings.Repeat("M", 200<<10)})
		a.Write(Entry{Action: ActionRefused, Who: strings.Repeat("root", 5000), Kind: KindUser})
	}
	clk.pass(time.Second)
	a.Write(Entry{Action: ActionContent, Who: "inside"})
	got, err := a.Read(AuditQuery{AllTenants: true, Limit: 10})
	if err != nil || len(got) != 10 || got[0].Who != "inside" || got[1].Action != ActionRefused {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	if got, err = a.Read(AuditQuery{AllTenants: true, Limit: 10, Who: "inside"}); err != nil || len(got) != 2 {
		t.Errorf("%d entries of who is inside are left, %v", len(got), err)
	}
	var size int64
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	if size > minAuditSize {
		t.Errorf("%d bytes", size)
	}
}
