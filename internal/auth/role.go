package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Perm is a set of permissions.
type Perm uint16

// The permissions. What each route needs stands in package api.
const (
	// Read is metrics, and calls, traces and sessions without their content.
	Read Perm = 1 << iota
	// Export is files of what may be read.
	Export
	// Content is what prompts, answers, logs, errors and comments say, and every
	// query that could tell something of it, raw LogsQL above all.
	Content
	// Judge is to give feedback.
	Judge
	// Ingest is to send telemetry, logs and metrics.
	Ingest
	// Gateway is to call models through the gateway.
	Gateway
	// Act is to change what others see: silences, test notifications, probes.
	Act
	// Admin is keys, users, the audit log, the configuration and everything else.
	Admin
)

// all is what an administrator may do.
const all = Read | Export | Content | Judge | Ingest | Gateway | Act | Admin

var permNames = [...]string{"read", "export", "content", "judge", "ingest", "gateway", "act", "admin"}

// String names the permissions.
func (p Perm) String() string { return strings.Join(p.Names(), "+") }

// Names lists the permissions.
func (p Perm) Names() []string {
	out := []string{}
	for i, n := range permNames {
		if p&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// The roles of users.
const (
	RoleViewer    = "viewer"
	RoleFinance   = "finance"
	RoleDeveloper = "developer"
	RoleAdmin     = "admin"
)

// Roles are the roles and what they may do, from least to most.
func Roles() []string { return []string{RoleViewer, RoleFinance, RoleDeveloper, RoleAdmin} }

// RolePerm is what a role may do; nothing for an unknown one.
func RolePerm(role string) Perm {
	switch role {
	case RoleViewer:
		return Read
	case RoleFinance:
		return Read | Export
	case RoleDeveloper:
		return Read | Export | Content | Judge | Act
	case RoleAdmin:
		return all
	}
	return 0
}

// The scopes of keys.
const (
	ScopeIngest   = "ingest"
	ScopeFeedback = "feedback"
	ScopeQuery    = "query"
	ScopeContent  = "content"
	ScopeGateway  = "gateway"
	ScopeAdmin    = "admin"
)

// Scopes are the scopes of keys.
func Scopes() []string {
	return []string{ScopeIngest, ScopeFeedback, ScopeQuery, ScopeContent, ScopeGateway, ScopeAdmin}
}

// ScopePerm is what a scope allows; nothing for an unknown one.
func ScopePerm(scope string) Perm {
	switch scope {
	case ScopeIngest:
		return Ingest
	case ScopeFeedback:
		return Judge
	case ScopeQuery:
		return Read | Export
	case ScopeContent:
		return Read | Export | Content
	case ScopeGateway:
		return Gateway
	case ScopeAdmin:
		return all
	}
	return 0
}

func checkNames(what string, names, known []string) error {
	for _, n := range names {
		if !slices.Contains(known, n) {
			return fmt.Errorf("%q is no %s: use %s", n, what, strings.Join(known, ", "))
		}
	}
	return nil
}
