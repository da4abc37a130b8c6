package pitot

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Property is something known about a piece of work: who it is for, what it is
// part of, what went in. The same properties are given to With, for all work
// beneath a context, and to a single wrapper or call.
//
// User, Session, Tenant, Feature, Prompt and Tag are association properties: they
// go on to everything beneath, also where they are given to a wrapper. All
// others describe the one piece of work that they are given to; Attr is both,
// depending on where it is given.
//
// A Property is a small value: making one allocates nothing.
//
// It is four words in four fields, the most that the compiler keeps in
// registers: this is what makes properties cost next to nothing while the SDK is
// off. Hence the two strings are taken apart.
type Property struct {
	propertyHead
	name  *byte          // nameLen bytes
	value unsafe.Pointer // bytes of a string, or *any
	num   uint64         // length of the string, or the number itself
}

type propertyHead struct {
	kind    propertyKind
	form    attrForm // of Attr: what value and num are
	nameLen uint32
}

// textProperty makes a property of a text.
func textProperty(kind propertyKind, value string) Property {
	return Property{propertyHead: propertyHead{kind: kind}, value: unsafe.Pointer(unsafe.StringData(value)), num: uint64(len(value))} //nolint:gosec // text puts it together again
}

// named makes a property of two texts.
func named(kind propertyKind, name, value string) Property {
	return Property{
		propertyHead: propertyHead{kind: kind, nameLen: uint32(min(len(name), math.MaxInt32))}, name: unsafe.StringData(name), //nolint:gosec // key puts it together again
		value: unsafe.Pointer(unsafe.StringData(value)), num: uint64(len(value)), //nolint:gosec // text puts it together again
	}
}

// key is the first of two texts.
func (p *Property) key() string { return unsafe.String(p.name, int(p.nameLen)) } //nolint:gosec // as named took it apart

// text is the text of a property that has one.
func (p *Property) text() string {
	if p.form != formString || p.value == nil {
		return ""
	}
	return unsafe.String((*byte)(p.value), int(p.num)) //nolint:gosec // as textProperty took it apart
}

// boxed is the value of an Input or Output.
func (p *Property) boxed() any {
	if p.form != formAny || p.value == nil {
		return nil
	}
	return *(*any)(p.value)
}

type propertyKind uint8

const (
	propNone propertyKind = iota
	propUser
	propSession
	propTenant
	propFeature
	propPrompt
	propTag
	propAttr
	propVersion
	propID
	propDescription
	propDataSource
	propCallID
	propTopK
	propInput
	propOutput
)

type attrForm uint8

const (
	formString attrForm = iota
	formBool
	formInt
	formFloat
	formAny
)

// Bounds of properties, in bytes. They are those of Pitot's gateway and
// receiver: what is longer is cut, not dropped.
const (
	maxDimension = 256 // user, session, tenant, feature, prompt, a tag's value
	maxTags      = 32
	maxTagKey    = 64
	maxName      = 200 // of a workflow, agent, task, tool or retrieval
	maxAttrs     = 64  // attributes given to With, in all
	maxAttrKey   = 256
)

// User says for whom the work is done: the attribute user.id. Up to 256 bytes.
// An empty id clears an inherited one, as with the other association properties.
func User(id string) Property { return textProperty(propUser, id) }

// Session names the conversation that the work belongs to: the attributes
// gen_ai.conversation.id and session.id. Up to 256 bytes.
func Session(id string) Property { return textProperty(propSession, id) }

// Tenant names the customer or organisation: the attribute tenant.id. Up to 256
// bytes.
func Tenant(id string) Property { return textProperty(propTenant, id) }

// Feature names the part of the product that asks, such as "search": the
// attribute pitot.feature. Up to 256 bytes.
func Feature(name string) Property { return textProperty(propFeature, name) }

// Prompt names a managed prompt and its version: the attributes
// gen_ai.prompt.name and gen_ai.prompt.version. Up to 256 bytes each.
func Prompt(name, version string) Property {
	return named(propPrompt, version, name)
}

