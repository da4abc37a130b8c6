package llm

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// DefaultTenant is whose everything is where nobody has set up tenants.
const DefaultTenant = ""

// TenantLabel is the label that says on metrics whose they are. Those of the
// default tenant have none.
const TenantLabel = "tenant"

// Tenant is whose a record is.
func (r Record) Tenant() string {
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
	return DefaultTenant
}

type tenantKey struct{}

// WithTenant returns a context in which records are stored for, and queries are
// answered from, one tenant: `name` or `name/project`. Without it that is the
// default tenant, so that what forgets to say it sees nothing of the others.
func WithTenant(ctx context.Context, tenant string) context.Context {
	if TenantOf(ctx) == tenant {
		return ctx
	}
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// TenantOf returns the tenant of a context.
func TenantOf(ctx context.Context) string {
	t, _ := ctx.Value(tenantKey{}).(string)
	return t
}

var tenantName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?(?:/[a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?)?$`)

// CheckTenant says what is wrong with the name of a tenant.
func CheckTenant(tenant string) error {
	if !tenantName.MatchString(tenant) {
		return fmt.Errorf("%q is no name of a tenant: use lower-case letters, digits, '.', '_' and '-', such as acme, or acme/web for a project of it", tenant)
	}
	return nil
}

// TenantIDs are the numbers by which the event engine keeps tenants apart: the
// account is the tenant, the project its project. They are made of the name, so
// that every process finds the same ones without a register; the default tenant
// has 0 and 0, and nobody else has the account 0.
func TenantIDs(tenant string) (account, project uint32) {
	if tenant == DefaultTenant {
		return 0, 0
	}
	name, sub, _ := strings.Cut(tenant, "/")
	number := func(kind, s string) uint32 {
		sum := sha256.Sum256([]byte("pitot " + kind + "\x00" + s))
		return max(binary.BigEndian.Uint32(sum[:4]), 1)
	}
	account = number("tenant", name)
	if sub != "" {
		project = number("project", sub)
	}
	return account, project
}

// CheckTenants says which of the tenants of a server cannot be told apart by
// their numbers: a name is to be changed then.
func CheckTenants(tenants []string) error {
	type ids struct{ account, project uint32 }
	accounts, all := map[uint32]string{}, map[ids]string{}
	var errs []error
	for _, t := range tenants {
		if err := CheckTenant(t); err != nil {
			errs = append(errs, err)
			continue
		}
		name, _, _ := strings.Cut(t, "/")
		a, p := TenantIDs(t)
		if other, ok := accounts[a]; ok && other != name {
			errs = append(errs, fmt.Errorf("the tenants %s and %s have the same number: rename one of them", other, name))
		}
		if other, ok := all[ids{a, p}]; ok && other != t {
			errs = append(errs, fmt.Errorf("the tenants %s and %s have the same number: rename one of them", other, t))
		}
		accounts[a], all[ids{a, p}] = name, t
	}
	return errors.Join(errs...)
}
