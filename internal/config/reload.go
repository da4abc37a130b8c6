package config

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
)

// restartPaths are the fields that are read once at start.
var restartPaths = []string{"storage.dir", "storage.events", "storage.metrics.max_disk", "storage.metrics.remote", "storage.journal", "pipeline.queue", "otlp", "alerts.cluster", "logs.elasticsearch", "gpu", "infrastructure", "auth.enabled", "auth.tenants"}

func needsRestart(path string) bool {
	return slices.ContainsFunc(restartPaths, func(p string) bool { return path == p || strings.HasPrefix(path, p+".") })
}

// NonReloadable returns the fields that differ between two configurations and
// take effect only after a restart.
func NonReloadable(old, updated *Config) []string {
	var out []string
	diff(reflect.ValueOf(old).Elem(), reflect.ValueOf(updated).Elem(), "", &out)
	return slices.DeleteFunc(out, func(p string) bool { return !needsRestart(p) })
}

// Changed returns the fields that differ between two configurations.
func Changed(old, updated *Config) []string {
	var out []string
	diff(reflect.ValueOf(old).Elem(), reflect.ValueOf(updated).Elem(), "", &out)
	return out
}

func diff(a, b reflect.Value, path string, out *[]string) {
	if a.Kind() != reflect.Struct || a.Type() == rawType {
		if !same(a, b) {
			*out = append(*out, path)
		}
		return
	}
	for _, f := range fieldsOf(a.Type()) {
		diff(a.FieldByIndex(f.index), b.FieldByIndex(f.index), join(path, f.name), out)
	}
}

func same(a, b reflect.Value) bool {
	if x, ok := reflect.TypeAssert[Raw](a); ok {
		y, _ := reflect.TypeAssert[Raw](b)
		return bytes.Equal(x.Text, y.Text) // moved lines are no change
	}
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
