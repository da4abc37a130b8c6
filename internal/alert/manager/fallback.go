package manager

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	commoncfg "github.com/prometheus/common/config"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

// maxPlain bounds the text that replaces a failing template, in bytes.
const maxPlain = 2000

// checkFunc tries a channel's templates. Where one fails it returns why and,
// unless there is an error, a notifier to use instead.
type checkFunc func(ctx context.Context, alerts []*alert.Alert) (plain notify.Notifier, cause, err error)

// checker returns a function that tries the templates of a receiver's channel.
// Where one fails, it builds the channel again with those replaced: texts by a
// plain one that says why, the rest by nothing. What is no text at all, such as a
// URL, is left for the channel to fail on.
//
// This comes before each attempt, since not all notifiers stop at a failing
// template: Slack's sends an empty message, the mail's half of one.
func checker(r config.Receiver, tmpl *template.Template, logger *slog.Logger) checkFunc {
	return func(ctx context.Context, alerts []*alert.Alert) (notify.Notifier, error, error) {
		w := &rewriter{tmpl: tmpl, data: notify.GetTemplateData(ctx, tmpl, alerts, logger)}
		w.receiver(r)
		if w.cause == nil {
			return nil, nil, nil
		}
		w.title = quote(robot.PlainTitle(w.data, robot.English))
		w.text = quote(robot.Truncate(robot.Plain(w.data, robot.English, w.cause), maxPlain))
		// Used once: nothing may stay open.
		built, err := receiver.BuildReceiverIntegrations(w.receiver(r), tmpl, logger, commoncfg.WithKeepAlivesDisabled())
		if err == nil && len(built) != 1 {
			err = errors.New("not one channel")
		}
		if err != nil {
			return nil, w.cause, err
		}
		return &built[0], w.cause, nil
	}
}

// quote makes a template of a text that gives the text, in text and in HTML.
func quote(s string) string { return "{{ " + strconv.Quote(s) + " }}" }

// rewriter copies a channel's configuration and replaces the templates that
// fail.
type rewriter struct {
	tmpl        *template.Template
	data        *template.Data
	title, text string // what failing ones are replaced by
	cause       error  // of the first that fails
}

// receiver returns a copy of a receiver.
func (w *rewriter) receiver(r config.Receiver) config.Receiver {
	all := reflect.ValueOf(&r).Elem()
	for _, f := range all.Fields() {
		if f.Kind() == reflect.Slice {
			f.Set(w.copy(f, fieldInfo{}))
		}
	}
	return r
}

// fieldInfo is what the names of a field and those around it say.
type fieldInfo struct {
	title, text bool
	html        bool
}

// within says what a name adds.
func (f fieldInfo) within(name string) fieldInfo {
	switch strings.ToLower(name) {
	case "title", "summary", "subject", "entitydisplayname", "fallback":
		f.title = true
	case "html":
		f.text, f.html = true, true
	case "text", "message", "description", "body", "note", "content", "statemessage", "pretext", "markdown", "details":
		f.text = true
	}
	return f
}

// untouched are the types that hold no texts.
func untouched(t reflect.Type) bool {
	p := t.PkgPath()
	return strings.HasPrefix(p, "github.com/prometheus/common") || strings.HasPrefix(p, "net/") ||
		strings.HasSuffix(p, "alertmanager/config/common")
}

// copy returns a deep copy of a value with failing templates replaced.
func (w *rewriter) copy(v reflect.Value, info fieldInfo) reflect.Value {
	if untouched(v.Type()) {
		return v
	}
	switch v.Kind() {
	case reflect.String:
		return w.copyString(v, info)
	case reflect.Pointer:
		if v.IsNil() || untouched(v.Type().Elem()) {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(w.copy(v.Elem(), info))
		return out
	case reflect.Struct:
		return w.copyStruct(v, info)
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(w.copy(v.Index(i), info))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			in := info
			if it.Key().Kind() == reflect.String {
				name := it.Key().String()
				if in = info.within(name); strings.Contains(name, "{{") && !w.works(name, false) {
					continue
				}
			}
			out.SetMapIndex(it.Key(), w.copy(it.Value(), in))
		}
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return w.copy(v.Elem(), info)
	default:
		return v
	}
}

func (w *rewriter) copyStruct(v reflect.Value, info fieldInfo) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if f.Name == "Payload" && f.Type.Kind() == reflect.Interface {
			out.Field(i).Set(w.payload(v.Field(i)))
			continue
		}
		in := info.within(f.Name)
		if f.Name == "Message" && v.FieldByName("ParseMode").IsValid() && v.FieldByName("ParseMode").String() == "HTML" {
			in.html = true
		}
		out.Field(i).Set(w.copy(v.Field(i), in))
	}
	return out
}

func (w *rewriter) copyString(v reflect.Value, info fieldInfo) reflect.Value {
	s := v.String()
	if v.Type() != reflect.TypeFor[string]() || !strings.Contains(s, "{{") || w.works(s, info.html) {
		return v
	}
	switch {
	case info.title:
		return reflect.ValueOf(w.title)
	case info.text:
		return reflect.ValueOf(w.text)
	default:
		return reflect.ValueOf("")
	}
}

func (w *rewriter) works(s string, html bool) bool {
	execute := w.tmpl.ExecuteTextString
	if html {
		execute = w.tmpl.ExecuteHTMLString
	}
	_, err := execute(s, w.data)
	if err != nil && w.cause == nil {
		w.cause = err
	}
	return err == nil
}

// payload replaces a webhook's own payload as a whole when a part of it fails:
// its form is the receiver's, and half of it may be worth less than none.
func (w *rewriter) payload(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	own := rewriter{tmpl: w.tmpl, data: w.data}
	if own.copy(v, fieldInfo{}); own.cause == nil {
		return v
	}
	if w.cause == nil {
		w.cause = own.cause
	}
	return reflect.ValueOf(map[string]any{
		"version": "4", "status": "{{ .Status }}", "receiver": "{{ .Receiver }}", "externalURL": "{{ .ExternalURL }}",
		"alerts": "{{ .Alerts | toJson }}", "groupLabels": "{{ .GroupLabels | toJson }}",
		"commonLabels": "{{ .CommonLabels | toJson }}", "commonAnnotations": "{{ .CommonAnnotations | toJson }}",
		"title": w.title, "text": w.text,
	})
}
