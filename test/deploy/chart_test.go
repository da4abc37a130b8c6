package deploy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the plain manifests anew")

const chartDir = "../../deploy/helm/pitot"

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render renders the chart with values, as YAML, over its own.
func render(t *testing.T, values string) (string, error) {
	t.Helper()
	v, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	c := load(t)
	// This checks values.schema.json, too.
	all, err := chartutil.ToRenderValues(c, v, chartutil.ReleaseOptions{Name: "pitot", Namespace: "llm", Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	var names []string
	for name := range files {
		if strings.HasSuffix(name, ".yaml") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range names {
		for doc := range strings.SplitSeq("\n"+files[name], "\n---") {
			if doc = strings.TrimSpace(doc); doc != "" {
				fmt.Fprintf(&out, "---\n# %s\n%s\n", path.Base(name), doc)
			}
		}
	}
	return out.String(), nil
}

// kinds are the types of what the chart renders.
func kinds() map[string]func() any {
	return map[string]func() any{
		"apps/v1 StatefulSet":                     func() any { return &apps.StatefulSet{} },
		"v1 Service":                              func() any { return &core.Service{} },
		"v1 Secret":                               func() any { return &core.Secret{} },
		"v1 ServiceAccount":                       func() any { return &core.ServiceAccount{} },
		"autoscaling/v2 HorizontalPodAutoscaler":  func() any { return &autoscaling.HorizontalPodAutoscaler{} },
		"policy/v1 PodDisruptionBudget":           func() any { return &policy.PodDisruptionBudget{} },
		"networking.k8s.io/v1 Ingress":            func() any { return &networking.Ingress{} },
		"networking.k8s.io/v1 NetworkPolicy":      func() any { return &networking.NetworkPolicy{} },
		"monitoring.coreos.com/v1 ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
		"monitoring.coreos.com/v1 PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
	}
}

// objects decodes manifests strictly: an unknown or repeated field is an error.
func objects(t *testing.T, manifests string) map[string]any {
	t.Helper()
	out := map[string]any{}
	for doc := range strings.SplitSeq("\n"+manifests, "\n---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		var head struct {
			meta.TypeMeta `json:",inline"`
			Metadata      meta.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal([]byte(doc), &head); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		make := kinds()[head.APIVersion+" "+head.Kind]
		if make == nil {
			t.Fatalf("%s %s is no known kind in\n%s", head.APIVersion, head.Kind, doc)
		}
		o := make()
		if err := yaml.UnmarshalStrict([]byte(doc), o); err != nil {
			t.Fatalf("%s %s: %v in\n%s", head.Kind, head.Metadata.Name, err, doc)
		}
		name := head.Kind + " " + head.Metadata.Name
		if out[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		if head.Metadata.Namespace != "llm" || len(head.Metadata.Name) > 63 {
			t.Errorf("%s: namespace %q", name, head.Metadata.Namespace)
		}
		out[name] = o
	}
	return out
}

// settings are values that between them use every template.
var settings = map[string]string{
	"defaults": "{}",
	"all, with everything": `
config: {capture: {content: metrics}, gateway: {upstreams: [{name: local, base_url: "http://vllm:8000"}]}}
image: {digest: "sha256:` + strings.Repeat("ab", 32) + `"}
imagePullSecrets: [{name: pull}]
env: [{name: A, value: b}]
envFrom: [{secretRef: {name: keys}}]
extraArgs: ["--log.format=json"]
extraVolumes: [{name: ca, configMap: {name: ca}}]
extraVolumeMounts: [{name: ca, mountPath: /ca, readOnly: true}]
podAnnotations: {a: b}
podLabels: {c: d}
nodeSelector: {disk: ssd}
tolerations: [{key: x, operator: Exists}]
affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, labelSelector: {matchLabels: {a: b}}}]}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}]
priorityClassName: high
all: {persistence: {storageClass: fast, annotations: {a: b}}}
service: {type: LoadBalancer, annotations: {a: b}}
serviceAccount: {name: own, annotations: {a: b}}
ingress: {enabled: true, className: nginx, host: pitot.example.com, tlsSecret: tls, annotations: {a: b}}
networkPolicy: {enabled: true, apiFrom: [{namespaceSelector: {matchLabels: {a: b}}}], ingestFrom: [{ipBlock: {cidr: 10.0.0.0/8}}]}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}`,
	"split": `
mode: split
existingConfigSecret: mine
drainTimeoutSeconds: 1200
preStopSeconds: 0
serviceAccount: {create: false}
capture: {autoscaling: {enabled: true, targetMemory: 80}}
query: {persistence: {enabled: false}}
networkPolicy: {enabled: true}`,
}

func TestChart(t *testing.T) {
	for name, values := range settings {
		t.Run(name, func(t *testing.T) {
			out, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			all := objects(t, out)
			sets := 0
			for _, o := range all {
				if s, ok := o.(*apps.StatefulSet); ok {
					sets++
					checkSet(t, s, all)
				}
			}
			if want := map[bool]int{true: 2, false: 1}[name == "split"]; sets != want {
				t.Errorf("%d StatefulSets, want %d", sets, want)
			}
			checkServices(t, all)
		})
	}
}

// checkSet checks what one promises of a pod: it is no root, writes only where a
// volume is, and has time to let streams end.
func checkSet(t *testing.T, s *apps.StatefulSet, all map[string]any) {
	t.Helper()
	pod := s.Spec.Template.Spec
	c := pod.Containers[0]
	if p := pod.SecurityContext; p == nil || p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.RunAsUser == nil || *p.RunAsUser == 0 || p.SeccompProfile == nil || p.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: pod security %+v", s.Name, p)
	}
	if x := c.SecurityContext; x == nil || x.ReadOnlyRootFilesystem == nil || !*x.ReadOnlyRootFilesystem || x.AllowPrivilegeEscalation == nil || *x.AllowPrivilegeEscalation || !slices.Contains(x.Capabilities.Drop, "ALL") {
		t.Errorf("%s: container security %+v", s.Name, x)
	}
	var drain, stop int64
	for _, a := range c.Args {
		if _, err := fmt.Sscanf(a, "--drain-timeout=%ds", &drain); err == nil {
			break
		}
	}
	if c.Lifecycle != nil {
		stop = c.Lifecycle.PreStop.Sleep.Seconds
	}
	if grace := *pod.TerminationGracePeriodSeconds; drain == 0 || grace <= drain+stop {
		t.Errorf("%s: the pod has %d s to end, and its calls %d s after %d s", s.Name, grace, drain, stop)
	}
	for _, p := range []*core.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Port.StrVal != "api" {
			t.Errorf("%s: probe %+v", s.Name, p)
		}
	}
	volumes := map[string]bool{}
	for i := range pod.Volumes {
		volumes[pod.Volumes[i].Name] = true
		if sec := pod.Volumes[i].Secret; sec != nil && sec.SecretName != "mine" && all["Secret "+sec.SecretName] == nil {
			t.Errorf("%s: no Secret %s", s.Name, sec.SecretName)
		}
	}
	for i := range s.Spec.VolumeClaimTemplates {
		claim := &s.Spec.VolumeClaimTemplates[i]
		volumes[claim.Name] = true
		if q := claim.Spec.Resources.Requests[core.ResourceStorage]; q.Cmp(resource.MustParse("1Gi")) < 0 {
			t.Errorf("%s: storage %v", s.Name, q.String())
		}
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s: %s is mounted and no volume", s.Name, m.Name)
		}
	}
	role := s.Spec.Template.Labels["app.kubernetes.io/component"]
	if has := slices.Contains(c.Args, "--role="+role); has == (role == "all") {
		t.Errorf("%s: arguments %v", s.Name, c.Args)
	}
	if all["Service "+s.Spec.ServiceName] == nil {
		t.Errorf("%s: no Service %s", s.Name, s.Spec.ServiceName)
	}
}

// checkServices checks that each Service, budget and scaler finds pods.
func checkServices(t *testing.T, all map[string]any) {
	t.Helper()
	var sets []*apps.StatefulSet
	for _, o := range all {
		if s, ok := o.(*apps.StatefulSet); ok {
			sets = append(sets, s)
		}
	}
	finds := func(selector map[string]string, ports ...string) bool {
		return slices.ContainsFunc(sets, func(s *apps.StatefulSet) bool {
			for k, v := range selector {
				if s.Spec.Template.Labels[k] != v {
					return false
				}
			}
			for _, p := range ports {
				if !slices.ContainsFunc(s.Spec.Template.Spec.Containers[0].Ports, func(c core.ContainerPort) bool { return c.Name == p }) {
					return false
				}
			}
			return true
		})
	}
	for name, o := range all {
		switch o := o.(type) {
		case *core.Service:
			var ports []string
			for i := range o.Spec.Ports {
				ports = append(ports, o.Spec.Ports[i].TargetPort.StrVal)
			}
			if len(o.Spec.Selector) == 0 || !finds(o.Spec.Selector, ports...) {
				t.Errorf("%s finds no pod with ports %v by %v", name, ports, o.Spec.Selector)
			}
		case *policy.PodDisruptionBudget:
			if !finds(o.Spec.Selector.MatchLabels) {
				t.Errorf("%s finds no pod", name)
			}
		case *networking.NetworkPolicy:
			if !finds(o.Spec.PodSelector.MatchLabels) || len(o.Spec.Ingress) != 2 {
				t.Errorf("%s: %+v", name, o.Spec)
			}
		case *autoscaling.HorizontalPodAutoscaler:
			if all["StatefulSet "+o.Spec.ScaleTargetRef.Name] == nil || len(o.Spec.Metrics) != 2 {
				t.Errorf("%s: %+v", name, o.Spec)
			}
		case *networking.Ingress:
			if all["Service "+o.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name] == nil {
				t.Errorf("%s leads to no Service", name)
			}
		case *monitoring.PrometheusRule:
			if len(o.Spec.Groups) == 0 || len(o.Spec.Groups[0].Rules) < 5 {
				t.Errorf("%s has no rules", name)
			}
		case *monitoring.ServiceMonitor:
			checkMonitor(t, o, all)
		}
	}
}

// checkMonitor checks that a monitor finds each pod once.
func checkMonitor(t *testing.T, m *monitoring.ServiceMonitor, all map[string]any) {
	t.Helper()
	sel, err := meta.LabelSelectorAsSelector(&m.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, o := range all {
		if s, ok := o.(*core.Service); ok && sel.Matches(labels(s.Labels)) {
			n++
			if s.Spec.ClusterIP != core.ClusterIPNone {
				t.Errorf("the monitor finds the Service %s, want the headless one", s.Name)
			}
		}
	}
	if n != 1 {
		t.Errorf("the monitor finds %d Services, want 1", n)
	}
}

// labels serve a selector.
type labels map[string]string

func (l labels) Has(name string) bool              { _, ok := l[name]; return ok }
func (l labels) Get(name string) string            { return l[name] }
func (l labels) Lookup(name string) (string, bool) { v, ok := l[name]; return v, ok }

func TestChartRefusesWrongValues(t *testing.T) {
	for _, values := range []string{
		"mode: both", "image: {repository: ''}", "image: {digest: latest}", "drainTimeoutSeconds: 0", "replicas: 3", "capture: {replica: 3}", "service: {ports: {api: 0}}",
		"all: {persistence: {size: big}}", "ingress: {enabled: true}",
	} {
		if out, err := render(t, values); err == nil {
			t.Errorf("%s is taken:\n%.300s", values, out)
		}
	}
}

// TestManifests compares deploy/kubernetes with what the chart makes.
func TestManifests(t *testing.T) {
	for file, values := range map[string]string{
		"pitot.yaml":       "serviceMonitor: {enabled: false}",
		"pitot-split.yaml": "{mode: split, capture: {autoscaling: {enabled: true}}, networkPolicy: {enabled: true}}",
	} {
		out, err := render(t, values)
		if err != nil {
			t.Fatal(err)
		}
		out = "# Made from deploy/helm/pitot. Do not edit: make manifests\n" + strings.ReplaceAll(out, "  namespace: llm\n", "")
		out = strings.ReplaceAll(out, "app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl")
		name := "../../deploy/kubernetes/" + file
		if *update {
			if err := os.WriteFile(name, []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, []byte(out)) {
			t.Errorf("%s is not what the chart makes: make manifests", name)
		}
	}
}
