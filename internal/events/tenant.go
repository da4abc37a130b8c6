package events

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The engine keeps tenants apart by two numbers in the headers of each request. A
// request without them is the default tenant's, so that a query which forgets them
// sees nothing of the others.
const (
	headerAccount = "AccountID"
	headerProject = "ProjectID"
)

// setTenant addresses a request to the tenant of a context.
func setTenant(ctx context.Context, h http.Header) {
	tenant := llm.TenantOf(ctx)
	if tenant == llm.DefaultTenant {
		return
	}
	account, project := llm.TenantIDs(tenant)
	h.Set(headerAccount, strconv.FormatUint(uint64(account), 10))
	h.Set(headerProject, strconv.FormatUint(uint64(project), 10))
}

// fieldTenant is the name of the field that says whose a row is. It stands right
// behind the kind, where it is found without reading the row. Attributes of
// senders cannot have the name.
const fieldTenant = "_tenant"

// rowTenant is whose a row is that AppendRow or AppendTally made.
func rowTenant(row []byte) string {
	_, rest, ok := bytes.Cut(row, []byte(`","kind":"`))
	if !ok {
		return llm.DefaultTenant
	}
	if _, rest, ok = bytes.Cut(rest, []byte{'"'}); !ok {
		return llm.DefaultTenant
	}
	rest = bytes.TrimPrefix(rest, []byte(`,"_msg":"`+kindTally+`"`))
	rest, ok = bytes.CutPrefix(rest, []byte(`,"`+fieldTenant+`":"`))
	if !ok {
		return llm.DefaultTenant
	}
	name, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(name)
}

// tenantOf is whose a record is.
func tenantOf(r llm.Record) string {
	switch {
	case r.Call != nil:
		return r.Call.Tenant
	case r.Span != nil:
		return r.Span.Tenant
	case r.Log != nil:
		return r.Log.Tenant
	case r.Feedback != nil:
		return r.Feedback.Tenant
	}
	return llm.DefaultTenant
}
