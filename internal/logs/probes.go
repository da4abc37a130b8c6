package logs

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// What senders ask before they send: greetings, licences, templates, lifecycle
// policies. Pitot answers as an Elasticsearch that has none of these yet and
// accepts whatever it is given. What they hold (mappings, retention, pipelines)
// has no effect here.

// maxProbeBody is how much of a probe's body is read before it is dropped.
const maxProbeBody = 1 << 20

// info is Elasticsearch's greeting, which clients check for version and product.
func (es *Elasticsearch) info(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		es.fail(w, r, http.StatusMethodNotAllowed, errTypeArgument, "use GET or HEAD for /")
		return
	}
	j := jsonWriter{buf: []byte{'{'}}
	j.str("name", "pitot")
	j.str("cluster_name", "pitot")
	j.str("cluster_uuid", "pitot-0000000000000000")
	j.buf = append(j.buf, `,"version":{`...)
	j.str("number", es.opts.Config.Elasticsearch.Version)
	j.str("build_flavor", "default")
	j.str("build_type", "pitot")
	j.str("build_hash", "unknown")
	j.str("build_date", "2026-01-01T00:00:00.000Z")
	j.raw("build_snapshot", "false")
	j.str("lucene_version", "9.12.0")
	j.str("minimum_wire_compatibility_version", "7.17.0")
	j.str("minimum_index_compatibility_version", "7.0.0")
	j.buf = append(j.buf, '}')
	j.str("tagline", "You Know, for Search")
	es.write(w, r, http.StatusOK, append(j.buf, '}'))
}

// Fixed answers.
const (
	acknowledged = `{"acknowledged":true}`
	license      = `{"license":{"status":"active","uid":"00000000-0000-0000-0000-000000000000","type":"basic","issue_date":"2026-01-01T00:00:00.000Z",` +
		`"issue_date_in_millis":1767225600000,"max_nodes":1000,"max_resource_units":null,"issued_to":"pitot","issuer":"elasticsearch","start_date_in_millis":-1}}`
	xpack = `{"build":{"hash":"unknown","date":"2026-01-01T00:00:00.000Z"},` +
		`"license":{"uid":"00000000-0000-0000-0000-000000000000","type":"basic","mode":"basic","status":"active"},` +
		`"features":{"ilm":{"available":true,"enabled":true},"security":{"available":true,"enabled":false},"data_streams":{"available":true,"enabled":true}},` +
		`"tagline":"You know, for X"}`
	health = `{"cluster_name":"pitot","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1,"active_primary_shards":1,` +
		`"active_shards":1,"relocating_shards":0,"initializing_shards":0,"unassigned_shards":0,"delayed_unassigned_shards":0,"number_of_pending_tasks":0,` +
		`"number_of_in_flight_fetch":0,"task_max_waiting_in_queue_millis":0,"active_shards_percent_as_number":100.0}`
	shards   = `{"_shards":{"total":1,"successful":1,"failed":0}}`
	settings = `{"persistent":{},"transient":{},"defaults":{}}`
	user     = `{"username":"pitot","roles":["superuser"],"full_name":null,"email":null,"metadata":{},"enabled":true,` +
		`"authentication_realm":{"name":"none","type":"none"},"lookup_realm":{"name":"none","type":"none"},"authentication_type":"realm"}`
)

func (es *Elasticsearch) probe(w http.ResponseWriter, r *http.Request, t target) {
	// Reading the body keeps the connection usable.
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxProbeBody))
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	ok := func(body string) { es.write(w, r, http.StatusOK, []byte(body)) }
	switch t.endpoint {
	case "_license":
		ok(license)
	case "_xpack":
		if len(t.rest) > 0 && t.rest[0] == "license" {
			ok(license)
			return
		}
		ok(xpack)
	case "_cluster":
		es.cluster(w, r, t)
	case "_nodes":
		es.nodes(w, r, t)
	case "_cat":
		es.cat(w, r, t)
	case "_security":
		ok(user)
	case "_refresh", "_flush", "_forcemerge", "_stats", "_open", "_close":
		ok(shards)
	case "_search", "_msearch", "_count":
		es.fail(w, r, http.StatusBadRequest, errTypeArgument,
			"Pitot takes logs in over this API and does not search over it: use /select/logsql/query, the calls API or the web UI")
	case "_rollover":
		ok(`{"acknowledged":true,"shards_acknowledged":true,"rolled_over":false,"dry_run":false,"old_index":"","new_index":"","conditions":{}}`)
	case "":
		es.indexProbe(w, r, t)
	default:
		es.resourceProbe(w, r, t, reads)
	}
}