// Tag adds a dimension of the program's own: the attribute pitot.tag.<key>. Keys
// have up to 64 bytes, values up to 256; there are at most 32. An empty value
// removes an inherited tag.
func Tag(key, value string) Property { return named(propTag, key, value) }

// Attr adds a span attribute: to the span of a wrapper or call, or, given to
// With, to every span beneath. Strings pass the content policy. Keys that
// OpenTelemetry defines for models' usage do not belong here: they would be
// counted.
func Attr[T string | bool | int | int64 | float64](key string, value T) Property {
	switch v := any(value).(type) {
	case string:
		return named(propAttr, key, v)
	case bool:
		n := uint64(0)
		if v {
			n = 1
		}
		return numericProperty(key, formBool, n)
	case int:
		return numericProperty(key, formInt, uint64(v))
	case int64:
		return numericProperty(key, formInt, uint64(v))
	case float64:
		return numericProperty(key, formFloat, math.Float64bits(v))
	}
	return Property{}
}

func numericProperty(key string, form attrForm, n uint64) Property {
	return Property{propertyHead: propertyHead{kind: propAttr, form: form, nameLen: uint32(min(len(key), math.MaxInt32))}, name: unsafe.StringData(key), num: n} //nolint:gosec // key puts it together again
}

// Version says which version of a workflow, agent, task or tool runs: the
// attribute gen_ai.agent.version of an agent, pitot.version of all others.
func Version(v string) Property { return textProperty(propVersion, v) }

// ID is the id of an agent: the attribute gen_ai.agent.id; of others pitot.entity.id.
func ID(id string) Property { return textProperty(propID, id) }

// Description says what an agent or a tool is for: the attributes
// gen_ai.agent.description and gen_ai.tool.description.
func Description(text string) Property { return textProperty(propDescription, text) }

// DataSource names the index or store that a retrieval searches: the attribute
// gen_ai.data_source.id.
func DataSource(id string) Property { return textProperty(propDataSource, id) }

// CallID is the id that the model gave to a tool call: the attribute
// gen_ai.tool.call.id.
func CallID(id string) Property { return textProperty(propCallID, id) }

// TopK is how many documents a retrieval asks for: the attribute
// gen_ai.retrieval.top_k.
func TopK(n int) Property {
	return Property{propertyHead: propertyHead{kind: propTopK, form: formInt}, num: uint64(max(n, 0))}
}

// Input is what goes into a piece of work. It is written as text or JSON under
// the content policy, bounded, before the work begins; nothing of it is kept.
// While the SDK is off it is not even looked at.
func Input[T any](v T) Property {
	if active.Load() == nil {
		return Property{}
	}
	return boxedProperty(propInput, v)
}

// Output is what came out of a piece of work, where that is not the value that
// the wrapped function returns. See also SetOutput.
func Output[T any](v T) Property {
	if active.Load() == nil {
		return Property{}
	}
	return boxedProperty(propOutput, v)
}

// boxedProperty is apart from Input and Output so that they are inlined.
//
//go:noinline
func boxedProperty(kind propertyKind, v any) Property {
	return Property{propertyHead: propertyHead{kind: kind, form: formAny}, value: unsafe.Pointer(&v)} //nolint:gosec // boxed reads it
}

// attribute is the attribute of an Attr; ok is false for a key that cannot be
// one. Strings have not passed the content policy.
func (p *Property) attribute() (kv attribute.KeyValue, ok bool) {
	key := clip(p.key(), maxAttrKey)
	if key == "" {
		return kv, false
	}
	switch p.form {
	case formBool:
		return attribute.Bool(key, p.num != 0), true
	case formInt:
		return attribute.Int64(key, int64(p.num)), true
	case formFloat:
		return attribute.Float64(key, math.Float64frombits(p.num)), true
	default:
		return attribute.String(key, p.text()), true
	}
}

// association is what With collected, immutable once in a context.
type association struct {
	user, session, tenant, feature string
	promptName, promptVersion      string
	agent, workflow                string // the innermost ones, set by Agent and Workflow
	tags                           map[string]string

	attrs []attribute.KeyValue // for every span beneath; under the content policy
	work  *Work                // the innermost wrapper
	run   *agentRun            // of the innermost agent
}

