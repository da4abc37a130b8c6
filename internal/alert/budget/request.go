package budget

import (
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// keyTag is the tag of a Call that has the id of its API key.
const keyTag = "key"

// Request is what is known of a call when it is about to start.
type Request struct {
	// CallID is the id that the call has when it ends in Record. Without one
	// nothing is reserved for it.
	CallID string

	User, Key, Service, Provider, Model, Feature, Environment string
	Tags                                                      map[string]string

	// What the call may cost; 0 where that is not known.
	EstimatedUSD    float64
	EstimatedTokens int64
}

// RequestOf is the Request of a Call.
func RequestOf(c *llm.Call) Request {
	return Request{
		CallID: c.ID, User: c.User, Key: c.Tags[keyTag], Service: c.Service, Provider: c.Provider,
		Model: c.Model(), Feature: c.Feature, Environment: c.Environment, Tags: c.Tags,
	}
}

// dimension reads one of the dimensions of a Request.
type dimension struct {
	name, tag string
}

func newDimension(name string) dimension {
	tag, _ := strings.CutPrefix(name, "tag.")
	return dimension{name: name, tag: tag}
}

func (d *dimension) of(r *Request) string {
	switch d.name {
	case "user":
		return r.User
	case "key":
		return r.Key
	case "service":
		return r.Service
	case "provider":
		return r.Provider
	case "model":
		return r.Model
	case "feature":
		return r.Feature
	case "environment":
		return r.Environment
	default:
		return r.Tags[d.tag]
	}
}
