package dashboard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const deployDir = "../../deploy/grafana"

// TestFilesAreCurrent keeps the files below deploy/grafana what the definitions
// say. -update writes them.
func TestFilesAreCurrent(t *testing.T) {
	want := map[string][]byte{}
	for _, lang := range []string{LangEN, LangZH} {
		files, err := Files(Options{Lang: lang})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			name := f.Name
			if lang == LangZH {
				name = strings.Replace(name, "dashboards/", "dashboards-zh/", 1)
			}
			if strings.HasPrefix(name, "provisioning/") && lang == LangZH {
				continue // the same in all languages
			}
			want[name] = f.Content
		}
	}
	for name, text := range want {
		path := filepath.Join(deployDir, filepath.FromSlash(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v: run the test with -update", err)
			continue
		}
		if d := cmp.Diff(string(got), string(text)); d != "" {
			t.Errorf("%s is stale: run the test with -update (-file +definition):\n%s", name, d)
		}
	}
	for _, dir := range []string{"dashboards", "dashboards-zh"} {
		entries, err := os.ReadDir(filepath.Join(deployDir, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, ok := want[dir+"/"+e.Name()]; !ok {
				t.Errorf("%s/%s is of no dashboard: remove it", dir, e.Name())
			}
		}
	}
}

func TestProvisioningFitsTheDashboards(t *testing.T) {
	dir := t.TempDir()
	names, err := Export(dir, Options{Lang: LangZH, URL: "http://pitot.example:4400/"})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(Dashboards()) + 2; len(names) != want {
		t.Errorf("%d files, want %d", len(names), want)
	}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, URL string
			JSONData             struct {
				Exemplars []struct {
					Name string `yaml:"name"`
					UID  string `yaml:"datasourceUid"`
				} `yaml:"exemplarTraceIdDestinations"`
			} `yaml:"jsonData"`
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "provisioning", "datasources", "pitot.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &sources); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range sources.Datasources {
		got[s.UID] = s.Type + " " + s.URL
		if sourceNames()[s.UID] != s.Name {
			t.Errorf("%s is named %q", s.UID, s.Name)
		}
	}
	want := map[string]string{
		MetricsUID: "prometheus http://pitot.example:4400", TracesUID: "jaeger http://pitot.example:4400/jaeger",
		EventsUID: "victoriametrics-logs-datasource http://pitot.example:4400",
	}
	if d := cmp.Diff(want, got); d != "" || sources.APIVersion != 1 {
		t.Errorf("data sources of version %d: %s", sources.APIVersion, d)
	}
	if e := sources.Datasources[0].JSONData.Exemplars; len(e) != 1 || e[0].Name != "trace_id" || e[0].UID != TracesUID {
		t.Errorf("exemplars lead to %v", e)
	}
	board, err := os.ReadFile(filepath.Join(dir, "dashboards", "overview.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(board), `"http://pitot.example:4400"`) || !strings.Contains(string(board), "大模型总览") {
		t.Error("the dashboard has another address or language")
	}
}
