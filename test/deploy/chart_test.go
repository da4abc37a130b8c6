package deploy

import (
	"bytes"
	"cmp"
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
		"apps/v1 Deployment":                      func() any { return &apps.Deployment{} },
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
		if !strings.Contains(doc, "kind:") { // a comment before the first
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
	"split, with everything": splitValues,
}

// splitValues are everything that a release over its own event cluster can have.
const splitValues = `
mode: split
config:
  auth: {enabled: true, users: [{name: ada, password_hash: "${ADA_HASH}", roles: [admin]}], ingest: optional}
  gateway: {upstreams: [{name: mock, dialect: openai, base_url: "${PROVIDER}"}]}
  storage: {events: {cluster: {safe_age: 12s}}, metrics: {remote: {write_urls: ["http://prometheus:9090/api/v1/write"], query_urls: ["http://prometheus:9090"]}}}
  alerts: {cluster: {peer_wait: 3s, settle: 5s}}
  prometheus: {scrape_configs: [{job_name: none, static_configs: [{targets: ["127.0.0.1:1"]}]}]}
env: [{name: ADA_HASH, valueFrom: {secretKeyRef: {name: users, key: ada}}}]
envFrom: [{configMapRef: {name: settings}}]
drainTimeoutSeconds: 30
preStopSeconds: 1
tls: {secretName: pitot-tls}
web: {tls_server_config: {min_version: TLS13}}
capture: {replicas: 2}
query: {replicas: 2}
engine:
  enabled: true
  tokenSecret: pitot-engine
  storage: {replicas: 2, maxDisk: 10GiB, persistence: {storageClass: fast, annotations: {a: b}}}
  select: {replicas: 1}
podAnnotations: {a: b}
podLabels: {c: d}
priorityClassName: high
nodeSelector: {disk: ssd}
imagePullSecrets: [{name: pull}]
tolerations: [{key: x, operator: Exists}]
networkPolicy: {enabled: true}
serviceMonitor: {enabled: true, endpoint: {tlsConfig: {insecureSkipVerify: true}, authorization: {credentials: {name: scrape, key: token}}}}
ingress: {enabled: true, host: pitot.example.com, annotations: {nginx.ingress.kubernetes.io/backend-protocol: HTTPS}}`

// workload is what makes pods.
type workload struct {
	name     string
	replicas int
	pod      *core.PodTemplateSpec
	claims   []core.PersistentVolumeClaim
	service  string // that names the pods
}

func (w *workload) component() string { return w.pod.Labels["app.kubernetes.io/component"] }

// workloads are those of a release, by name.
func workloads(all map[string]any) []workload {
	var out []workload
	count := func(n *int32) int {
		if n == nil { // a scaler says
			return 1
		}
		return int(*n)
	}
	for _, o := range all {
		switch o := o.(type) {
		case *apps.StatefulSet:
			out = append(out, workload{o.Name, count(o.Spec.Replicas), &o.Spec.Template, o.Spec.VolumeClaimTemplates, o.Spec.ServiceName})
		case *apps.Deployment:
			out = append(out, workload{name: o.Name, replicas: count(o.Spec.Replicas), pod: &o.Spec.Template})
		}
	}
	slices.SortFunc(out, func(a, b workload) int { return strings.Compare(a.name, b.name) })
	return out
}

func TestChart(t *testing.T) {
	for name, values := range settings {
		t.Run(name, func(t *testing.T) {
			out, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			all := objects(t, out)
			var names []string
			for _, w := range workloads(all) {
				names = append(names, w.component())
				checkWorkload(t, &w, all)
			}
			want := map[string]string{"split": "capture query", "split, with everything": "capture query select storage"}[name]
			if want = cmp.Or(want, "all"); strings.Join(names, " ") != want {
				t.Errorf("pods of %v, want %s", names, want)
			}
			checkServices(t, all)
		})
	}
}

// checkWorkload checks what one promises of a pod: it is no root, writes only
// where a volume is, and has time to let streams end.
func checkWorkload(t *testing.T, w *workload, all map[string]any) {
	t.Helper()
	pod := w.pod.Spec
	c := pod.Containers[0]
	if p := pod.SecurityContext; p == nil || p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.RunAsUser == nil || *p.RunAsUser == 0 || p.SeccompProfile == nil || p.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: pod security %+v", w.name, p)
	}
	if x := c.SecurityContext; x == nil || x.ReadOnlyRootFilesystem == nil || !*x.ReadOnlyRootFilesystem || x.AllowPrivilegeEscalation == nil || *x.AllowPrivilegeEscalation || !slices.Contains(x.Capabilities.Drop, "ALL") {
		t.Errorf("%s: container security %+v", w.name, x)
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
		t.Errorf("%s: the pod has %d s to end, and its calls %d s after %d s", w.name, grace, drain, stop)
	}
	for _, p := range []*core.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil || port(&c, p.HTTPGet.Port.StrVal) == 0 {
			t.Errorf("%s: probe %+v", w.name, p)
		}
	}
	checkVolumes(t, w, all)
	if has := slices.Contains(c.Args, "--role="+w.component()); has != (w.component() == "capture" || w.component() == "query") {
		t.Errorf("%s: arguments %v", w.name, c.Args)
	}
	if w.service != "" && all["Service "+w.service] == nil {
		t.Errorf("%s: no Service %s", w.name, w.service)
	}
}

