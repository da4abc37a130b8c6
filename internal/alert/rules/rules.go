package rules

import (
	"bytes"
	"context"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// Options configure Rules.
type Options struct {
	Config Config
	// Dir is what relative paths in Config are relative to.
	Dir string
	// Logger is required.
	Logger *slog.Logger
	// Apply gets all files whenever they change, one call at a time. It is not
	// called for the files that Files has after New.
	Apply func([]File)
}

// Rules are the rule files that are in force: packs, users' files, resources of
// a cluster. Its methods are safe for concurrent use.
type Rules struct {
	logger *slog.Logger
	dir    string
	apply  func([]File)
	wake   chan struct{}

	// applying is held while apply runs, and taken before mu.
	applying sync.Mutex

	mu       sync.Mutex
	config   Config
	packs    []File
	good     map[string]goodFile // by name of the File
	results  map[string]result   // by name of the source
	files    []File
	problems []Problem
	loaded   time.Time
	status   *Status  // of all this, but for the cluster; nil: not made yet
	cluster  *cluster // nil unless configured
}

// goodFile is the last good version of a user's file.
type goodFile struct {
	File
	path            string // what it was read from
	groups          int
	alerts, records int
	kept            bool
}

// result is what a source's text came to: text that did not change is not
// parsed again.
type result struct {
	content  []byte
	files    []goodFile
	problems []Problem
}

// New reads everything once but the cluster's resources. An error is one of the
// configuration; broken rule files are in Status.
func New(o Options) (*Rules, error) {
	r := &Rules{
		logger: o.Logger.With("component", "rules"), dir: o.Dir, apply: o.Apply,
		wake: make(chan struct{}, 1), good: map[string]goodFile{},
	}
	if err := r.configure(o.Config); err != nil {
		return nil, err
	}
	r.refresh()
	return r, nil
}

func (r *Rules) configure(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	c = c.withDefaults()
	files, err := Packs(c)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !reflect.DeepEqual(c.Kubernetes, r.config.Kubernetes) || r.cluster == nil {
		r.cluster = nil
		if c.Kubernetes.Enabled {
			r.cluster = newCluster(c.Kubernetes, r.logger, r.changed)
		}
	}
	r.config, r.packs, r.status = c, files, nil
	return nil
}

// Reload puts another configuration in force. On an error the old one stays.
func (r *Rules) Reload(c Config) error {
	if err := r.configure(c); err != nil {
		return err
	}
	r.update()
	r.changed()
	return nil
}

// Files returns all files that are in force.
func (r *Rules) Files() []File {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.files)
}

// Status says what is in force and what is wrong. It is made once, until
// something changes: packs are parsed for it. Nobody changes it.
func (r *Rules) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status == nil {
		r.status = r.describe()
	}
	s := *r.status
	if r.cluster != nil {
		k := r.cluster.status()
		s.Kubernetes = &k
	}
	return s
}

// describe makes the status. r.mu is held.
func (r *Rules) describe() *Status {
	s := &Status{Packs: Describe(r.config), Problems: slices.Clone(r.problems), Loaded: r.loaded}
	for _, f := range r.files {
		st := FileStatus{Name: f.Name, Source: f.Source}
		if g, ok := r.good[f.Name]; ok && f.Source != SourcePack {
			st.Groups, st.Alerts, st.Records, st.Kept = g.groups, g.alerts, g.records, g.kept
		} else {
			units, _ := parseFile(f.Name, f.Content)
			for _, u := range units {
				st.Groups += len(u.groups)
				a, rec := count(u.groups)
				st.Alerts, st.Records = st.Alerts+a, st.Records+rec
			}
		}
		s.Files = append(s.Files, st)
	}
	return s
}

func count(groups []rulefmt.RuleGroup) (alerts, records int) {
	for _, g := range groups {
		for _, rule := range g.Rules {
			if rule.Alert != "" {
				alerts++
			} else {
				records++
			}
		}
	}
	return alerts, records
}

// Run looks for changes until the context ends: of files by polling, since
// volumes of containers change by links and over networks; of resources by a
// watch of the API server.
func (r *Rules) Run(ctx context.Context) error {
	var watch watcher
	defer watch.stop()
	for {
		r.mu.Lock()
		poll, c := time.Duration(r.config.Poll), r.cluster
		r.mu.Unlock()
		watch.follow(ctx, c)
		timer := time.NewTimer(poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-r.wake:
			timer.Stop()
		}
		r.update()
	}
}

