package deploy

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
)

// long is how long things may take on a busy machine.
const long = 3 * time.Minute

// node runs pods on this machine: each in the file tree of the image, read-only,
// as the user that its manifest names, with an address of its own on loopback.
// Arguments, configuration, Secrets and names are those of the manifests; only
// "all addresses" becomes the pod's.
type node struct {
	t       *testing.T
	dir     string
	binary  string
	secrets map[string]map[string]string
	configs map[string]map[string]string
	hosts   []string
	pods    []*pod
	client  *http.Client
}

// pod is a running container.
type pod struct {
	name, ip string
	w        workload
	cmd      *exec.Cmd
	mu       sync.Mutex
	log      bytes.Buffer
	ended    chan struct{}
	err      error
}

func (p *pod) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func newNode(t *testing.T, all map[string]any) *node {
	t.Helper()
	binary := os.Getenv("PITOT_BIN")
	if binary == "" {
		t.Skip("PITOT_BIN names no binary")
	}
	if os.Getuid() != 0 {
		t.Skip("it takes root to change the root")
	}
	if out, err := exec.CommandContext(t.Context(), "unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("mounts of its own are not allowed here: %v %s", err, out)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		t: t, dir: t.TempDir(), binary: binary, secrets: map[string]map[string]string{}, configs: map[string]map[string]string{}, hosts: []string{"127.0.0.1 localhost"},
		// The kubelet does not check certificates either.
		client: &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	}
	for d := n.dir; d != os.TempDir() && len(d) > 4; d = filepath.Dir(d) { // the pods' user must get in
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range all {
		if s, ok := o.(*core.Secret); ok {
			n.secrets[s.Name] = s.StringData
		}
	}
	var count int
	services := map[string][]string{}
	for _, w := range workloads(all) {
		for i := range w.replicas {
			count++
			p := &pod{name: fmt.Sprintf("%s-%d", w.name, i), ip: fmt.Sprintf("127.0.77.%d", count), w: w, ended: make(chan struct{})}
			n.pods = append(n.pods, p)
			if w.service != "" {
				n.hosts = append(n.hosts, p.ip+" "+p.name+" "+p.name+"."+w.service)
			}
			for _, o := range all {
				if s, ok := o.(*core.Service); ok && selects(s.Spec.Selector, &w) {
					services[s.Name] = append(services[s.Name], p.ip)
				}
			}
		}
	}
	for name, ips := range services {
		for _, ip := range ips {
			n.hosts = append(n.hosts, ip+" "+name)
		}
	}
	t.Cleanup(n.kill)
	return n
}

// kill ends what still runs.
func (n *node) kill() {
	for _, p := range n.pods {
		if p.cmd == nil {
			continue
		}
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if n.t.Failed() {
			log := p.output()
			n.t.Logf("%s:\n%s", p.name, log[max(0, len(log)-2000):])
		}
	}
}

func (n *node) write(name, text string, mode os.FileMode) string {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Chown(path, 0, 65532); err != nil { // fsGroup
		n.t.Fatal(err)
	}
	return path
}

// environment is that of a container.
func (n *node) environment(p *pod) []string {
	n.t.Helper()
	values := map[string]string{}
	c := p.w.pod.Spec.Containers[0]
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			maps.Copy(values, n.configs[from.ConfigMapRef.Name])
		}
	}
	for _, e := range c.Env {
		v := e.Value
		if from := e.ValueFrom; from != nil && from.SecretKeyRef != nil {
			v = n.secrets[from.SecretKeyRef.Name][from.SecretKeyRef.Key]
		} else if from != nil {
			index := p.name[strings.LastIndexByte(p.name, '-')+1:]
			v = map[string]string{"metadata.name": p.name, "status.podIP": p.ip, "metadata.labels['apps.kubernetes.io/pod-index']": index}[from.FieldRef.FieldPath]
		}
		if v == "" {
			n.t.Errorf("%s: the variable %s is empty", p.name, e.Name)
		}
		for k, old := range values {
			v = strings.ReplaceAll(v, "$("+k+")", old)
		}
		values[e.Name] = v
	}
	var out []string
	for k, v := range values {
		out = append(out, k+"="+v)
	}
	return out
}

