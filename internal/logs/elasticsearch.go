package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// requestTimeout bounds how long one request may take to arrive, so that slow
// clients do not hold all places.
const requestTimeout = 2 * time.Minute

// Elasticsearch answers the part of Elasticsearch's HTTP API that senders of
// logs use. It is safe for concurrent use.
type Elasticsearch struct {
	opts     Options
	resource map[string]string // added to each record
	places   chan struct{}     // one for each request that is taken in
	bodies   bodies
	bulks    sync.Pool
	arrivals arrivals

	failOnce sync.Once
}

// NewElasticsearch returns the handler. opts.Config must be valid.
func NewElasticsearch(opts Options) *Elasticsearch {
	opts = opts.withDefaults()
	es := &Elasticsearch{
		opts: opts, resource: maps.Clone(opts.Resource),
		places: make(chan struct{}, max(opts.Config.Elasticsearch.MaxRequests, 1)),
	}
	delete(es.resource, ResourcePod) // the sender's pod is another one
	return es
}

// ServeHTTP answers one request. Credentials in it are ignored.
func (es *Elasticsearch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The official clients refuse to talk to a server without this header.
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if r.URL.Path == "/" || r.URL.Path == "" {
		es.info(w, r)
		return
	}
	t, ok := route(r)
	if !ok {
		es.fail(w, r, http.StatusNotFound, errTypeArgument, "no handler found for "+r.Method+" "+cutText(r.URL.Path))
		return
	}
	writes := r.Method == http.MethodPost || r.Method == http.MethodPut
	switch {
	case t.endpoint == "_bulk" && writes:
		es.place(w, r, func() { es.serveBulk(w, r, t) })
	case (t.endpoint == "_doc" || t.endpoint == "_create" || t.endpoint == "_update") && writes:
		es.place(w, r, func() { es.serveDocument(w, r, t) })
	case t.endpoint == "_bulk":
		w.Header().Set("Allow", "POST, PUT")
		es.fail(w, r, http.StatusMethodNotAllowed, errTypeArgument, "use POST or PUT for _bulk")
	default:
		es.probe(w, r, t)
	}
}

// place runs f if there is a place for one more request.
func (es *Elasticsearch) place(w http.ResponseWriter, r *http.Request, f func()) {
	select {
	case es.places <- struct{}{}:
		defer func() { <-es.places }()
	default:
		es.opts.Metrics.reject(reasonOverload, 1)
		es.overloaded(w, r, time.Second)
		return
	}
	// The server may have no such control, as in tests: then its own limits hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout))
	f()
}

func (es *Elasticsearch) serveBulk(w http.ResponseWriter, r *http.Request, t target) {
	start := es.opts.Now()
	body, release, err := es.bodies.open(r, int64(es.opts.Config.Elasticsearch.MaxBody))
	defer release()
	if err != nil {
		es.badBody(w, r, err)
		return
	}
	b := es.newBulk(r.Context(), body)
	defer b.release()
	if err := b.run(t.index); err != nil {
		es.badBody(w, r, err)
		return
	}
	if len(b.items) == 0 {
		es.fail(w, r, http.StatusBadRequest, "parse_exception", "request body is required")
		return
	}
	status := b.httpStatus()
	if b.over {
		if hangUp(w, r) {
			return
		}
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds(b.retry)))
	}
	took := es.opts.Now().Sub(start).Milliseconds()
	answer := appendBulkAnswer(make([]byte, 0, 64+200*len(b.items)), took, b.items, filterAnswer(r.URL.Query().Get("filter_path")))
	es.write(w, r, status, answer)
}

