package metrics

import (
	"fmt"
	"strings"
)

// The llm_gpu_* families come from one of several sources: Pitot's own
// collector, dcgm-exporter, nvidia_gpu_exporter, Triton. A GPU that several see
// is taken from the first of these; its uuid tells.

// dcgmBlank is the smallest of the values by which DCGM says that it does not
// know: 0x7ffffff0 and the following for 32 bits, larger ones for 64 bits and
// floating point. No true value comes near it.
const dcgmBlank = "2147483632"

// gpuFamily says how each source has one family.
type gpuFamily struct {
	name, help string
	dcgm       string // an expression over known(); %s is not used
	exporter   string // of nvidia_gpu_exporter
	triton     string
}

// known filters DCGM's blanks.
func known(name string) string { return fmt.Sprintf("(%s >= 0 < %s)", name, dcgmBlank) }

func gpuFamilies() []gpuFamily {
	used, free, reserved := known("DCGM_FI_DEV_FB_USED"), known("DCGM_FI_DEV_FB_FREE"), known("DCGM_FI_DEV_FB_RESERVED")
	total := known("DCGM_FI_DEV_FB_TOTAL")
	return []gpuFamily{
		{
			name: "llm_gpu_utilization_percent", help: "Share of time in which the GPU worked, 0 to 100.",
			// With MIG only the second is there.
			dcgm:     fmt.Sprintf("%s or %s * 100", known("DCGM_FI_DEV_GPU_UTIL"), known("DCGM_FI_PROF_GR_ENGINE_ACTIVE")),
			exporter: "nvidia_smi_utilization_gpu_ratio * 100", triton: "nv_gpu_utilization * 100",
		},
		{
			name: "llm_gpu_memory_used_bytes", help: "Memory of the GPU in use.",
			dcgm: used + " * 1048576", exporter: "nvidia_smi_memory_used_bytes", triton: "nv_gpu_memory_used_bytes",
		},
		{
			name: "llm_gpu_memory_total_bytes", help: "Memory of the GPU.",
			dcgm:     fmt.Sprintf("(%s or (%s + %s + %s) or (%s + %s)) * 1048576", total, used, free, reserved, used, free),
			exporter: "nvidia_smi_memory_total_bytes", triton: "nv_gpu_memory_total_bytes",
		},
		{
			name: "llm_gpu_power_watts", help: "Power that the GPU draws.",
			dcgm: known("DCGM_FI_DEV_POWER_USAGE"), exporter: "nvidia_smi_power_draw_watts", triton: "nv_gpu_power_usage",
		},
		{
			name: "llm_gpu_temperature_celsius", help: "Temperature of the GPU.",
			dcgm: known("DCGM_FI_DEV_GPU_TEMP"), exporter: "nvidia_smi_temperature_gpu",
		},
	}
}

const gpuLabels = "gpu_id, uuid, name, host, gpu_instance, namespace, pod, container"

// relabelled sets labels from others: pairs of new and old name.
func relabelled(expr string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		expr = fmt.Sprintf(`label_replace(%s, %q, "$1", %q, "(.+)")`, expr, pairs[i], pairs[i+1])
	}
	return expr
}

// withPrefix completes a uuid as nvidia-smi shows it.
func withPrefix(expr, from string) string {
	return fmt.Sprintf(`label_replace(%s, "uuid", "GPU-$1", %q, "(?:GPU-)?([0-9a-fA-F-]+)")`, expr, from)
}

func gpuRules() []ruleEntry {
	var out []ruleEntry
	for _, f := range gpuFamilies() {
		own := fmt.Sprintf("%s{job=%q}", f.name, selfJob)
		dcgm := fmt.Sprintf("max by (%s) (%s)", gpuLabels,
			withPrefix(relabelled(f.dcgm, "gpu_id", "gpu", "name", "modelName", "host", "Hostname", "gpu_instance", "GPU_I_ID"), "UUID"))
		joined := f.exporter + " * on (job, instance, uuid) group_left (index, name) nvidia_smi_gpu_info"
		exporter := fmt.Sprintf("max by (%s) (%s)", gpuLabels, withPrefix(relabelled(joined, "gpu_id", "index", "host", "instance"), "uuid"))
		out = append(out,
			ruleEntry{Record: f.name, Expr: dcgm + " unless on (uuid) " + own, Labels: map[string]string{"source": "dcgm"}},
			ruleEntry{Record: f.name, Expr: exporter + " unless on (uuid) " + own + " unless on (uuid) " + sourced(f.name, "dcgm"), Labels: map[string]string{"source": "nvidia_gpu_exporter"}},
		)
		if f.triton != "" {
			triton := fmt.Sprintf("max by (%s) (%s)", gpuLabels, withPrefix(relabelled(f.triton, "host", "instance"), "gpu_uuid"))
			out = append(out, ruleEntry{
				Record: f.name, Labels: map[string]string{"source": "triton"},
				Expr: triton + " unless on (uuid) " + own + " unless on (uuid) " + sourced(f.name, "dcgm", "nvidia_gpu_exporter"),
			})
		}
	}
	return out
}

// sourced selects what the rules before recorded.
func sourced(name string, sources ...string) string {
	return fmt.Sprintf("%s{source=~%q}", name, strings.Join(sources, "|"))
}
