package llm

import "encoding/json"

// Opt is a value that may be unknown. An unknown value is left out of JSON:
// Pitot never shows 0 for what it does not know. The zero Opt is unknown.
type Opt[T any] struct {
	v  T
	ok bool
}

// Some returns a known value.
func Some[T any](v T) Opt[T] { return Opt[T]{v: v, ok: true} }

// Get returns the value and whether it is known.
func (o Opt[T]) Get() (T, bool) { return o.v, o.ok }

// Or returns the value, or def where it is unknown.
func (o Opt[T]) Or(def T) T {
	if o.ok {
		return o.v
	}
	return def
}

// Known reports whether the value is known.
func (o Opt[T]) Known() bool { return o.ok }

// IsZero reports whether the value is unknown; it makes `omitzero` leave it out.
func (o Opt[T]) IsZero() bool { return !o.ok }

// MarshalJSON encodes the value, or null where it is unknown.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.ok {
		return []byte("null"), nil
	}
	return json.Marshal(o.v)
}

// UnmarshalJSON decodes a value; null makes it unknown.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*o = Opt[T]{}
		return nil
	}
	if err := json.Unmarshal(b, &o.v); err != nil {
		return err
	}
	o.ok = true
	return nil
}
