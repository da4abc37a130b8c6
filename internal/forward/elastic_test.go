package forward

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

func esDestination(url string) Destination {
	return Destination{Name: "es", Type: TypeElasticsearch, URL: url, Index: "llm-{kind}-%Y.%m.%d", Batch: Batch{Wait: model.Duration(time.Millisecond)}}
}

func logs(n int) []llm.Record {
	out := make([]llm.Record, n)
	for i := range out {
		out[i] = testLog(i)
	}
	return out
}

func TestElasticsearchGetsEachKindInItsIndex(t *testing.T) {
	es := newFakeES(t)
	r := newRig(t, Config{esDestination(es.start().URL)})
	r.add(testLog(1), testCall(2), testSpan(3))
	s := r.settled("es")
	if s.Sent[KindLogs] != 1 || s.Sent[KindCalls] != 1 || s.Sent[KindSpans] != 1 || len(s.Dropped) != 0 || s.State != StateOK {
		t.Errorf("status %+v", s)
	}
	log := es.doc("llm-logs-2026.11.21/log-000001")
	if log["message"] != "request done" || log["request_id"] != "r1" || log["@timestamp"] != "2026-11-21T10:00:00.123456789Z" {
		t.Errorf("log %v", log)
	}
	if call := es.doc("llm-calls-2026.11.21/call-000002"); call["request_model"] != "gpt-4o" || call["usage"].(map[string]any)["input_tokens"] != 12.0 {
		t.Errorf("call %v", call)
	}
	if span := es.doc("llm-spans-2026.11.21/span-000003"); span["agent"] != "planner" {
		t.Errorf("span %v", span)
	}
	if es.zipped != es.seen() {
		t.Errorf("%d of %d requests are compressed", es.zipped, es.seen())
	}
}

func TestOnlyWhatIsWantedIsSent(t *testing.T) {
	es := newFakeES(t)
	d := esDestination(es.start().URL)
	d.What, d.Services = []Kind{KindLogs}, []string{"checkout"}
	r := newRig(t, Config{d})
	other := testLog(2)
	other.Log.Service = "search"
	r.add(testLog(1), other, testCall(3), testSpan(4))
	if s := r.settled("es"); s.Sent[KindLogs] != 1 || len(s.Sent) != 1 || len(s.Dropped) != 0 {
		t.Errorf("status %+v", s)
	}
	if es.count() != 1 {
		t.Errorf("%d documents", es.count())
	}
}

func TestADestinationThatIsDownGetsEverythingLater(t *testing.T) {
	es := newFakeES(t)
	es.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n <= 3 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
		return n <= 3
	}
	addr := testkit.FreeAddr(t)
	r := newRig(t, Config{esDestination("http://" + addr)})
	r.add(logs(50)...)
	testkit.Eventually(t, "it has failed", func() bool { return r.status("es").Retries >= 2 })
	if s := r.status("es"); s.State != StateRetrying || s.LastError == "" || s.LagRecords != 50 {
		t.Errorf("while down: %+v", s)
	}
	srv := &http.Server{Addr: addr, Handler: es, ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- srv.ListenAndServe() }()
	defer func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	if s := r.settled("es"); s.Sent[KindLogs] != 50 || len(s.Dropped) != 0 || s.State != StateOK {
		t.Errorf("status %+v", s)
	}
	if n := strings.Count(r.log.String(), "does not take records"); n != 1 {
		t.Errorf("the outage is logged %d times:\n%s", n, r.log)
	}
}

func TestItemsThatMayGoLaterAreSentAgainAlone(t *testing.T) {
	es := newFakeES(t)
	es.item = func(n int, id string, doc map[string]any) (int, string) {
		switch {
		case id == "log-000003":
			return http.StatusBadRequest, "illegal_argument_exception"
		case id == "log-000004" && doc["attributes_text"] == nil:
			return http.StatusBadRequest, "mapper_parsing_exception"
		case id == "log-000005" && n < 4:
			return http.StatusTooManyRequests, "es_rejected_execution_exception"
		case id == "log-000006" && n < 3:
			return http.StatusServiceUnavailable, "unavailable_shards_exception"
		}
		return 0, ""
	}
	r := newRig(t, Config{esDestination(es.start().URL)})
	r.add(logs(10)...)
	s := r.settled("es")
	if s.Sent[KindLogs] != 9 || s.Dropped[reasonRejected] != 1 {
		t.Errorf("status %+v", s)
	}
	for id, n := range es.created {
		if n != 1 {
			t.Errorf("%s is written %d times", id, n)
		}
	}
	if doc := es.doc("llm-logs-2026.11.21/log-000004"); !strings.Contains(doc["attributes_text"].(string), `"request_id":"r4"`) || doc["request_id"] != nil {
		t.Errorf("the document whose fields clash: %v", doc)
	}
	if !strings.Contains(r.log.String(), "illegal_argument_exception: not log-000003: because") {
		t.Errorf("the log gives no reason:\n%s", r.log)
	}
}

