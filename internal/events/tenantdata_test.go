package events

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// TestEraseOfATenant erases the user u of acme and leaves the user u of the
// default tenant and of acme's project as they are.
func TestEraseOfATenant(t *testing.T) {
	s, dir := ownEngine(t)
	s.tenants = []string{"acme", "acme/web"}
	r := rand.New(rand.NewPCG(5, 6))
	words := map[string]string{"": "plainword", "acme": "acmeword", "acme/web": "webword"}
	var recs []llm.Record
	for tenant, word := range words {
		for i := range 400 {
			at := time.Now().Add(-time.Duration(i) * 3 * time.Minute)
			c := randomCall(r, at, "svc")
			c.Tenant, c.TraceID, c.SpanID = tenant, fmt.Sprintf("%032x", i+1), fmt.Sprintf("%016x", i+1)
			c.User = fmt.Sprint("other", i%9)
			if i%40 == 3 {
				c.User = "u-4711"
				c.Input = []llm.Message{llm.Text("user", word+" is this "+strings.Repeat("long text, ", 200))}
				recs = append(recs, llm.Record{Log: &llm.Log{ID: newID(at, r), Time: at, Tenant: tenant, Source: llm.SourceLogs, Service: "svc", TraceID: c.TraceID, Message: word + " line"}})
			}
			recs = append(recs, llm.Record{Call: c})
		}
	}
	insert(t, s, recs...)
	if _, err := s.rollupAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	onDisk(t, dir, []string{"plainword", "acmeword", "webword"})
	e := Erasure{User: "u-4711"}
	count := func(tenant string) Erased {
		t.Helper()
		n, err := s.Matching(llm.WithTenant(t.Context(), tenant), e)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count("")
	if before["call"] != 10 || before["log"] != 10 || count("acme")["call"] != 10 {
		t.Fatalf("planted: %v, of acme %v", before, count("acme"))
	}
	n, err := s.Erase(llm.WithTenant(t.Context(), "acme"), e)
	if err != nil || n["call"] != 10 || n["log"] != 10 {
		t.Fatalf("erased %v: %v", n, err)
	}
	for tenant, want := range map[string]int64{"": 10, "acme": 0, "acme/web": 10} {
		if got := count(tenant); got["call"] != want || got["log"] != want {
			t.Errorf("of %q %v are left, want %d", tenant, got, want)
		}
	}
	for tenant, want := range map[string]bool{"": true, "acme": false, "acme/web": true} {
		costs, err := s.Costs(llm.WithTenant(t.Context(), tenant), CostQuery{CallFilter: CallFilter{Range: Range{time.Now().Add(-20 * 24 * time.Hour), time.Now()}}, By: []string{"user"}, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, g := range costs {
			found = found || g.Values["user"] == "u-4711"
		}
		if found != want {
			t.Errorf("the totals of %q know the user: %v", tenant, found)
		}
	}
	hits, _, err := residue.Find(dir, "acmeword")
	if err != nil || len(hits) > 0 {
		t.Errorf("left of acme: %v %v", hits, err)
	}
	onDisk(t, dir, []string{"plainword", "webword"})
}

// TestDataOfTenants counts, cleans and tells apart what each tenant has, also one
// that is not declared any more.
func TestDataOfTenants(t *testing.T) {
	s, _ := ownEngine(t)
	r := rand.New(rand.NewPCG(7, 8))
	at := time.Now().Add(-30 * time.Hour)
	var recs []llm.Record
	for tenant, n := range map[string]int{"": 5, "acme": 7, "gone": 9} {
		for range n {
			c := randomCall(r, at, "svc")
			c.Tenant = tenant
			recs = append(recs, llm.Record{Call: c})
		}
	}
	insert(t, s, recs...)
	s.tenants = []string{"acme"}
	rows := func() map[string]int64 {
		t.Helper()
		all, err := s.AllDataStats(t.Context(), Range{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int64{}
		for _, d := range all {
			if d.Kind == kindCall {
				out[d.Tenant] += d.Rows
			}
		}
		return out
	}
	gone := idOf("gone").String()
	if got := rows(); got[""] != 5 || got["acme"] != 7 || got[gone] != 9 {
		t.Errorf("stats: %v", got)
	}
	one, err := s.DataStats(llm.WithTenant(t.Context(), "acme"), Range{})
	if err != nil || len(one) == 0 || one[0].Tenant != "acme" || one[0].Bytes == 0 {
		t.Errorf("stats of acme: %+v %v", one, err)
	}
	day := at.UTC().Truncate(24 * time.Hour)
	if others, err := s.OthersIn(t.Context(), Range{day, day.Add(24 * time.Hour)}); err != nil || !others {
		t.Errorf("others: %v %v", others, err)
	}
	if others, err := s.OthersIn(t.Context(), Range{day.Add(-48 * time.Hour), day.Add(-24 * time.Hour)}); err != nil || others {
		t.Errorf("others on an empty day: %v %v", others, err)
	}
	c := Cleaning{Range: Range{End: time.Now().Add(-24 * time.Hour)}}
	if n, err := s.Clean(llm.WithTenant(t.Context(), "gone"), c); err != nil || n[kindCall] != 9 {
		t.Errorf("clean of the tenant that is gone: %v %v", n, err)
	}
	if got := rows(); got[""] != 5 || got["acme"] != 7 || got[gone] != 0 {
		t.Errorf("after it: %v", got)
	}
	if n, err := s.Clean(t.Context(), c); err != nil || n[kindCall] != 5 {
		t.Errorf("clean of the default tenant: %v %v", n, err)
	}
	if got := rows(); got[""] != 0 || got["acme"] != 7 {
		t.Errorf("after that: %v", got)
	}
}
