package metrics

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	attrService     = "service.name"
	attrNamespace   = "service.namespace"
	attrInstance    = "service.instance.id"
	associationAttr = "traceloop.association.properties."
)

// idAttributes name one session, request or run each: as labels they would make
// a series for each. They live in the events.
func idAttributes() []string {
	return []string{
		"session.id", "session_id", "sessionId", "gen_ai.conversation.id", "conversation.id", "conversation_id", "conversationId",
		"thread.id", "thread_id", "threadId", "chat_id", "chatId", "request.id", "request_id", "http.request.id", "trace_id", "trace.id", "span_id",
		"gen_ai.response.id", "gen_ai.tool.call.id", "message.id", "message_id", "prompt.id", "prompt_id", "run_id", "run.id", "correlation_id", "event.timestamp", "event.sequence",
	}
}

// userAttributes name a user each. Applications have too many of them; of the
// coding agents' users there are as many as developers, and they are the point.
func userAttributes() []string {
	return []string{
		"user.id", "user_id", "userId", "user", "enduser.id", "gen_ai.user", "llm.user", "langfuse.user.id", "ai.telemetry.metadata.userId",
		"user.email", "user.account_uuid", "user.account_id", "installation.id", "organization.id", "customer_id", "customer.id", "end_user",
	}
}

// attributePolicy says which attributes do not become labels.
type attributePolicy struct {
	ids, users map[string]bool
}

func newAttributePolicy(c OTLPConfig) attributePolicy {
	p := attributePolicy{ids: make(map[string]bool), users: make(map[string]bool)}
	for _, a := range slices.Concat(idAttributes(), c.DropAttributes) {
		p.ids[a] = true
	}
	for _, a := range userAttributes() {
		p.users[a] = true
	}
	for _, a := range c.KeepAttributes {
		delete(p.ids, a)
		delete(p.users, a)
		// A property is named with or without its prefix.
		p.ids[associationAttr+a] = p.ids[associationAttr+a] && false
	}
	return p
}

// drops says whether an attribute is taken out. product is set for metrics of
// coding agents.
func (p *attributePolicy) drops(key string, product bool) bool {
	if d, ok := p.ids[key]; ok {
		return d
	}
	key = strings.TrimPrefix(key, associationAttr)
	return p.ids[key] || p.users[key] && !product
}

// apply takes attributes out and says whether there were any.
func (p *attributePolicy) apply(attrs pcommon.Map, product bool) bool {
	n := attrs.Len()
	attrs.RemoveIf(func(k string, _ pcommon.Value) bool { return p.drops(k, product) })
	return attrs.Len() != n
}

// senderResource is the resource of a request's metrics.
type senderResource struct {
	attrs                        pcommon.Map // as it is stored
	service, namespace, instance string
	source                       uint64 // hash of what the sender said
	changed                      bool   // whether its series differ from what the sender said
}

// newSenderResource takes ids out of the resource.
func newSenderResource(r pcommon.Resource, p attributePolicy) *senderResource {
	attrs := r.Attributes()
	out := &senderResource{attrs: attrs, source: hashAttrs(0, attrs)}
	get := func(k string) string {
		if v, ok := attrs.Get(k); ok {
			return v.AsString()
		}
		return ""
	}
	out.service, out.namespace, out.instance = get(attrService), get(attrNamespace), get(attrInstance)
	p.apply(attrs, true) // target_info has one series for each resource
	return out
}

// setInstance folds the instance into a shared one: what else the resource says
// of it goes too.
func (r *senderResource) setInstance(v string) {
	r.instance, r.changed = v, true
	attrs := pcommon.NewMap()
	attrs.PutStr(attrService, r.service)
	if r.namespace != "" {
		attrs.PutStr(attrNamespace, r.namespace)
	}
	attrs.PutStr(attrInstance, v)
	r.attrs = attrs
}

// key tells the resources apart that become different series.
func (r *senderResource) key() string {
	return r.namespace + "\xff" + r.service + "\xff" + r.instance
}

// hashAttrs is a hash of a map whatever its order.
func hashAttrs(seed uint64, m pcommon.Map) uint64 {
	// The sum of the pairs' hashes does not depend on their order.
	sum := seed
	var buf []byte
	for k, v := range m.All() {
		buf = append(buf[:0], k...)
		buf = append(buf, 0xff, byte(v.Type()))
		buf = append(buf, v.AsString()...)
		sum += xxhash.Sum64(buf)
	}
	return mix(sum, uint64(m.Len()))
}

// mix combines hashes.
func mix(parts ...uint64) uint64 {
	var buf [64]byte
	b := buf[:0]
	for _, p := range parts {
		b = binary.LittleEndian.AppendUint64(b, p)
	}
	return xxhash.Sum64(b)
}

func hashString(s string) uint64 { return xxhash.Sum64String(s) }