// serveDocument takes in a single document.
func (es *Elasticsearch) serveDocument(w http.ResponseWriter, r *http.Request, t target) {
	limit := int64(es.opts.Config.MaxLine)
	body, release, err := es.bodies.open(r, limit)
	defer release()
	var doc []byte
	if err == nil {
		doc, err = io.ReadAll(body)
	}
	if err != nil {
		es.badBody(w, r, err)
		return
	}
	if len(doc) == 0 {
		es.fail(w, r, http.StatusBadRequest, "parse_exception", "request body is required")
		return
	}
	it := item{action: actionIndex, index: t.index}
	if len(t.rest) > 0 {
		it.id = t.rest[0]
	}
	switch t.endpoint {
	case "_create":
		it.action = actionCreate
	case "_update":
		it.action = actionUpdate
	}
	if len(it.id) > 512 || len(it.index) > 255 {
		es.fail(w, r, http.StatusBadRequest, errTypeArgument, "_id is longer than 512 or _index than 255 bytes")
		return
	}
	b := es.newBulk(r.Context(), nil)
	defer b.release()
	b.take(&it, doc)
	if err := b.flush(); err != nil {
		es.badBody(w, r, err)
		return
	}
	it = b.items[0]
	switch {
	case b.over:
		es.overloaded(w, r, b.retry)
	case it.errType != "":
		es.fail(w, r, it.status, it.errType, it.reason)
	default:
		j := jsonWriter{buf: []byte{'{'}}
		f := filterAnswer("")
		f.status = false
		appendItem(&j, &it, f)
		es.write(w, r, it.status, append(j.buf, '}'))
	}
}

// badBody answers a request whose body could not be read to its end. Documents
// before that point may be stored: the sender will send them again, which is
// harmless where they have an `_id`.
func (es *Elasticsearch) badBody(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errTooLarge):
		es.opts.Metrics.reject(reasonTooLarge, 1)
		es.fail(w, r, http.StatusRequestEntityTooLarge, "content_too_long_exception",
			fmt.Sprintf("%v: the limit is %d bytes uncompressed (logs.elasticsearch.max_body; for one document logs.max_line): send smaller requests",
				err, int64(es.opts.Config.Elasticsearch.MaxBody)))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return // nobody is there to read an answer
	default:
		es.opts.Metrics.reject(reasonBadBody, 1)
		if _, ok := errors.AsType[errEncoding](err); ok {
			es.fail(w, r, http.StatusUnsupportedMediaType, "media_type_header_exception", err.Error())
			return
		}
		es.fail(w, r, http.StatusBadRequest, "parse_exception", "the body could not be read: "+err.Error())
	}
}

func (es *Elasticsearch) overloaded(w http.ResponseWriter, r *http.Request, after time.Duration) {
	if hangUp(w, r) {
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(retrySeconds(after)))
	es.fail(w, r, http.StatusTooManyRequests, errTypeRejected, "Pitot takes no more at the moment: send this again later")
}

// hangUp closes the connection without an answer where the sender is rsyslog,
// and reports whether it did. rsyslog's omelasticsearch reads no status and
// takes each error in an answer for one of the data, which it throws away;
// where no answer comes it waits and sends again.
func hangUp(w http.ResponseWriter, r *http.Request) bool {
	if r.UserAgent() != "" || r.Header.Get("Accept") != "*/*" || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		return false
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false // not HTTP/1, and so not rsyslog
	}
	conn.Close()
	return true
}

// failed reports the first failure of the sink that is not overload.
func (es *Elasticsearch) failed(err error) {
	es.failOnce.Do(func() { es.opts.Log.Error("documents of an elasticsearch sender were refused for good", "err", err) })
}

// fail answers with an error in Elasticsearch's form.
func (es *Elasticsearch) fail(w http.ResponseWriter, r *http.Request, status int, errType, reason string) {
	j := jsonWriter{buf: []byte(`{"error":{"root_cause":[{`)}
	j.str("type", errType)
	j.str("reason", reason)
	j.buf = append(j.buf, `}],`...)
	j.buf = append(j.buf, `"type":`...)
	j.buf = appendJSONString(j.buf, errType)
	j.str("reason", reason)
	j.buf = append(j.buf, '}')
	j.raw("status", strconv.Itoa(status))
	es.write(w, r, status, append(j.buf, '}'))
}

// write sends an answer, in the media type that the client asked for.
func (es *Elasticsearch) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	media := "application/json"
	if accept := r.Header.Get("Accept"); strings.HasPrefix(accept, "application/vnd.elasticsearch+json") && !strings.ContainsAny(accept, ",\r\n") {
		media = accept // with the version that the client speaks
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	bw := bufio.NewWriterSize(w, 32<<10)
	_, _ = bw.Write(body)
	_ = bw.Flush() // a client that is gone misses its answer and sends again
}

func cutText(s string) string {
	if len(s) > 200 {
		return validText(s[:200]) + "…"
	}
	return s
}

var _ http.Handler = (*Elasticsearch)(nil)
