package gateway

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// pass forwards what is not a model call: model lists, files, token counts. It
// is counted, not recorded.
func (g *Gateway) pass(w http.ResponseWriter, r *http.Request, u *upstream, rest string) {
	out := newOutbound(r, u, rest)
	out.Body, out.ContentLength = r.Body, r.ContentLength
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	resp, err := u.transport.RoundTrip(out)
	if err != nil {
		if r.Context().Err() != nil {
			g.metrics.request(u.cfg.Name, "pass", 499)
			return
		}
		typ, status, msg := classify(err)
		g.metrics.request(u.cfg.Name, "pass", status)
		g.answerError(w, u, u.cfg.Dialect, typ, status, msg)
		return
	}
	defer resp.Body.Close()
	g.metrics.request(u.cfg.Name, "pass", resp.StatusCode)
	copyHeaders(w.Header(), resp.Header)
	passHead(w, resp)
	buf := g.chunks.get()
	defer g.chunks.put(buf)
	flush := func() {}
	if isStream(resp) {
		flush = flusher(w)
	}
	for {
		n, err := resp.Body.Read(*buf)
		if n > 0 {
			if _, werr := w.Write((*buf)[:n]); werr != nil {
				panic(http.ErrAbortHandler)
			}
			flush()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	passTrailer(w, resp)
}

// upgrade passes a protocol switch, such as a websocket, through.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request, u *upstream, rest string) {
	p := &httputil.ReverseProxy{
		Transport: u.transport,
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL = u.target(rest, pr.In.URL.RawQuery, pr.In.URL.ForceQuery)
			pr.Out.Host = u.base.Host
			for k := range pr.Out.Header {
				if len(k) >= len(pitotPrefix) && k[:len(pitotPrefix)] == pitotPrefix {
					delete(pr.Out.Header, k)
				}
			}
			for k, v := range u.cfg.Headers {
				pr.Out.Header.Set(k, v)
			}
			// A browser's origin check compares with the upstream's own host.
			if o, err := url.Parse(pr.In.Header.Get("Origin")); err == nil && o.Host == pr.In.Host && o.Host != "" {
				pr.Out.Header.Set("Origin", u.base.Scheme+"://"+u.base.Host)
			}
		},
		FlushInterval: -1,
		ModifyResponse: func(resp *http.Response) error {
			g.metrics.request(u.cfg.Name, "upgrade", resp.StatusCode)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			_, status, msg := classify(err)
			g.metrics.request(u.cfg.Name, "upgrade", status)
			http.Error(w, "pitot gateway: upstream "+u.cfg.Name+": "+msg, status)
		},
	}
	p.ServeHTTP(w, r)
}