// port is the number of a container's port; 0 where there is none of that name.
func port(c *core.Container, name string) int {
	for _, p := range c.Ports {
		if p.Name == name {
			return int(p.ContainerPort)
		}
	}
	return 0
}

func checkVolumes(t *testing.T, w *workload, all map[string]any) {
	t.Helper()
	volumes := map[string]bool{}
	for i := range w.pod.Spec.Volumes {
		v := &w.pod.Spec.Volumes[i]
		volumes[v.Name] = true
		theirs := []string{"mine", "pitot-tls", "pitot-engine"} // of whoever installs
		if sec := v.Secret; sec != nil && !slices.Contains(theirs, sec.SecretName) && all["Secret "+sec.SecretName] == nil {
			t.Errorf("%s: no Secret %s", w.name, sec.SecretName)
		}
	}
	for i := range w.claims {
		claim := &w.claims[i]
		volumes[claim.Name] = true
		if q := claim.Spec.Resources.Requests[core.ResourceStorage]; q.Cmp(resource.MustParse("1Gi")) < 0 {
			t.Errorf("%s: storage %v", w.name, q.String())
		}
	}
	for _, m := range w.pod.Spec.Containers[0].VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("%s: %s is mounted and no volume", w.name, m.Name)
		}
	}
}

// checkServices checks that each Service, budget and scaler finds pods.
func checkServices(t *testing.T, all map[string]any) {
	t.Helper()
	sets := workloads(all)
	finds := func(selector map[string]string, ports ...string) bool {
		return slices.ContainsFunc(sets, func(w workload) bool {
			return selects(selector, &w) && !slices.ContainsFunc(ports, func(p string) bool { return port(&w.pod.Spec.Containers[0], p) == 0 })
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
			checkPolicy(t, o, sets)
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

// selects says whether a selector finds a workload's pods.
func selects(selector map[string]string, w *workload) bool {
	for k, v := range selector {
		if w.pod.Labels[k] != v {
			return false
		}
	}
	return true
}

// checkPolicy checks that a policy lets somebody reach each port of its pods, and
// that they have each port that it names.
func checkPolicy(t *testing.T, p *networking.NetworkPolicy, sets []workload) {
	t.Helper()
	allowed := map[string]bool{}
	for _, rule := range p.Spec.Ingress {
		if len(rule.From) == 0 {
			t.Errorf("%s: a rule lets everybody in", p.Name)
		}
		for _, port := range rule.Ports {
			allowed[port.Port.StrVal+"/"+string(*port.Protocol)] = true
		}
	}
	has := map[string]bool{}
	for _, w := range sets {
		if !selects(p.Spec.PodSelector.MatchLabels, &w) {
			continue
		}
		for _, c := range w.pod.Spec.Containers[0].Ports {
			name := c.Name + "/" + string(cmp.Or(c.Protocol, core.ProtocolTCP))
			has[name] = true
			if !allowed[name] {
				t.Errorf("%s: nobody reaches the port %s of %s", p.Name, name, w.name)
			}
		}
	}
	for name := range allowed {
		if !has[name] {
			t.Errorf("%s: no pod has the port %s", p.Name, name)
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
		"allowPublic: perhaps", "web: {tls: {}}", "engine: {storage: {maxDisk: 10Gi}}",
		// Replicas without stores, nodes without a password, targets that none would scrape.
		"mode: split", "{mode: split, engine: {enabled: true, tokenSecret: x}}", "{mode: split, engine: {enabled: true}, " + remote + "}",
		"{mode: split, engine: {enabled: true, tokenSecret: x}, capture: {autoscaling: {enabled: true}}, config: {storage: {metrics: {remote: {write_urls: [a]}}}, prometheus: {scrape_configs: [{}]}}}",
	} {
		if out, err := render(t, values); err == nil {
			t.Errorf("%s is taken:\n%.300s", values, out)
		}
	}
}

// remote names a metric store.
const remote = `config: {storage: {metrics: {remote: {write_urls: ["http://prometheus:9090/api/v1/write"], query_urls: ["http://prometheus:9090"]}}}}`

// TestManifests compares deploy/kubernetes with what the chart makes.
func TestManifests(t *testing.T) {
	for file, values := range map[string]string{
		"pitot.yaml":       "serviceMonitor: {enabled: false}",
		"pitot-split.yaml": "{mode: split, engine: {enabled: true, tokenSecret: pitot-engine}, networkPolicy: {enabled: true}, " + remote + "}",
	} {
		out, err := render(t, values)
		if err != nil {
			t.Fatal(err)
		}
		head := "# Made from deploy/helm/pitot. Do not edit: make manifests\n"
		if file == "pitot-split.yaml" {
			head += "# It needs a metric store that takes remote write at http://prometheus:9090, and once\n#   kubectl create secret generic pitot-engine --from-literal=token=$(openssl rand -hex 24)\n"
		}
		out = head + strings.ReplaceAll(out, "  namespace: llm\n", "")
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
