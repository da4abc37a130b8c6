//go:build nvml && cgo

package metrics

import (
	"context"
	"fmt"
	"strconv"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/pitot-dev/pitot/internal/llm"
)

// nvmlReader reads GPUs with NVIDIA's library: no process for each reading.
type nvmlReader struct{ lib nvml.Interface }

// openGPUReader reads GPUs with NVML, or with nvidia-smi where the library does
// not load.
func openGPUReader(c GPUConfig) (gpuReader, error) {
	lib := nvml.New()
	if ret := lib.Init(); ret != nvml.SUCCESS {
		if r, err := newSMIReader(c.Command); err == nil {
			return r, nil
		}
		return nil, fmt.Errorf("%w: NVML: %s", errNoGPU, lib.ErrorString(ret))
	}
	return &nvmlReader{lib: lib}, nil
}

// Read implements gpuReader.
func (r *nvmlReader) Read(ctx context.Context) ([]gpuReading, error) {
	n, ret := r.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return nil, fmt.Errorf("%w: NVML: %s", errNoGPU, r.lib.ErrorString(ret))
	}
	var out []gpuReading
	for i := range min(n, maxGPUs) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d, ret := r.lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			continue // fell off the bus: the others are still there
		}
		out = append(out, readDevice(d, i))
	}
	return out, nil
}

func readDevice(d nvml.Device, index int) gpuReading {
	g := gpuReading{ID: strconv.Itoa(index)}
	if s, ret := d.GetUUID(); ret == nvml.SUCCESS {
		g.UUID = s
	}
	if s, ret := d.GetName(); ret == nvml.SUCCESS {
		g.Name = s
	}
	if u, ret := d.GetUtilizationRates(); ret == nvml.SUCCESS {
		g.Utilization = llm.Some(float64(u.Gpu))
	}
	if m, ret := d.GetMemoryInfo(); ret == nvml.SUCCESS {
		g.MemoryUsed, g.MemoryTotal = llm.Some(float64(m.Used)), llm.Some(float64(m.Total))
	}
	if mw, ret := d.GetPowerUsage(); ret == nvml.SUCCESS {
		g.Power = llm.Some(float64(mw) / 1000)
	}
	if c, ret := d.GetTemperature(nvml.TEMPERATURE_GPU); ret == nvml.SUCCESS {
		g.Temperature = llm.Some(float64(c))
	}
	return g
}

// Close implements gpuReader.
func (r *nvmlReader) Close() error {
	if ret := r.lib.Shutdown(); ret != nvml.SUCCESS {
		return fmt.Errorf("NVML: %s", r.lib.ErrorString(ret))
	}
	return nil
}