type associationKey struct{}

// associationOf returns the association of a context, nil where it has none.
// Where With and the wrappers set none, it is that of the W3C baggage which the
// context carries: servers of gRPC and others that extract it need no more.
func associationOf(ctx context.Context) *association {
	if ctx == nil {
		return nil
	}
	if a, ok := ctx.Value(associationKey{}).(*association); ok {
		return a
	}
	return associationOfBaggage(ctx)
}

// With returns a context whose properties hold for all work beneath: for every
// wrapper and call that is given the context or one made from it. What the
// context has already stays, unless it is named again. The context passed in is
// not changed, so properties never leak into work beside.
//
// The properties travel to other services in W3C baggage where Transport talks to
// hosts that may have them; see WithPropagation. While the SDK is off With
// returns ctx.
func With(ctx context.Context, props ...Property) context.Context {
	r := active.Load()
	if r == nil || len(props) == 0 {
		return ctx
	}
	if ctx == nil {
		ctx = context.Background()
	}
	a, changed := associationOf(ctx).with(r, props, true)
	if !changed {
		return ctx
	}
	return context.WithValue(ctx, associationKey{}, a)
}

// with returns a copy with properties added. attrs says whether an Attr goes to
// all work beneath.
func (a *association) with(r *core, props []Property, attrs bool) (next *association, changed bool) {
	next = &association{}
	if a != nil {
		*next = *a
	}
	for i := range props {
		p := &props[i]
		switch p.kind {
		case propUser:
			next.user = clip(p.text(), maxDimension)
		case propSession:
			next.session = clip(p.text(), maxDimension)
		case propTenant:
			next.tenant = clip(p.text(), maxDimension)
		case propFeature:
			next.feature = clip(p.text(), maxDimension)
		case propPrompt:
			next.promptName, next.promptVersion = clip(p.text(), maxDimension), clip(p.key(), maxDimension)
		case propTag:
			if !next.tag(p.key(), p.text()) {
				continue
			}
		case propAttr:
			kv, ok := p.attribute()
			if !attrs || !ok || len(next.attrs) >= maxAttrs {
				continue
			}
			// Clipped: two contexts made from one share no array.
			next.attrs = append(slices.Clip(next.attrs), r.content.attribute(kv))
		default:
			continue
		}
		changed = true
	}
	return next, changed
}

// tag sets or removes a tag in a copy of the map: contexts share it.
func (a *association) tag(key, value string) bool {
	key, value = clip(key, maxTagKey), clip(value, maxDimension)
	if key == "" || a.tags[key] == value {
		return false
	}
	if _, there := a.tags[key]; !there && len(a.tags) >= maxTags {
		return false
	}
	tags := make(map[string]string, len(a.tags)+1)
	maps.Copy(tags, a.tags)
	if value == "" {
		delete(tags, key)
	} else {
		tags[key] = value
	}
	a.tags = tags
	return true
}

// apply fills what a Call has no value for yet. It is nil-safe. The map of tags
// is the Call's own afterwards.
func (a *association) apply(c *llm.Call) {
	if a == nil {
		return
	}
	for _, f := range [...]struct {
		to   *string
		from string
	}{
		{&c.User, a.user},
		{&c.Session, a.session},
		{&c.Feature, a.feature},
		{&c.PromptName, a.promptName},
		{&c.Agent, a.agent},
		{&c.Workflow, a.workflow},
	} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	if c.PromptVersion == "" && c.PromptName == a.promptName {
		c.PromptVersion = a.promptVersion
	}
	if len(a.tags) > 0 && c.Tags == nil {
		c.Tags = make(map[string]string, len(a.tags))
	}
	for k, v := range a.tags {
		if _, there := c.Tags[k]; !there {
			c.Tags[k] = v
		}
	}
	if a.tenant == "" && len(a.attrs) == 0 {
		return
	}
	if c.Attributes == nil {
		c.Attributes = make(map[string]any, len(a.attrs)+1)
	}
	if _, there := c.Attributes[attrTenant]; !there && a.tenant != "" {
		c.Attributes[attrTenant] = a.tenant
	}
	for _, kv := range a.attrs {
		if _, there := c.Attributes[string(kv.Key)]; !there {
			c.Attributes[string(kv.Key)] = kv.Value.AsInterface()
		}
	}
}

