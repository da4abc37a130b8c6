package traffic

import (
	"cmp"
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit/dist"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// Config describes a load. The zero Config works.
type Config struct {
	Seed uint64
	// Rate is the mean of model calls a second over a day; 0 means 3.
	Rate float64
	// Flat leaves out the daily shape.
	Flat bool
	// Location is whose hours the daily shape follows; nil means UTC.
	Location *time.Location
	// Users is the number of users; 0 means 400. The most active is about as
	// active as the next three together.
	Users int
	// MaxText bounds the text of a message in bytes; 0 means 2048. Token counts
	// are not bounded by it: the simulated provider is told them.
	MaxText int
	// Shift is added to every time before incidents, the hours of the day and
	// chance look at it: with the start of a load shifted to the same moment, the
	// same load comes whenever it is started.
	Shift time.Duration
	// Rich gives the load what people want to see: conversations that were written
	// by hand, judgements of answers, log lines, pictures, structured answers, long
	// reports, more applications and places.
	Rich bool
	// Begin is when Live begins; zero is when it is called.
	Begin time.Time
	// Incidents replace DefaultIncidents; an empty list that is not nil means
	// none.
	Incidents []Incident
	// MaxInFlight bounds the tasks that Live runs at once; 0 means 64. Tasks
	// past it are skipped and counted.
	MaxInFlight int
	// Pace waits in Live; nil means real time.
	Pace func(ctx context.Context, d time.Duration) error
	// Now is the clock of Live; nil means time.Now.
	Now func() time.Time
}

// Generator makes load. Its methods may be called at the same time, each with
// its own stream of random numbers.
type Generator struct {
	cfg    Config
	params *fitted
	models map[string]*Model
	apps   []*app
	daily  [24]float64
	stats  liveStats
}

// New returns a Generator.
func New(cfg Config) *Generator {
	if cfg.Rate <= 0 {
		cfg.Rate = 3
	}
	if cfg.Location == nil {
		cfg.Location = time.UTC
	}
	if cfg.Users <= 0 {
		cfg.Users = 400
	}
	if cfg.MaxText <= 0 {
		cfg.MaxText = 2048
	}
	if cfg.Incidents == nil {
		cfg.Incidents = DefaultIncidents()
	}
	if cfg.MaxInFlight <= 0 {
		cfg.MaxInFlight = 64
	}
	if cfg.Pace == nil {
		cfg.Pace = provider.RealPace
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g := &Generator{cfg: cfg, params: parameters(), models: models(), apps: apps(), daily: daily()}
	if cfg.Rich {
		g.apps = richApps()
	}
	return g
}

// clock is a time as incidents, hours and chance see it.
func (g *Generator) clock(t time.Time) time.Time { return t.Add(g.cfg.Shift) }

// level is the state of one application's rate from minute to minute: the
// exponential of an autoregressive process, so that it stays positive and has
// the spread and the memory of the trace.
type level struct {
	log        float64
	sigma, phi float64
}

func newLevel(r *rand.Rand, a arrivals) level {
	l := level{sigma: math.Sqrt(math.Log(1 + a.spread*a.spread))}
	// The correlation of the logarithms that gives the rates the memory wanted.
	l.phi = math.Log(1+a.memory*a.spread*a.spread) / (l.sigma * l.sigma)
	l.log = l.sigma * r.NormFloat64()
	return l
}

func (l *level) next(r *rand.Rand) float64 {
	l.log = l.phi*l.log + l.sigma*math.Sqrt(1-l.phi*l.phi)*r.NormFloat64()
	return math.Exp(l.log - l.sigma*l.sigma/2)
}

// Tasks yields the load from start to end, in order of time.
func (g *Generator) Tasks(start, end time.Time) iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		pl := g.newPlanner(g.source(start, 1))
		for d := range g.due(start, end) {
			if !yield(pl.task(d)) {
				return
			}
		}
	}
}

// source is one of the streams of random numbers of a load that starts at a
// moment.
func (g *Generator) source(start time.Time, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(g.cfg.Seed^stream<<56, uint64(g.clock(start).UnixNano())))
}

