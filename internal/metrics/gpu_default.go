//go:build !nvml || !cgo

package metrics

// openGPUReader reads GPUs with nvidia-smi: the default build has no C.
func openGPUReader(c GPUConfig) (gpuReader, error) { return newSMIReader(c.Command) }