// The names of association attributes on spans.
const (
	attrUser          = "user.id"
	attrSession       = "session.id"
	attrConversation  = "gen_ai.conversation.id"
	attrTenant        = "tenant.id"
	attrFeature       = "pitot.feature"
	attrPromptName    = "gen_ai.prompt.name"
	attrPromptVersion = "gen_ai.prompt.version"
	attrTagPrefix     = "pitot.tag."
	attrAgent         = "gen_ai.agent.name"
	attrWorkflow      = "gen_ai.workflow.name"
)

// attributes appends the attributes that every span beneath has. It is nil-safe.
func (a *association) attributes(dst []attribute.KeyValue) []attribute.KeyValue {
	if a == nil {
		return dst
	}
	for _, f := range [...]struct{ name, value string }{
		{attrUser, a.user},
		{attrConversation, a.session},
		{attrSession, a.session},
		{attrTenant, a.tenant},
		{attrFeature, a.feature},
		{attrPromptName, a.promptName},
		{attrPromptVersion, a.promptVersion},
		{attrAgent, a.agent},
		{attrWorkflow, a.workflow},
	} {
		if f.value != "" {
			dst = append(dst, attribute.String(f.name, f.value))
		}
	}
	for k, v := range a.tags {
		dst = append(dst, attribute.String(attrTagPrefix+k, v))
	}
	return append(dst, a.attrs...)
}

// propertiesInto gives a Call the properties that its caller named: they win
// over those of the context, which apply adds. Input and Output are the caller's
// business.
func (r *core) propertiesInto(c *llm.Call, props []Property) {
	set := func(k string, v any) {
		if c.Attributes == nil {
			c.Attributes = map[string]any{}
		}
		c.Attributes[k] = v
	}
	own, _ := (*association)(nil).with(r, props, true)
	for i := range props {
		switch p := &props[i]; p.kind {
		case propVersion:
			set("pitot.version", clip(p.text(), maxDimension))
		case propID:
			set("pitot.entity.id", clip(p.text(), maxDimension))
		case propDescription:
			set("pitot.description", r.content.label(clip(p.text(), maxDimension)))
		case propDataSource:
			set("gen_ai.data_source.id", clip(p.text(), maxDimension))
		case propCallID:
			set("gen_ai.tool.call.id", clip(p.text(), maxDimension))
		default:
		}
	}
	own.apply(c)
}

// Properties are the association properties of a context, for logs, tests and
// programs that pass them on in ways of their own.
type Properties struct {
	User, Session, Tenant, Feature string
	PromptName, PromptVersion      string
	Agent, Workflow                string            // the innermost that run
	Tags                           map[string]string // a copy
}

// PropertiesOf returns the association properties of a context. While the SDK is
// off they are empty.
func PropertiesOf(ctx context.Context) Properties {
	if active.Load() == nil {
		return Properties{}
	}
	a := associationOf(ctx)
	if a == nil {
		return Properties{}
	}
	return Properties{
		User: a.user, Session: a.session, Tenant: a.tenant, Feature: a.feature,
		PromptName: a.promptName, PromptVersion: a.promptVersion,
		Agent: a.agent, Workflow: a.workflow, Tags: maps.Clone(a.tags),
	}
}

// clip returns s as valid UTF-8 of at most n bytes, without control characters
// at its ends. It allocates only where something is wrong.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
		// The cut may have split a character.
		for i := len(s) - 1; i >= 0 && i >= len(s)-utf8.UTFMax; i-- {
			if utf8.RuneStart(s[i]) {
				if !utf8.FullRuneInString(s[i:]) {
					s = s[:i]
				}
				break
			}
		}
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		if len(s) > n { // the replacement is longer than what it replaces
			return clip(s, n)
		}
	}
	return strings.TrimSpace(s)
}
