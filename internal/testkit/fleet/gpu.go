package fleet

import (
	"math"
	"math/rand/v2"
)

// gpuSpec describes a GPU and what runs on it.
type gpuSpec struct {
	host, index, uuid, name string
	memory                  float64 // MiB
	idleWatts, maxWatts     float64
	weights                 float64 // MiB of the model's weights
	engine                  string
}

// gpu is the state of a GPU.
type gpu struct {
	spec        gpuSpec
	r           *rand.Rand
	engine      *engine
	utilization float64 // percent
	used        float64 // MiB
	watts       float64
	celsius     float64
	energy      float64 // millijoules
}

func newGPU(s gpuSpec, e *engine, seed uint64) *gpu {
	return &gpu{spec: s, engine: e, r: rand.New(rand.NewPCG(seed, hash(s.uuid))), celsius: 36, watts: s.idleWatts}
}

// step follows the engine by one tick: memory at once, heat slowly.
func (g *gpu) step() {
	want := 100 * g.engine.busy * (0.97 + 0.06*g.r.Float64())
	g.utilization += 0.3 * (math.Min(want, 100) - g.utilization)
	// A model server takes its KV cache when it starts: what is in use in it
	// does not show.
	g.used = g.spec.weights + 0.9*(g.spec.memory-g.spec.weights) + 40*g.r.Float64()
	g.watts += 0.4 * (g.spec.idleWatts + (g.spec.maxWatts-g.spec.idleWatts)*math.Pow(g.utilization/100, 0.8)*(0.95+0.1*g.r.Float64()) - g.watts)
	g.celsius += 0.02 * (32 + 46*g.watts/g.spec.maxWatts - g.celsius)
	g.energy += g.watts * tick.Seconds() * 1000
}
