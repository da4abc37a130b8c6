package auth

import (
	"context"
	"net/http"
	"slices"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The kinds of a Principal.
const (
	KindUser = "user"
	KindKey  = "key"
	// KindOpen is everybody, where nobody has to log in.
	KindOpen = "open"
)

// Principal is somebody who was recognised. It is not changed once it is made.
type Principal struct {
	Kind  string
	Name  string // of the user, or of the key
	KeyID string
	Roles []string
	Perm  Perm
	// Tenant is whose data this is about.
	Tenant string
	// Tenants are those that can be chosen, the first by default.
	Tenants []string
	// Key is the key that was shown; nil for users.
	Key *Key
	// session is that of the browser; empty for those who show their credentials
	// with every request.
	session string
	// mark is that of the password that was shown; empty where none was.
	mark string
}

// Can says whether all of the permissions are there.
func (p *Principal) Can(need Perm) bool { return p != nil && p.Perm&need == need }

// Operator says whether it is somebody of the default tenant, who sees what
// concerns the server as a whole.
func (p *Principal) Operator() bool { return p != nil && p.Tenant == llm.DefaultTenant }

// OfDefault says whether it is somebody who may look at the default tenant, though
// he looks at another one now.
func (p *Principal) OfDefault() bool {
	return p != nil && slices.Contains(p.Tenants, llm.DefaultTenant)
}

// Session says whether a cookie said who it is, which a browser sends by itself.
func (p *Principal) Session() bool { return p != nil && p.session != "" }

// Open is everybody, where nobody has to log in.
func Open() *Principal {
	return &Principal{Kind: KindOpen, Perm: all, Tenants: []string{llm.DefaultTenant}}
}

type principalKey struct{}

// With returns a context that knows who asks, and whose data it is about.
func With(ctx context.Context, p *Principal) context.Context {
	return llm.WithTenant(context.WithValue(ctx, principalKey{}, p), p.Tenant)
}

// From returns who asks; nil where nobody was recognised.
func From(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}

// TenantHeader chooses one of the tenants that a user may see.
const TenantHeader = "X-Pitot-Tenant"

// choose takes the tenant that the request names; nil where it may not.
func (p *Principal) choose(r *http.Request) *Principal {
	want, named := r.Header[TenantHeader]
	if !named || len(want) == 0 || want[0] == p.Tenant {
		return p
	}
	return p.in(want[0])
}

// in is the principal in another of its tenants.
func (p *Principal) in(tenant string) *Principal {
	if !slices.Contains(p.Tenants, tenant) {
		return nil
	}
	q := *p
	q.Tenant = tenant
	return &q
}
