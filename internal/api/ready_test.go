package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// TestGatewayIsReadyWithoutTheStores asks a server whose store is away.
func TestGatewayIsReadyWithoutTheStores(t *testing.T) {
	stopping := false
	a := newAPI(t, func(o *Options) {
		o.Ready = func() error { return errors.New("the event engine is starting") }
		o.GatewayReady = func() error {
			if stopping {
				return errors.New("the server is stopping")
			}
			return nil
		}
	})
	if w := a.get("/-/ready"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("/-/ready: %d", w.Code)
	}
	wantOK(t, a.get("/-/ready/gateway"))
	stopping = true
	if w := a.get("/-/ready/gateway"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "stopping") {
		t.Errorf("/-/ready/gateway while it stops: %d %s", w.Code, w.Body)
	}
}
