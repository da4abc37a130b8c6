package logs

import "strings"

// The names of resource attributes that are found in the environment.
const (
	ResourceCluster   = "cluster_id"
	ResourceNamespace = "k8s.namespace.name"
	ResourcePod       = "k8s.pod.name"
)

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// EnvResource returns the cluster id, namespace and pod that the environment
// names, those that it does. getenv and readFile are os.Getenv and os.ReadFile,
// or a test's.
func EnvResource(getenv func(string) string, readFile func(string) ([]byte, error)) map[string]string {
	first := func(names ...string) string {
		for _, n := range names {
			if v := strings.TrimSpace(getenv(n)); v != "" {
				return v
			}
		}
		return ""
	}
	out := map[string]string{}
	set := func(k, v string) {
		if v != "" {
			out[k] = v
		}
	}
	set(ResourceCluster, first("PITOT_CLUSTER_ID", "CLUSTER_ID"))
	namespace := first("POD_NAMESPACE", "NAMESPACE")
	if namespace == "" {
		if b, err := readFile(namespaceFile); err == nil {
			namespace = strings.TrimSpace(string(b))
		}
	}
	set(ResourceNamespace, namespace)
	pod := first("POD_NAME")
	if pod == "" && getenv("KUBERNETES_SERVICE_HOST") != "" {
		pod = first("HOSTNAME") // elsewhere the host's name is no pod's
	}
	set(ResourcePod, pod)
	return out
}