func TestARecordThatAlwaysFailsIsGivenUp(t *testing.T) {
	es := newFakeES(t)
	es.item = func(_ int, id string, _ map[string]any) (int, string) {
		if id == "log-000001" {
			return http.StatusInternalServerError, "null_pointer_exception"
		}
		return 0, ""
	}
	r := newRig(t, Config{esDestination(es.start().URL)})
	r.add(logs(3)...)
	if s := r.settled("es"); s.Sent[KindLogs] != 2 || s.Dropped[reasonFailed] != 1 || s.Retries != maxTries-1 {
		t.Errorf("status %+v", s)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	es := newFakeES(t)
	var first, second time.Time
	es.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		switch n {
		case 1:
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			http.Error(w, "slow down", http.StatusTooManyRequests)
			return true
		case 2:
			second = time.Now()
		}
		return false
	}
	r := newRig(t, Config{esDestination(es.start().URL)})
	r.add(testLog(1))
	if s := r.settled("es"); s.Sent[KindLogs] != 1 {
		t.Errorf("status %+v", s)
	}
	if wait := second.Sub(first); wait < time.Second {
		t.Errorf("it came back after %v, the backoff of the test is 2ms and a second was asked for", wait)
	}
}

func TestRetryAfterInAllItsForms(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, " 0.5 ": 500 * time.Millisecond, "-1": 0, "NaN": 0, "soon": 0, "99999999": maxRetryAfter,
		"Sat, 21 Nov 2026 10:00:07 GMT": 7 * time.Second, "Sat, 21 Nov 2026 09:00:00 GMT": 0, "Sat, 21 Nov 2099 09:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(http.Header{"Retry-After": {v}}, now); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

func TestARequestThatIsTooLargeIsSplit(t *testing.T) {
	es := newFakeES(t)
	es.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength > 600 {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	}
	r := newRig(t, Config{esDestination(es.start().URL)})
	big := testLog(7)
	big.Log.Message = randomText(4000)
	r.add(append(logs(7), big)...)
	if s := r.settled("es"); s.Sent[KindLogs] != 7 || s.Dropped[reasonTooLarge] != 1 {
		t.Errorf("status %+v", s)
	}
}

// randomText does not compress well.
func randomText(n int) string {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[x%64]
	}
	return string(b)
}

func TestAnswersAboutTheDestinationKeepTheRecords(t *testing.T) {
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"wrong password": func(w http.ResponseWriter) { http.Error(w, "no", http.StatusUnauthorized) },
		"not allowed":    func(w http.ResponseWriter) { http.Error(w, "no", http.StatusForbidden) },
		"wrong address":  func(w http.ResponseWriter) { http.Error(w, "no", http.StatusNotFound) },
		"redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://elsewhere.invalid/_bulk?key=x")
			w.WriteHeader(http.StatusPermanentRedirect)
		},
		"a login page": func(w http.ResponseWriter) { fmt.Fprint(w, "<html>Please log in</html>") },
		"nothing":      func(w http.ResponseWriter) { fmt.Fprint(w, `{"errors":true,"items":[{}]}`) },
		"no status":    func(w http.ResponseWriter) { fmt.Fprint(w, `{"errors":true,"items":[{"create":{}}]}`) },
		"too few":      func(w http.ResponseWriter) { fmt.Fprint(w, `{"errors":true,"items":[]}`) },
		"an overload":  func(w http.ResponseWriter) { http.Error(w, "busy", http.StatusBadGateway) },
		"a cut answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"errors":false`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			es := newFakeES(t)
			es.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n <= 2 {
					refuse(w)
				}
				return n <= 2
			}
			r := newRig(t, Config{esDestination(es.start().URL)})
			r.add(testLog(1))
			s := r.settled("es")
			if s.Sent[KindLogs] != 1 || len(s.Dropped) != 0 || s.Retries != 2 {
				t.Errorf("status %+v", s)
			}
			if strings.Contains(s.LastError, "key=x") {
				t.Errorf("the error shows a query: %s", s.LastError)
			}
		})
	}
}