// due yields the arrivals from start to end, in order of time.
func (g *Generator) due(start, end time.Time) iter.Seq[arrival] {
	return func(yield func(arrival) bool) {
		r := g.source(start, 0)
		levels := make([]level, len(g.apps))
		for i, a := range g.apps {
			levels[i] = newLevel(r, g.arrivals(a))
		}
		var due []arrival
		for minute := start; minute.Before(end); minute = minute.Add(time.Minute) {
			due = due[:0]
			for i, a := range g.apps {
				due = g.arrive(r, due, minute, a, levels[i].next(r))
			}
			due = g.arriveRunaways(r, due, minute)
			slices.SortFunc(due, func(a, b arrival) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
			for _, d := range due {
				if !d.at.Before(end) {
					break
				}
				if !yield(d) {
					return
				}
			}
		}
	}
}

func (g *Generator) arrivals(a *app) arrivals {
	if a.code {
		return g.params.code
	}
	return g.params.conv
}

// arrival is a task before it is planned.
type arrival struct {
	at   time.Time
	app  *app
	user string // dictated by an incident
}

// dayFactor is the rate at t over the day's mean, linear between the hours.
func (g *Generator) dayFactor(t time.Time) float64 {
	if g.cfg.Flat {
		return 1
	}
	l := g.clock(t).In(g.cfg.Location)
	h := l.Hour()
	f := float64(l.Minute()) / 60
	return g.daily[h]*(1-f) + g.daily[(h+1)%24]*f
}

// Activity is the load at a time over the mean of the day, as the clock has it.
func (g *Generator) Activity(t time.Time) float64 { return g.dayFactor(t) }

// InIncident says whether the incident of a name goes on at a time.
func (g *Generator) InIncident(name string, t time.Time) bool {
	for i := range g.cfg.Incidents {
		if in := &g.cfg.Incidents[i]; in.Name == name {
			if _, on := in.at(g.clock(t)); on {
				return true
			}
		}
	}
	return false
}

// arrive adds the arrivals of one application in one minute: clumps at random
// moments, their members some tens of milliseconds apart.
func (g *Generator) arrive(r *rand.Rand, due []arrival, minute time.Time, a *app, level float64) []arrival {
	clump := g.arrivals(a).clump
	mean := 60 * g.cfg.Rate * a.share / a.callsPerTask * g.dayFactor(minute) * level
	for range poisson(r, mean/clump) {
		at := minute.Add(time.Duration(r.Float64() * float64(time.Minute)))
		for {
			due = append(due, arrival{at: at, app: a})
			if r.Float64() < 1/clump {
				break
			}
			at = at.Add(time.Duration(r.ExpFloat64() * 0.04 * float64(time.Second)))
		}
	}
	return due
}

// arriveRunaways adds the calls of users who run away.
func (g *Generator) arriveRunaways(r *rand.Rand, due []arrival, minute time.Time) []arrival {
	for i := range g.cfg.Incidents {
		in := &g.cfg.Incidents[i]
		if in.User == "" {
			continue
		}
		for range poisson(r, 60*in.UserRate) {
			at := minute.Add(time.Duration(r.Float64() * float64(time.Minute)))
			if _, on := in.at(g.clock(at)); on {
				due = append(due, arrival{at: at, app: g.apps[0], user: in.User})
			}
		}
	}
	return due
}

// poisson draws the number of events of a Poisson process with the given mean.
func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 { // the normal approximation is good to a percent here
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	n, p, limit := 0, r.Float64(), math.Exp(-mean)
	for p > limit {
		p *= r.Float64()
		n++
	}
	return n
}

// users draws user names: few are very active, most are rare, as a Zipf law
// has it.
type users struct {
	zipf  *rand.Zipf
	names []string
}

func newUsers(r *rand.Rand, n int) *users {
	u := &users{zipf: rand.NewZipf(r, 1.3, 4, uint64(n-1)), names: make([]string, n)}
	for i := range u.names {
		u.names[i] = "u-" + strconv.Itoa(1000+i)
	}
	return u
}

func (u *users) draw() string { return u.names[u.zipf.Uint64()] }

// scaled is a table times a factor.
func scaled(t *dist.Table, f float64) dist.Dist { return dist.FromTable(t).Scale(f) }
