package provider

import (
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// exchange is one request and its answer. It is reused.
type exchange struct {
	s       *Server
	w       http.ResponseWriter
	r       *http.Request
	format  format
	model   *Model
	flavour string
	req     request
	ctl     Control
	plan    plan
	pcg     rand.PCG
	rng     *rand.Rand
	body    []byte
	out     jsonbuf
	t       Truth
	id      string
	model2  string // the model named in the answer
	created int64
	head    string // start of every chunk, where chunks repeat it
	block   int    // index of the block that is open
	seq     int64  // sequence number of typed events
	sink    sink
	err     error // the client is gone
}

func (x *exchange) begin(w http.ResponseWriter, r *http.Request) {
	x.w, x.r = w, r
	x.t = Truth{Seq: x.s.seq.Add(1), Path: r.URL.Path, Start: x.s.cfg.Now()}
	x.created = x.t.Start.Unix()
	x.block, x.seq, x.err, x.head = 0, 0, nil, ""
	x.req, x.ctl = request{}, Control{}
	x.out.reset()
	x.pcg.Seed(x.s.cfg.Seed, x.t.Seq)
}

// release makes x available for the next request. Large buffers are left to
// the garbage collector.
func (x *exchange) release() {
	const keep = 256 << 10
	x.w, x.r, x.sink = nil, nil, sink{}
	x.req = request{}
	if cap(x.body) > keep {
		x.body = nil
	}
	if cap(x.out.b) > keep {
		x.out.b = nil
	}
	x.s.pool.Put(x)
}

func (x *exchange) serve() {
	f, model, stream := route(x.r.Method, x.r.URL.Path)
	x.t.RequestID = x.newID("req_")
	x.w.Header()["X-Request-Id"] = []string{x.t.RequestID}
	var err error
	if x.ctl, err = parseControl(x.r.Header); err != nil {
		http.Error(x.w, err.Error(), http.StatusBadRequest)
		return
	}
	if !x.readBody() {
		return
	}
	if x.s.cfg.KeepRequests {
		x.t.Header, x.t.Body = x.r.Header.Clone(), append([]byte(nil), x.body...)
	}
	if f == nil {
		x.serveOther()
		return
	}
	x.format = f
	x.t.Format = f.name()
	if strings.HasPrefix(x.r.Header.Get("Content-Type"), "multipart/") {
		x.req.parseForm(x.body, x.r.Header)
	} else {
		x.req.parse(x.body)
	}
	if model != "" {
		x.req.model, x.req.stream = model, stream || x.req.stream && f.family() == familyOpenAI
	}
	if f.family() == familyOllama && !x.req.streamSet {
		x.req.stream = true // Ollama streams unless told not to
	}
	x.answer()
}

// answer sends what was asked for, or an error.
func (x *exchange) answer() {
	known := false
	x.model, known = x.s.model(x.req.model)
	x.flavour = flavour(x.model, x.r.URL.Path)
	x.model2 = x.model.ResponseModel
	if x.model2 == "" {
		x.model2 = x.req.model
	}
	if seed, ok := x.ctl.Seed.Get(); ok {
		x.pcg.Seed(x.s.cfg.Seed, seed)
	}
	x.t.Model = x.req.model
	if e := x.s.refuse(x, known); e != nil {
		if d, ok := x.ctl.Delay.Get(); ok {
			x.wait(d)
		}
		x.sendFailure(e)
		return
	}
	x.id = x.newID(x.format.idPrefix())
	x.makePlan()
	p := &x.plan
	x.t.ID, x.t.Answered = x.id, x.model2
	x.t.Reported, x.t.Input, x.t.Output = p.reported, p.input, p.output
	x.t.CacheRead, x.t.CacheWrite, x.t.Reasoning = p.cacheRead, p.cacheWrite, p.reasoning
	x.t.Tool = p.name
	if sf, ok := x.format.(streamFormat); ok && x.req.stream {
		x.stream(sf)
		return
	}
	x.wait(p.ttft + p.interval*time.Duration(p.text.chunks+p.tool.chunks))
	if x.err != nil {
		x.gone()
		return
	}
	x.w.Header()["Content-Type"] = []string{"application/json"}
	x.format.unary(x)
	x.t.Text = p.text.plain(p.text.chunks)
	x.t.Finish = p.finish
	x.sendWhole(http.StatusOK)
}

func (x *exchange) readBody() bool {
	x.body = x.body[:0]
	if n := x.r.ContentLength; n > 0 && n <= maxBody && int64(cap(x.body)) < n {
		x.body = make([]byte, 0, n)
	}
	rest := http.MaxBytesReader(x.w, x.r.Body, maxBody)
	for {
		if len(x.body) == cap(x.body) {
			x.body = append(x.body, 0)[:len(x.body)]
		}
		n, err := rest.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		if err == io.EOF {
			return true
		}
		if err != nil {
			http.Error(x.w, "read body: "+err.Error(), http.StatusBadRequest)
			return false
		}
	}
}

// wait paces the answer. After it, x.err says whether the client is gone.
func (x *exchange) wait(d time.Duration) {
	if d <= 0 || x.err != nil {
		return
	}
	x.err = x.s.cfg.Pace(x.r.Context(), d)
}

// newID makes an id that no other answer of this seed has.
func (x *exchange) newID(prefix string) string {
	var buf [40]byte
	b := append(buf[:0], prefix...)
	b = appendBase62(b, mix(x.s.cfg.Seed^x.t.Seq*0x9e3779b97f4a7c15))
	b = appendBase62(b, mix(x.t.Seq+uint64(len(prefix))<<56))
	return string(b)
}

// uuid is the id of those providers that use one.
func (x *exchange) uuid() string {
	h := strconv.FormatUint(mix(x.s.cfg.Seed^x.t.Seq)|1<<63, 16)
	g := strconv.FormatUint(mix(x.t.Seq)|1<<63, 16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + g[1:4] + "-" + g[4:16]
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func appendBase62(b []byte, v uint64) []byte {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for range 11 {
		b = append(b, digits[v%62])
		v /= 62
	}
	return b
}
