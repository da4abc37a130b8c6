package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
)

type dataCmd struct {
	Stats dataStatsCmd `cmd:"" help:"Show what is stored: rows and bytes by day, kind or service."`
	Clean dataCleanCmd `cmd:"" help:"Remove records by age, service and kind. Shows what would go unless --yes is given."`
	Erase dataEraseCmd `cmd:"" help:"Erase one user, session, trace or call for good. Shows what would go unless --yes is given."`
}

// dataTenant is the parameter that names whose data a command is about. It goes
// instead of the header of the other commands, which knows declared tenants only:
// the data of one that was taken out of the list can still be seen and removed.
func (r *remote) dataTenant() url.Values {
	q := url.Values{}
	set(q, "tenant", r.Tenant)
	r.Tenant = ""
	return q
}

type dataStatsCmd struct {
	remote
	By   string `help:"day, tenant, kind or service." enum:"day,tenant,kind,service" default:"day"`
	Days int    `help:"Only the last days; 0 is all." default:"0"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints what is stored.
func (c *dataStatsCmd) Run(ctx context.Context, s *streams) error {
	q := c.dataTenant()
	if c.Days > 0 {
		q.Set("start", fmt.Sprintf("-%dd", c.Days))
	}
	var r api.DataReport
	if err := c.getJSON(ctx, "/api/pitot/v1/admin/data", q, &r); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, r)
	}
	type sum struct{ rows, bytes int64 }
	sums, files := map[string]*sum{}, map[string]api.DataDay{}
	for _, d := range r.Days {
		files[d.Day.Format(time.DateOnly)] = d
	}
	for _, st := range r.Rows {
		key := cmp.Or(map[string]string{"tenant": cmp.Or(st.Tenant, "(default)"), "kind": st.Kind, "service": st.Service}[c.By], "-")
		if c.By == "day" {
			key = st.Day.Format(time.DateOnly)
		}
		if sums[key] == nil {
			sums[key] = &sum{}
		}
		sums[key].rows += st.Rows
		sums[key].bytes += st.Bytes
	}
	for day := range files {
		if c.By == "day" && sums[day] == nil {
			sums[day] = &sum{}
		}
	}
	widths := []int{30, -12, -12, -12, 8}
	head := []string{strings.ToUpper(c.By), "ROWS", "COLUMNS", "", ""}
	if c.By == "day" {
		head[3], head[4] = "FILES", "TIER"
	}
	row(s.out, widths, head...)
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		v := sums[key]
		line := []string{clean(key, 30), strconv.FormatInt(v.rows, 10), megabytes(v.bytes), "", ""}
		if d, ok := files[key]; ok && c.By == "day" {
			line[3], line[4] = megabytes(d.Bytes), d.Tier
		}
		row(s.out, widths, line...)
	}
	fmt.Fprintln(s.out)
	for _, store := range slices.Sorted(maps.Keys(r.Stores)) {
		fmt.Fprintf(s.out, "%-10s %s on disk\n", store, megabytes(r.Stores[store]))
	}
	fmt.Fprintln(s.out, r.Note)
	return nil
}

type dataCleanCmd struct {
	remote
	OlderThan string   `help:"Age of what goes, such as 30d." required:"" placeholder:"DURATION"`
	Service   string   `help:"Only of this service." placeholder:"NAME"`
	Kind      []string `help:"Only these kinds: call, span, log, feedback, rollup, content." placeholder:"KIND"`
	Metrics   bool     `help:"Metrics of that age (and service), too."`
	Yes       bool     `help:"Do it."`
	JSON      bool     `name:"json" help:"Print JSON."`
}

// Run removes records.
func (c *dataCleanCmd) Run(ctx context.Context, s *streams) error {
	var r api.CleanReport
	err := c.postQuery(ctx, "/api/pitot/v1/admin/data/clean", c.dataTenant(), map[string]any{
		"older_than": c.OlderThan, "service": c.Service, "kinds": c.Kind, "metrics": c.Metrics, "dry_run": !c.Yes,
	}, &r)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, r)
	}
	verb := "removed"
	if r.DryRun {
		verb = "would remove"
	}
	fmt.Fprintf(s.out, "%s%s, older than %s: %s\n", verb, ofTenant(r.Tenant), r.End.Format(time.RFC3339), rowCounts(r.Rows))
	if r.Metrics {
		fmt.Fprintf(s.out, "%s metrics of that time, too\n", verb)
	}
	if len(r.Days) > 0 {
		fmt.Fprintf(s.out, "%d days as a whole: %s\n", len(r.Days), strings.Join(r.Days, " "))
	}
	if r.DryRun {
		fmt.Fprintln(s.out, "nothing was removed: add --yes to do it")
	}
	return nil
}

func ofTenant(t string) string {
	if t == "" {
		return ""
	}
	return " of the tenant " + t
}

func rowCounts(rows map[string]int64) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(rows)) {
		parts = append(parts, fmt.Sprintf("%d %s", rows[kind], kind))
	}
	if len(parts) == 0 {
		return "no rows"
	}
	return strings.Join(parts, ", ")
}

type dataEraseCmd struct {
	remote
	User    string `help:"All of this user." placeholder:"ID"`
	Session string `help:"All of this session." placeholder:"ID"`
	Trace   string `help:"All of this trace." placeholder:"ID"`
	Call    string `help:"This call." placeholder:"ID"`
	Yes     bool   `help:"Do it. It cannot be undone."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run erases a user, a session, a trace or a call.
func (c *dataEraseCmd) Run(ctx context.Context, s *streams) error {
	if c.User+c.Session+c.Trace+c.Call == "" {
		return usageError{errors.New("name what to erase with --user, --session, --trace or --call")}
	}
	var r api.EraseReport
	err := c.postQuery(ctx, "/api/pitot/v1/admin/data/erase", c.dataTenant(), map[string]any{
		"user": c.User, "session": c.Session, "trace_id": c.Trace, "call_id": c.Call, "dry_run": !c.Yes,
	}, &r)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, r)
	}
	if r.DryRun {
		fmt.Fprintf(s.out, "would erase %s%s\n", rowCounts(r.Rows), ofTenant(r.Tenant))
	} else {
		fmt.Fprintf(s.out, "erased %s%s\n", rowCounts(r.Rows), ofTenant(r.Tenant))
	}
	for _, d := range r.Done {
		fmt.Fprintln(s.out, "  done:       ", d)
	}
	for _, n := range r.NotReached {
		fmt.Fprintln(s.out, "  not reached:", n)
	}
	if r.DryRun {
		fmt.Fprintln(s.out, "nothing was erased: add --yes to do it; it cannot be undone")
	}
	return nil
}
