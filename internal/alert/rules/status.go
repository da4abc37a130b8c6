package rules

import "time"

// Status says what is in force and what is wrong.
type Status struct {
	Packs      []PackInfo        `json:"packs"`
	Files      []FileStatus      `json:"files"`
	Problems   []Problem         `json:"problems,omitempty"`
	Loaded     time.Time         `json:"loaded"` // when the files last changed
	Kubernetes *KubernetesStatus `json:"kubernetes,omitempty"`
}

// FileStatus describes a file that is in force.
type FileStatus struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	Groups  int    `json:"groups"`
	Alerts  int    `json:"alerts"`
	Records int    `json:"records"`
	Kept    bool   `json:"kept,omitempty"` // an older version: the present one is broken
}

// KubernetesStatus describes the connection to the API server.
type KubernetesStatus struct {
	Synced    bool   `json:"synced"` // everything was listed at least once
	Resources int    `json:"resources"`
	Error     string `json:"error,omitempty"`
}
