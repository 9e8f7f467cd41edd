package walnut

import (
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/plan"
)

// Memory tells where a model's bytes are. Every figure is a counter that the
// engine keeps, not an estimate.
type Memory struct {
	Weights int64 // constants as they lie in the file or in the caller's bytes
	Packed  int64 // packed and aligned copies of weights
	Folded  int64 // values computed when shapes became known
	Arena   int64 // arenas of all frames: activations and scratch
	State   int64 // states of sessions
	// Requests counts the buffers that runs asked for, Reused those among them
	// that were served from memory that existed.
	Requests, Reused int64
	Plans            []PlanMemory
}

// PlanMemory is the arena of one signature.
type PlanMemory struct {
	Graph     string   // "" for the main graph, else the body's name
	Inputs    []string // types and shapes
	Arena     int64    // bytes of one frame
	LiveMax   int64    // the most bytes that live at one time
	Buffers   int64    // bytes of all buffers side by side
	Frames    int64
	Steps     int
	Reference int // steps that run by their plain definition, without a kernel
	Dynamic   int // values whose shapes only a run knows
}

// Memory returns the counters of the moment.
func (m *Model) Memory() Memory {
	s := m.m.Stats
	mem := Memory{Weights: m.m.Weights, Packed: s.PackBytes.Load() + s.AlignBytes.Load(), Folded: s.FoldBytes.Load(),
		Arena: s.ArenaBytes.Load(), State: s.StateBytes.Load(), Requests: s.Requests.Load(), Reused: s.Reused.Load()}
	mem.Plans = plans(nil, "", m.m.Program)
	return mem
}

func plans(l []PlanMemory, name string, p *plan.Program) []PlanMemory {
	for _, b := range p.Bounds() {
		x := PlanMemory{Graph: name, Arena: int64(b.Arena), LiveMax: int64(b.Live), Buffers: int64(b.Buffers),
			Frames: b.Frames.Created.Load(), Steps: len(b.Steps)}
		for _, s := range b.Inputs {
			t := b.Slots[s]
			x.Inputs = append(x.Inputs, graph.TensorType(t.DType, graph.Dims(t.Dims...)).String())
		}
		for _, st := range b.Steps {
			if st.Run == nil {
				x.Reference++
			}
		}
		for _, s := range b.Slots {
			if s.Place == plan.Dynamic {
				x.Dynamic++
			}
		}
		l = append(l, x)
	}
	for _, n := range p.Graph.Nodes {
		for _, b := range n.Bodies {
			l = plans(l, n.Path+"."+b.Attr, p.Bodies[b])
		}
	}
	return l
}
