package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// userPrefix begins a hashed user id, so that a reader sees that it is one and
// a second pass leaves it alone.
const userPrefix = "u_"

// userHashBytes is the length of a hashed id: 80 bits hold a billion users
// apart.
const userHashBytes = 10

// user masks a user id, or replaces it by its salted hash.
func (p *Policy) user(s string) string {
	if p.salt == nil {
		return p.maskText(s)
	}
	if s == "" || hashedUser(s) {
		return s
	}
	h := hmac.New(sha256.New, p.salt)
	h.Write([]byte(s))
	return userPrefix + hex.EncodeToString(h.Sum(nil)[:userHashBytes])
}

func hashedUser(s string) bool {
	rest, ok := strings.CutPrefix(s, userPrefix)
	if !ok || len(rest) != 2*userHashBytes {
		return false
	}
	for i := range len(rest) {
		if !isDigit(rest[i]) && (rest[i] < 'a' || rest[i] > 'f') {
			return false
		}
	}
	return true
}

// userKey reports whether an attribute or parameter of this name identifies a
// user.
func userKey(k string) bool {
	last := k[strings.LastIndexByte(k, '.')+1:]
	switch strings.ToLower(last) {
	case "user", "user_id", "userid", "user-id", "username", "user_name", "user_email", "enduser", "end_user", "safety_identifier":
		return true
	case "id", "email", "name", "full_name":
		parent := strings.ToLower(strings.TrimSuffix(k, "."+last))
		parent = parent[strings.LastIndexByte(parent, '.')+1:]
		return parent == "user" || parent == "enduser"
	}
	return false
}
