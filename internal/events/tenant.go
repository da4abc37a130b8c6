package events

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	id, numbered := ctx.Value(tenantIDKey{}).(tenantID)
	if !numbered {
		id.Account, id.Project = llm.TenantIDs(llm.TenantOf(ctx))
	}
	if id == (tenantID{}) {
		return
	}
	h.Set(headerAccount, strconv.FormatUint(uint64(id.Account), 10))
	h.Set(headerProject, strconv.FormatUint(uint64(id.Project), 10))
}

// tenantID are the engine's numbers of a tenant.
type tenantID struct {
	Account uint32 `json:"account_id"`
	Project uint32 `json:"project_id"`
}

func idOf(tenant string) (id tenantID) {
	id.Account, id.Project = llm.TenantIDs(tenant)
	return id
}

// String names a tenant of which only the numbers are known.
func (t tenantID) String() string { return fmt.Sprintf("unlisted %d:%d", t.Account, t.Project) }

type tenantIDKey struct{}

// tenantIDs lists who has rows in a range, also tenants that are not declared any
// more. It asks the embedded engine. One whose rows were deleted may still be in
// it.
func (s *Store) tenantIDs(ctx context.Context, r Range) ([]tenantID, error) {
	var ids []tenantID
	form := url.Values{"start": {formatTime(r.Start)}, "end": {formatTime(r.End)}}
	err := s.manage(context.WithValue(ctx, tenantIDKey{}, tenantID{}), "list tenants", "/select/tenant_ids", form, &ids)
	return ids, err
}

// OthersIn says whether tenants other than that of the context may have rows in a
// range.
func (s *Store) OthersIn(ctx context.Context, r Range) (bool, error) {
	ids, err := s.tenantIDs(ctx, r)
	own := idOf(llm.TenantOf(ctx))
	return slices.ContainsFunc(ids, func(id tenantID) bool { return id != own }), err
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