// start starts a pod.
func (n *node) start(p *pod) {
	n.t.Helper()
	root := filepath.Join(n.dir, p.name)
	script := "set -e\nmount --bind \"$0\" \"$0\"\n"
	for _, d := range []string{"data", "tmp", "proc", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			n.t.Fatal(err)
		}
	}
	n.write(p.name+"/pitot", "", 0o755)
	n.write(p.name+"/etc/hosts", strings.Join(n.hosts, "\n")+"\n", 0o644)
	script += "mount --bind /proc \"$0/proc\"\nmount --bind \"$1\" \"$0/pitot\"\n"
	c := p.w.pod.Spec.Containers[0]
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(p.w.pod.Spec.Volumes, func(v core.Volume) bool { return v.Name == m.Name })
		if i >= 0 && p.w.pod.Spec.Volumes[i].Secret != nil {
			s := p.w.pod.Spec.Volumes[i].Secret
			if len(n.secrets[s.SecretName]) == 0 {
				n.t.Fatalf("%s: there is no Secret %s", p.name, s.SecretName)
			}
			for key, text := range n.secrets[s.SecretName] {
				text = strings.ReplaceAll(text, "0.0.0.0:", p.ip+":")
				n.write(p.name+m.MountPath+"/"+key, text, os.FileMode(*s.DefaultMode))
			}
			continue
		}
		outside := filepath.Join(n.dir, "volumes", p.name, m.Name)
		if err := os.MkdirAll(outside, 0o770); err != nil {
			n.t.Fatal(err)
		}
		if err := os.Chown(outside, 0, 65532); err != nil {
			n.t.Fatal(err)
		}
		if err := os.Chmod(outside, 0o770); err != nil {
			n.t.Fatal(err)
		}
		script += fmt.Sprintf("mount --bind %q \"$0%s\"\n", outside, m.MountPath)
	}
	user := p.w.pod.Spec.SecurityContext
	script += fmt.Sprintf("mount -o remount,bind,ro \"$0\"\nr=$0\nshift\nexec chroot --userspec=%d:%d --groups=%d \"$r\" /pitot \"$@\"", *user.RunAsUser, *user.RunAsGroup, *user.FSGroup)
	args := []string{"-m", "sh", "-c", script, root, n.binary}
	for _, a := range c.Args {
		if name, port, ok := strings.Cut(a, "=:"); ok && strings.HasPrefix(name, "--listen") {
			a = name + "=" + p.ip + ":" + port
		}
		args = append(args, a)
	}
	p.cmd = exec.Command("unshare", args...) //nolint:noctx // it is stopped in order
	p.cmd.Env = n.environment(p)
	n.run(p)
}

// run starts a pod's program and reads what it says.
func (n *node) run(p *pod) {
	n.t.Helper()
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	go func() {
		for sc := bufio.NewScanner(r); sc.Scan(); {
			p.mu.Lock()
			p.log.WriteString(sc.Text() + "\n")
			p.mu.Unlock()
		}
	}()
	go func() {
		p.err = p.cmd.Wait()
		w.Close()
		close(p.ended)
	}()
}

// get asks for a path of a pod's port.
func (n *node) get(p *pod, port int, scheme core.URIScheme, path string) (int, string) {
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, fmt.Sprintf("%s://%s:%d%s", strings.ToLower(string(scheme)), p.ip, port, path), http.NoBody)
	if err != nil {
		n.t.Fatal(err)
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// eventually waits for a condition.
func (n *node) eventually(what string, ok func() (bool, string)) {
	n.t.Helper()
	deadline := time.Now().Add(long)
	for {
		done, said := ok()
		if done {
			return
		}
		for _, p := range n.pods {
			select {
			case <-p.ended:
				n.t.Fatalf("%s ended: %v\n%s", p.name, p.err, p.output())
			default:
			}
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("%s: not after %v: %s", what, long, said)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-n.t.Context().Done():
			n.t.Fatal(n.t.Context().Err())
		}
	}
}

// ready waits until every pod answers its probes, as the kubelet asks them.
func (n *node) ready() {
	n.t.Helper()
	for _, p := range n.pods {
		if len(p.w.pod.Spec.Containers) == 0 {
			continue
		}
		c := p.w.pod.Spec.Containers[0]
		for _, probe := range []*core.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
			h := probe.HTTPGet
			scheme := h.Scheme
			if scheme == "" {
				scheme = core.URISchemeHTTP
			}
			n.eventually(p.name+": "+h.Path, func() (bool, string) {
				status, said := n.get(p, port(&c, h.Port.StrVal), scheme, h.Path)
				return status == http.StatusOK, fmt.Sprint(status, " ", said)
			})
		}
	}
}

