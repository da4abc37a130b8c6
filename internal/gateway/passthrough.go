package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// pass forwards what is not a model call: model lists, files, token counts. It
// is counted, not recorded.
func (g *Gateway) pass(w http.ResponseWriter, r *http.Request, u *upstream, rest string, key *VirtualKey) {
	if !g.admitsOther(w, r, u, key) {
		return
	}
	out := newOutbound(r, u, rest, key)
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

// admitsOther asks what the key of a request that is no model call may. Where it
// may not, the client has its answer.
func (g *Gateway) admitsOther(w http.ResponseWriter, r *http.Request, u *upstream, key *VirtualKey) bool {
	if key == nil {
		return true
	}
	v := key.mayCall(u)
	if v == nil {
		v = key.mayPass(r)
	}
	if v == nil {
		v = g.limits.take(key, time.Now())
	}
	if v == nil {
		return true
	}
	drainSome(r)
	g.refuse(w, u.cfg.Name, u.cfg.Dialect, v.status, v.typ, v.msg, v.retry)
	return false
}

// recheck is how often the key of a connection that lasts is looked at again.
const recheck = 2 * time.Second

// whileKnown returns a context that ends when the key of a request is none any
// more: a websocket may last for hours.
func (g *Gateway) whileKnown(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	go func() {
		t := time.NewTicker(recheck)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if k, _ := g.recognise(g.table.Load(), r); k == nil {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// upgrade passes a protocol switch, such as a websocket, through. What is said on
// it is not decoded: a key with chosen models, or a limit of tokens, may not.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request, u *upstream, rest string, key *VirtualKey) {
	if !g.admitsOther(w, r, u, key) {
		return
	}
	if key != nil && (len(key.Models) > 0 || key.TokensPerMinute > 0) {
		g.refuse(w, u.cfg.Name, u.cfg.Dialect, http.StatusForbidden, errorTypeForbidden, "this key has limits that cannot be watched on a websocket", 0)
		return
	}
	if key != nil && !key.inside {
		ctx, stop := g.whileKnown(r)
		defer stop()
		r = r.WithContext(ctx)
	}
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
			u.exchangeCredentials(pr.Out, key, u.open)
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