func TestARequestThatIsRefusedIsDroppedAndCounted(t *testing.T) {
	es := newFakeES(t)
	es.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, `{"error":"this is no bulk request"}`, http.StatusBadRequest)
		return true
	}
	r := newRig(t, Config{esDestination(es.start().URL)})
	r.add(logs(4)...)
	if s := r.settled("es"); s.Dropped[reasonRejected] != 4 || !strings.Contains(s.LastError, "this is no bulk request") {
		t.Errorf("status %+v", s)
	}
	if n := strings.Count(r.log.String(), "refuses records"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, r.log)
	}
}

func TestASlowDestinationTimesOutAndGetsNothingTwice(t *testing.T) {
	es := newFakeES(t)
	hang := make(chan struct{})
	defer close(hang)
	es.before = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
			return true
		}
		return false
	}
	d := esDestination(es.start().URL)
	d.Timeout = model.Duration(100 * time.Millisecond)
	r := newRig(t, Config{d})
	r.add(testLog(1))
	s := r.settled("es")
	if s.Sent[KindLogs] != 1 || !strings.Contains(s.LastError, "no answer within 100ms") {
		t.Errorf("status %+v", s)
	}
}

func TestHeadersAndCredentialsAreSent(t *testing.T) {
	fake := "sk-" + strings.Repeat("x", 10)
	for name, c := range map[string]struct {
		set  func(*Destination)
		want string
	}{
		"basic":   {func(d *Destination) { d.Username, d.Password = "u", fake }, "Basic "},
		"bearer":  {func(d *Destination) { d.BearerToken = fake }, "Bearer " + fake},
		"api key": {func(d *Destination) { d.APIKey = fake }, "ApiKey " + fake},
		"header":  {func(d *Destination) { d.Headers = map[string]string{"authorization": fake, "X-Tenant": "a"} }, fake},
	} {
		es := newFakeES(t)
		d := esDestination(es.start().URL)
		c.set(&d)
		r := newRig(t, Config{d})
		r.add(testLog(1))
		r.settled("es")
		got := es.requests[0].Header
		if !strings.HasPrefix(got.Get("Authorization"), c.want) || got.Get("User-Agent") != "pitot/test" {
			t.Errorf("%s: %v", name, got)
		}
		if name == "header" && got.Get("X-Tenant") != "a" {
			t.Errorf("%s: %v", name, got)
		}
		r.shut()
	}
}

// startTLS starts a server with a certificate of the test's own and returns the
// file of its authority.
func startTLS(t *testing.T, h http.Handler) (url, caFile string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes that are meant to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(caFile, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, caFile
}

func TestTLSVerifiesTheDestination(t *testing.T) {
	es := newFakeES(t)
	url, ca := startTLS(t, es)
	trusted, blind := esDestination(url), esDestination(url)
	blind.Name = "blind"
	trusted.TLS.CAFile = ca
	r := newRig(t, Config{trusted, blind})
	r.add(testLog(1))
	if s := r.settled("es"); s.Sent[KindLogs] != 1 {
		t.Errorf("status %+v", s)
	}
	testkit.Eventually(t, "the other has failed", func() bool { return r.status("blind").Retries > 0 })
	if s := r.status("blind"); !strings.Contains(s.LastError, "certificate") || len(s.Sent) != 0 {
		t.Errorf("without the authority: %+v", s)
	}
}

func TestAnAnswerThatIsLostMakesNoDuplicates(t *testing.T) {
	es := newFakeES(t)
	es.lose = func(n int) bool { return n <= 2 }
	r := newRig(t, Config{esDestination(es.start().URL)})
	r.add(logs(10)...)
	if s := r.settled("es"); s.Sent[KindLogs] != 10 || len(s.Dropped) != 0 {
		t.Errorf("status %+v", s)
	}
	for id, n := range es.created {
		if n != 1 {
			t.Errorf("%s is written %d times", id, n)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere, es := newFakeES(t), newFakeES(t)
	url := elsewhere.start().URL
	es.before = func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			http.Redirect(w, r, url+"/_bulk", http.StatusTemporaryRedirect)
		}
		return n == 1
	}
	r := newRig(t, Config{esDestination(es.start().URL)})
	r.add(testLog(1))
	if s := r.settled("es"); s.Sent[KindLogs] != 1 || !strings.Contains(s.LastError, "it points to "+url+"/_bulk") {
		t.Errorf("status %+v", s)
	}
	if elsewhere.seen() != 0 || es.count() != 1 {
		t.Errorf("the other server has seen %d requests, the right one has %d documents", elsewhere.seen(), es.count())
	}
}