// of are the pods of a component.
func (n *node) of(component string) []*pod {
	var out []*pod
	for _, p := range n.pods {
		if p.w.pod != nil && p.w.component() == component {
			out = append(out, p)
		}
	}
	return out
}

// store starts what stands for the metric store of others, under the name that
// the configuration has.
func (n *node) store() {
	n.t.Helper()
	n.hosts = append(n.hosts, "127.0.77.250 prometheus")
	p := &pod{name: "prometheus", ip: "127.0.77.250", w: workload{pod: &core.PodTemplateSpec{}}, ended: make(chan struct{})}
	p.cmd = exec.Command(n.binary, "serve", "--data", filepath.Join(n.dir, "prometheus"), "--listen.api="+p.ip+":9090", "--listen.gateway="+p.ip+":0", "--listen.otlp-grpc=", "--listen.otlp-http=", "--allow-host=prometheus", "--log.level=warn") //nolint:noctx // killed at the end
	n.pods = append(n.pods, p)
	n.run(p)
	n.eventually("the metric store", func() (bool, string) {
		status, said := n.get(p, 9090, core.URISchemeHTTP, "/-/ready")
		return status == http.StatusOK, said
	})
}

// provider answers calls like a model's server.
func provider(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id":"c1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"well"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// post sends a text and returns what came.
func (n *node) post(to, contentType, body string, header ...string) (int, string) {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// callAndSee sends a call through each pod that has a gateway and waits until each
// pod that answers queries has them all, and the metrics.
func (n *node) callAndSee(capture, query, scheme, path string) {
	n.t.Helper()
	for i, p := range n.of(capture) {
		status, body := n.post(fmt.Sprintf("%s://%s:4401%s", scheme, p.ip, path), "application/json", `{"model":"gpt-4o","messages":[{"role":"user","content":"how are things"}]}`, "X-Pitot-User", fmt.Sprintf("user-%d", i), "X-Pitot-Service", "pods")
		if status != http.StatusOK {
			n.t.Fatalf("%s: %d %s", p.name, status, body)
		}
	}
	for _, p := range n.of(query) {
		n.eventually(p.name+" shows the calls", func() (bool, string) {
			_, body := n.get(p, 4400, core.URIScheme(scheme), "/api/pitot/v1/calls?service=pods")
			var got struct{ Calls []struct{ User string } }
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				return false, body
			}
			users := map[string]bool{}
			for _, c := range got.Calls {
				users[c.User] = true
			}
			return len(users) == len(n.of(capture)) && len(got.Calls) == len(users), body
		})
		n.eventually(p.name+" shows the metrics", func() (bool, string) {
			_, body := n.get(p, 4400, core.URIScheme(scheme), "/api/v1/query?query="+url.QueryEscape(`sum(llm_requests_total{service="pods"})`))
			return strings.Contains(body, fmt.Sprintf(`"%d"`, len(n.of(capture)))), body
		})
	}
}

// end tells pods to stop and waits until they have.
func (n *node) end(pods []*pod) {
	n.t.Helper()
	for _, p := range pods {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			n.t.Error(err)
		}
	}
	for _, p := range pods {
		select {
		case <-p.ended:
			if p.err != nil {
				n.t.Errorf("%s ended with %v", p.name, p.err)
			}
		case <-time.After(long):
			n.t.Errorf("%s does not end", p.name)
		}
	}
}

// certificate is one for all names, as a Secret of type kubernetes.io/tls has it.
func certificate(t *testing.T) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pitot"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"pitot", "pitot-gateway"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
	}
}
