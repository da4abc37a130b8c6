package provider

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// fileStore holds uploaded files, a bounded number of them.
type fileStore struct {
	mu    sync.Mutex
	files map[string]storedFile
	order []string
}

type storedFile struct {
	name, purpose string
	body          []byte
	created       int64
}

const (
	maxFiles     = 64
	maxFileBytes = 4 << 20
)

// serveOther answers what is not a model call: model lists, files, token
// counts, versions. A dictated status is honoured here too.
func (x *exchange) serveOther() {
	x.w.Header()["Content-Type"] = []string{"application/json"}
	if d, ok := x.ctl.Delay.Get(); ok {
		x.wait(d)
	}
	path := strings.TrimSuffix(x.r.URL.Path, "/")
	if status := x.ctl.Status.Or(200); status >= 400 {
		e := newFailure(status, x.ctl.ErrorType, familyOpenAI)
		x.t.ErrorType, x.t.ErrorMessage = e.typ, e.message
		e.body(&x.out, familyOpenAI, x.t.RequestID)
		x.sendWhole(status)
		return
	}
	if x.serveList(path) || x.serveFiles(path) {
		return
	}
	e := newFailure(http.StatusNotFound, "unknown_url", familyOpenAI)
	e.message = "Unknown request URL: " + x.r.Method + " " + path
	x.t.ErrorType, x.t.ErrorMessage = e.typ, e.message
	e.body(&x.out, familyOpenAI, x.t.RequestID)
	x.sendWhole(http.StatusNotFound)
}

// serveList answers lists of models, versions and token counts.
func (x *exchange) serveList(path string) bool {
	j := &x.out
	get := x.r.Method == http.MethodGet || x.r.Method == http.MethodHead
	switch {
	case strings.HasSuffix(path, ":countTokens"):
		x.req.parse(x.body)
		j.s(`{"totalTokens":`).i(x.req.inputTokens()).s(`}`)
	case strings.HasSuffix(path, "/messages/count_tokens"):
		x.req.parse(x.body)
		j.s(`{"input_tokens":`).i(x.req.inputTokens()).s(`}`)
	case get && strings.HasSuffix(path, "/api/tags"):
		x.list(`{"models":[`, `{"name":`, `,"size":2019393189,"details":{"format":"gguf","family":"llama"}}`, `]}`)
	case get && strings.HasSuffix(path, "/api/version"):
		j.s(`{"version":"0.12.0"}`)
	case get && strings.HasSuffix(path, "/v1beta/models"):
		x.list(`{"models":[`, `{"name":`, `,"supportedGenerationMethods":["generateContent"]}`, `]}`)
	case get && strings.HasSuffix(path, "/models"):
		x.list(`{"object":"list","data":[`, `{"object":"model","created":1700000000,"owned_by":"simulation","id":`, `}`, `]}`)
	case get && strings.Contains(path, "/models/"):
		name := path[strings.LastIndex(path, "/models/")+len("/models/"):]
		j.s(`{"object":"model","created":1700000000,"owned_by":"simulation","id":`).q(name).s(`}`)
	case get && path == "":
		j.s(`{"simulation":true}`)
	default:
		return false
	}
	x.sendWhole(http.StatusOK)
	return true
}

func (x *exchange) list(head, before, after, tail string) {
	x.out.s(head)
	for i, name := range slices.Sorted(maps.Keys(x.s.models)) {
		if i > 0 {
			x.out.s(`,`)
		}
		x.out.s(before).q(name).s(after)
	}
	x.out.s(tail)
}

// serveFiles is OpenAI's files.
func (x *exchange) serveFiles(path string) bool {
	st := &x.s.files
	i := strings.LastIndex(path, "/files")
	if i < 0 {
		return false
	}
	rest := strings.TrimPrefix(path[i+len("/files"):], "/")
	st.mu.Lock()
	defer st.mu.Unlock()
	j := &x.out
	id, content := strings.CutSuffix(rest, "/content")
	f, found := st.files[id]
	switch {
	case x.r.Method == http.MethodPost && rest == "":
		f, ok := readUpload(x.body, x.r.Header.Get("Content-Type"))
		if !ok || len(f.body) > maxFileBytes {
			e := newFailure(http.StatusBadRequest, "", familyOpenAI)
			e.body(j, familyOpenAI, x.t.RequestID)
			x.sendWhole(http.StatusBadRequest)
			return true
		}
		f.created = x.created
		id := x.newID("file-")
		st.put(id, f)
		f.describe(j, id)
	case x.r.Method == http.MethodGet && rest == "":
		j.s(`{"object":"list","data":[`)
		for n, id := range st.order {
			if n > 0 {
				j.s(`,`)
			}
			f := st.files[id]
			f.describe(j, id)
		}
		j.s(`],"has_more":false}`)
	case !found:
		return false
	case x.r.Method == http.MethodDelete:
		delete(st.files, id)
		st.order = slices.DeleteFunc(st.order, func(s string) bool { return s == id })
		j.s(`{"id":`).q(id).s(`,"object":"file","deleted":true}`)
	case content:
		x.w.Header()["Content-Type"] = []string{"application/octet-stream"}
		j.b = append(j.b, f.body...)
	default:
		f.describe(j, id)
	}
	x.sendWhole(http.StatusOK)
	return true
}

func (s *fileStore) put(id string, f storedFile) {
	if s.files == nil {
		s.files = map[string]storedFile{}
	}
	if len(s.order) >= maxFiles {
		delete(s.files, s.order[0])
		s.order = s.order[1:]
	}
	s.files[id] = f
	s.order = append(s.order, id)
}

func (f *storedFile) describe(j *jsonbuf, id string) {
	j.s(`{"id":`).q(id).s(`,"object":"file","bytes":`).i(int64(len(f.body))).s(`,"created_at":`).i(f.created)
	j.s(`,"filename":`).q(f.name).s(`,"purpose":`).q(f.purpose).s(`,"status":"processed"}`)
}

func readUpload(body []byte, contentType string) (f storedFile, ok bool) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return f, false
	}
	mr := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := mr.NextPart()
		if err != nil {
			return f, err == io.EOF && f.name != "" //nolint:errorlint // a wrapped EOF is a form that was cut
		}
		v, err := io.ReadAll(p)
		if err != nil {
			return f, false
		}
		switch p.FormName() {
		case "file":
			f.name, f.body = p.FileName(), v
		case "purpose":
			f.purpose = string(v)
		}
	}
}
