package pipeline

import "github.com/pitot-dev/pitot/internal/llm"

// own says whose a record is: the tenant's of the key that it came with.
func own(r llm.Record, tenant string) {
	switch {
	case r.Call != nil:
		r.Call.Tenant = tenant
	case r.Span != nil:
		r.Span.Tenant = tenant
		if r.Span.Aggregate != nil {
			r.Span.Aggregate.Tenant = tenant
		}
	case r.Log != nil:
		r.Log.Tenant = tenant
	case r.Feedback != nil:
		r.Feedback.Tenant = tenant
	}
}

// scoped is an id as one tenant's: two tenants may send the same ids, by chance or
// on purpose, and what one sends must neither hide nor change what the other has.
func scoped(tenant, id string) string {
	if tenant == llm.DefaultTenant || id == "" {
		return id
	}
	return tenant + "\x00" + id
}
