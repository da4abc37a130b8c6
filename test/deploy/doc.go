// Package deploy checks what is in deploy/: the Helm chart in all its settings
// against the types of Kubernetes, the plain manifests against the chart, the
// compose file, the systemd unit and the container file. It is a module of its
// own, so that Pitot depends on neither Helm nor Kubernetes.
package deploy
