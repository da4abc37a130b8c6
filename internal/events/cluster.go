package events

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Cluster is what is different where the engine is an outside cluster: some
// nodes may be down while others answer, and a node that hangs may carry out a
// request long after it was given up.
type Cluster struct {
	// Flush makes what was taken visible on every node.
	Flush func(ctx context.Context) error
	// AllowPartial lets people's queries do without the nodes that are down.
	// Pitot's own bookkeeping never does.
	AllowPartial bool
}

// NotAfterHeader is when an insert is too late, in Unix milliseconds: its sender
// has given up and asks whether it was carried out. Nodes of Pitot refuse it
// then.
const NotAfterHeader = "X-Pitot-Not-After"

// insertTimeout bounds an insert into a cluster.
const insertTimeout = 10 * time.Second

// bound gives an insert its time.
func (c *Cluster) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, insertTimeout)
}

// fence says in a request when it is too late.
func (c *Cluster) fence(ctx context.Context, r *http.Request) {
	if c == nil {
		return
	}
	if t, ok := ctx.Deadline(); ok {
		r.Header.Set(NotAfterHeader, strconv.FormatInt(t.UnixMilli(), 10))
	}
}

// partial says in a query whether nodes may be missing.
func (c *Cluster) partial(form url.Values, whole bool) {
	if c == nil {
		return
	}
	form.Set("allow_partial_response", "0")
	if c.AllowPartial && !whole {
		form.Set("allow_partial_response", "1")
	}
}