// watcher runs the watch of the cluster that is configured.
type watcher struct {
	of     *cluster
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (w *watcher) follow(ctx context.Context, c *cluster) {
	if w.of == c {
		return
	}
	w.stop()
	w.of = c
	if c == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w.cancel = cancel
	w.done.Go(func() { c.run(ctx) })
}

func (w *watcher) stop() {
	if w.cancel != nil {
		w.cancel()
		w.done.Wait()
		w.cancel = nil
	}
}

// changed has Run look at once.
func (r *Rules) changed() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// update reads everything again and passes on what changed.
func (r *Rules) update() {
	r.applying.Lock()
	defer r.applying.Unlock()
	if files, changed := r.refresh(); changed && r.apply != nil {
		r.apply(files)
	}
}

// refresh reads everything again and says whether files changed.
func (r *Rules) refresh() ([]File, bool) {
	r.mu.Lock()
	config, c := r.config, r.cluster
	r.mu.Unlock()

	sources, problems := readSources(config, r.dir)
	if c != nil {
		sources = append(sources, c.sources()...)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.problems
	files := slices.Clone(r.packs)
	good, results := map[string]goodFile{}, map[string]result{}
	for _, s := range sources {
		res, ok := r.results[s.name]
		if !ok || s.err != nil || !bytes.Equal(res.content, s.content) {
			res = result{content: s.content}
			res.files, res.problems = r.read(s)
		}
		if s.err == nil {
			results[s.name] = res
		}
		found, bad := res.files, res.problems
		problems = append(problems, bad...)
		for _, f := range found {
			if _, ok := good[f.Name]; ok {
				continue // found by another pattern too
			}
			good[f.Name] = f
			files = append(files, f.File)
		}
	}
	sortProblems(problems)
	changed := !slices.EqualFunc(files, r.files, func(a, b File) bool {
		return a.Name == b.Name && bytes.Equal(a.Content, b.Content)
	})
	if changed || !slices.Equal(problems, old) {
		r.status = nil
	}
	r.files, r.good, r.problems, r.results = files, good, problems, results
	if changed || r.loaded.IsZero() {
		r.loaded = time.Now()
	}
	r.log(old)
	return slices.Clone(files), changed
}

// log reports problems that are new and those that are gone.
func (r *Rules) log(old []Problem) {
	for _, p := range r.problems {
		if !slices.Contains(old, p) {
			r.logger.Warn("rule file has a problem", "file", p.File, "line", p.Line, "reason", p.Reason, "kept", p.Kept, "warning", p.Warning)
		}
	}
	for _, p := range old {
		if !slices.ContainsFunc(r.problems, func(q Problem) bool { return q.File == p.File }) {
			r.logger.Info("rule file is in order again", "file", p.File)
		}
	}
}

// read makes the files of one source; where a part of it is broken, its last
// good version is used.
func (r *Rules) read(s source) ([]goodFile, []Problem) {
	if s.err != nil { // it is there and cannot be read just now
		return r.lastGood(s, "", []Problem{{File: s.name, Reason: s.err.Error()}})
	}
	units, problems := parseFile(s.name, s.content)
	if len(units) == 0 && len(problems) > 0 {
		return r.lastGood(s, "", problems)
	}
	var out []goodFile
	for _, u := range units {
		if s.kind == SourceKubernetes {
			u.name = s.name
			for i := range u.problems { // lines of JSON that nobody has seen
				u.problems[i].File, u.problems[i].Line = s.name, 0
			}
		}
		if u.broken() {
			kept, bad := r.lastGood(s, u.name, u.problems)
			out, problems = append(out, kept...), append(problems, bad...)
			continue
		}
		f := goodFile{File: File{Name: u.name, Content: u.content, Source: s.kind}, path: s.name, groups: len(u.groups)}
		f.alerts, f.records = count(u.groups)
		out, problems = append(out, f), append(problems, u.problems...)
	}
	return out, problems
}

// lastGood returns the last good versions of a source's file, or of all of its
// files where name is empty, and marks the problems.
func (r *Rules) lastGood(s source, name string, problems []Problem) ([]goodFile, []Problem) {
	var out []goodFile
	for _, g := range r.good {
		if g.path == s.name && (name == "" || g.Name == name) {
			g.kept = true
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b goodFile) int { return strings.Compare(a.Name, b.Name) })
	for i := range problems {
		problems[i].Kept = len(out) > 0 && !problems[i].Warning
	}
	return out, problems
}

// source is the text of a file or resource.
type source struct {
	name    string
	kind    string
	content []byte
	err     error
}
