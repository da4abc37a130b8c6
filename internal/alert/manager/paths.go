package manager

import (
	"path/filepath"
	"reflect"
	"strings"

	"github.com/prometheus/alertmanager/config"
)

// directorySetter is what the HTTP and TLS configurations are.
type directorySetter interface{ SetDirectory(dir string) }

// visitPaths makes all paths of a configuration relative to dir: those of HTTP
// clients and TLS, and the strings whose names end in File.
func visitPaths(c *config.Config, dir string) {
	seen := make(map[any]bool)
	visit(reflect.ValueOf(c), dir, seen)
}

func visit(v reflect.Value, dir string, seen map[any]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Interface()] { // http_config of global is shared
			return
		}
		seen[v.Interface()] = true
		if s, ok := reflect.TypeAssert[directorySetter](v); ok {
			s.SetDirectory(dir)
			return
		}
		if strings.HasPrefix(v.Type().Elem().PkgPath(), "github.com/prometheus/alertmanager") {
			visit(v.Elem(), dir, seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), dir, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			field := v.Field(i)
			if field.Kind() == reflect.String && strings.HasSuffix(f.Name, "File") {
				if p := field.String(); p != "" && !filepath.IsAbs(p) && field.CanSet() {
					field.SetString(filepath.Join(dir, p))
				}
				continue
			}
			if field.CanAddr() {
				if s, ok := reflect.TypeAssert[directorySetter](field.Addr()); ok {
					s.SetDirectory(dir)
					continue
				}
			}
			visit(field, dir, seen)
		}
	default: // no path is in anything else
	}
}
