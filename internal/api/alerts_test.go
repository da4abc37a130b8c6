package api

import (
	"context"
	"net/http"
	"testing"

	"github.com/pitot-dev/pitot/internal/alert/manager"
)

func TestChannels(t *testing.T) {
	a := newAPI(t)
	if st := decode[manager.Status](t, wantOK(t, a.get(base+"/alerts/channels")).Body.Bytes()); st.Receivers == nil {
		t.Error("null receivers")
	}
	wantError(t, a.post(base+"/alerts/test/oncall", ""), 404, CodeNotFound)

	a = newAPI(t, func(o *Options) {
		o.Alertmanager = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) })
		o.Channels = func() manager.Status { return manager.Status{Receivers: []manager.ReceiverStatus{{Name: "oncall"}}} }
		o.TestReceiver = func(_ context.Context, name string) ([]manager.Result, error) {
			return []manager.Result{{Integration: "slack", OK: true}, {Integration: "email", Error: "refused by " + name}}, nil
		}
	})
	if got := wantOK(t, a.get("/alertmanager/api/v2/status")).Body.String(); got != "/alertmanager/api/v2/status" {
		t.Errorf("the Alertmanager got %q", got)
	}
	r := decode[ReceiverTest](t, wantOK(t, a.post(base+"/alerts/test/oncall", "")).Body.Bytes())
	if r.OK || len(r.Results) != 2 || r.Results[1].Error != "refused by oncall" {
		t.Errorf("%+v", r)
	}
	wantError(t, a.post(base+"/alerts/test/nobody", ""), 404, CodeNotFound)
}