// resourceProbe answers for templates, policies, pipelines, aliases, data
// streams, mappings and settings.
func (es *Elasticsearch) resourceProbe(w http.ResponseWriter, r *http.Request, t target, reads bool) {
	ok := func(body string) { es.write(w, r, http.StatusOK, []byte(body)) }
	if t.endpoint == "_ilm" && len(t.rest) > 0 && t.rest[0] == "status" {
		ok(`{"operation_mode":"RUNNING"}`)
		return
	}
	named := len(t.rest) > 0 && !slices.Contains([]string{"_all", "*"}, t.rest[len(t.rest)-1])
	if (t.endpoint == "_ilm" || t.endpoint == "_ingest") && len(t.rest) < 2 {
		named = false // /_ilm/policy lists
	}
	switch {
	case !reads && r.Method == http.MethodDelete:
		es.notFound(w, r, t)
	case !reads:
		ok(acknowledged)
	case t.index != "" && !strings.HasPrefix(t.endpoint, "_alias"):
		ok(`{}`) // mappings, settings: nothing special
	case named:
		es.notFound(w, r, t)
	default:
		switch t.endpoint {
		case "_index_template":
			ok(`{"index_templates":[]}`)
		case "_component_template":
			ok(`{"component_templates":[]}`)
		case "_data_stream":
			ok(`{"data_streams":[]}`)
		case "_resolve":
			ok(`{"indices":[],"aliases":[],"data_streams":[]}`)
		default:
			ok(`{}`)
		}
	}
}

// notFound says that a thing that clients then create does not exist.
func (es *Elasticsearch) notFound(w http.ResponseWriter, r *http.Request, t target) {
	es.fail(w, r, http.StatusNotFound, "resource_not_found_exception", cutText(t.endpoint+" "+strings.Join(t.rest, "/"))+" does not exist")
}

// indexProbe answers for an index itself: each one exists as soon as it is
// written to.
func (es *Elasticsearch) indexProbe(w http.ResponseWriter, r *http.Request, t target) {
	switch r.Method {
	case http.MethodHead:
		es.write(w, r, http.StatusOK, nil)
	case http.MethodPut:
		j := jsonWriter{buf: []byte(`{"acknowledged":true,"shards_acknowledged":true`)}
		j.str("index", t.index)
		es.write(w, r, http.StatusOK, append(j.buf, '}'))
	default:
		es.fail(w, r, http.StatusMethodNotAllowed, errTypeArgument, "Pitot has no indices: only HEAD and PUT are answered here")
	}
}

func (es *Elasticsearch) cluster(w http.ResponseWriter, r *http.Request, t target) {
	what := ""
	if len(t.rest) > 0 {
		what = t.rest[0]
	}
	body := settings
	switch what {
	case "health":
		body = health
	case "settings":
		if r.Method == http.MethodPut {
			body = `{"acknowledged":true,"persistent":{},"transient":{}}`
		}
	case "stats", "state", "":
		body = `{"cluster_name":"pitot","cluster_uuid":"pitot-0000000000000000","status":"green","nodes":{"count":{"total":1}}}`
	}
	es.write(w, r, http.StatusOK, []byte(body))
}

// nodes lists one node: Pitot at the address that the client used. Clients
// that sniff replace their addresses by what they find here, fluentd's after
// ten thousand requests.
func (es *Elasticsearch) nodes(w http.ResponseWriter, r *http.Request, _ target) {
	addr := r.Host
	if _, _, err := net.SplitHostPort(addr); err != nil {
		port := "80"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			port = "443"
		}
		addr = net.JoinHostPort(strings.Trim(addr, "[]"), port)
	}
	j := jsonWriter{buf: []byte(`{"_nodes":{"total":1,"successful":1,"failed":0},"cluster_name":"pitot","nodes":{"pitot":{`)}
	j.str("name", "pitot")
	j.str("transport_address", addr)
	j.str("host", hostOf(addr))
	j.str("ip", hostOf(addr))
	j.str("version", es.opts.Config.Elasticsearch.Version)
	j.raw("roles", `["data","ingest","master"]`)
	j.raw("attributes", `{}`)
	j.buf = append(j.buf, `,"http":{`...)
	j.raw("bound_address", `[]`)
	j.str("publish_address", addr)
	j.raw("max_content_length_in_bytes", "104857600")
	j.buf = append(j.buf, '}')
	j.raw("plugins", `[]`)
	j.raw("modules", `[]`)
	j.raw("ingest", `{"processors":[{"type":"geoip"},{"type":"user_agent"},{"type":"grok"},{"type":"date"},{"type":"set"},{"type":"rename"}]}`)
	es.write(w, r, http.StatusOK, append(j.buf, "}}}"...))
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// cat answers the tables for people, which are empty but for the health.
func (es *Elasticsearch) cat(w http.ResponseWriter, r *http.Request, t target) {
	asJSON := r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "json")
	what := ""
	if len(t.rest) > 0 {
		what = t.rest[0]
	}
	switch {
	case asJSON && what == "health":
		es.write(w, r, http.StatusOK, []byte(`[{"cluster":"pitot","status":"green","node.total":"1","node.data":"1","shards":"1","pri":"1"}]`))
	case asJSON:
		es.write(w, r, http.StatusOK, []byte(`[]`))
	default:
		text := ""
		if what == "health" {
			text = "pitot green 1 1 1 1 0 0 0 0 - 100.0%\n"
		}
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, text)
		}
	}
}
