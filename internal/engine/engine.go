// Package engine takes a model from file bytes to runs:
// load → resolve → check → optimize → compile → run.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/walnut-ai/walnut/internal/exec"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/optimize"
	"github.com/walnut-ai/walnut/internal/plan"
	"github.com/walnut-ai/walnut/tensor"
)

// ErrClosed is returned by runs of a model that has been closed.
var ErrClosed = errors.New("model is closed")

// ErrInput is returned by runs whose inputs are not what the model declares.
var ErrInput = errors.New("bad input")

// Options of a model.
type Options struct {
	Threads    int   // workers of a run; 0 or 1 = the caller's goroutine alone
	Memory     int64 // bytes that a run may allocate; 0 = op.DefaultBytes
	Iterations int64 // iterations that the loops of a run may make together; 0 = op.DefaultIterations
	Signatures int   // bound plans kept; 0 = 16
	// SkipPasses names optimisation passes that are left out; "all" leaves out every one.
	SkipPasses []string
	// Reference runs every operator by its plain definition, one by one.
	Reference bool
}

// Model is an opened model.
type Model struct {
	Graph   *graph.Model
	Options Options
	Program *plan.Program
	Stats   *plan.Stats
	Weights int64 // bytes of the constants, where they lie
	Passes  map[string]int

	src     io.Closer
	mu      sync.RWMutex // held by runs for reading
	closed  bool
	symbols map[string][]place // named dimensions of the inputs
}

type place struct{ input, axis int }

// New makes a Model of a loaded graph. src is closed by Close, or here if New fails.
func New(ctx context.Context, g *graph.Model, src io.Closer, o Options) (*Model, error) {
	var m *Model
	err := guard(g.Name, func() (err error) {
		m, err = build(ctx, g, o)
		return err
	})
	if err != nil {
		if src != nil {
			src.Close()
		}
		return nil, err
	}
	m.src = src
	return m, nil
}

// guard turns a panic in f, which can only be a defect of ours, into an error.
func guard(model string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: internal error: %v", model, r)
		}
	}()
	return f()
}

func build(ctx context.Context, g *graph.Model, o Options) (*Model, error) {
	if err := isa.Err(); err != nil {
		return nil, err
	}
	cat := ops.Catalog()
	if err := cat.Resolve(g); err != nil {
		return nil, err
	}
	m := &Model{Graph: g, Options: o, Passes: map[string]int{}}
	skip := map[string]bool{}
	for _, s := range o.SkipPasses {
		skip[s] = true
	}
	if !skip["all"] && !o.Reference {
		c := &optimize.Context{Ctx: ctx, Catalog: cat, Skip: skip, Count: m.Passes}
		if err := optimize.Run(c, g.Graph); err != nil {
			return nil, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	if err := infer(g); err != nil {
		return nil, named(g.Name, err)
	}
	sh := &plan.Shared{Name: g.Name, Threads: o.Threads, MaxBound: o.Signatures, MaxBytes: o.Memory, Packs: &plan.Packs{}}
	p, err := plan.Compile(g.Graph, sh)
	if err != nil {
		return nil, err
	}
	m.Program, m.Stats = p, &sh.Stats
	m.Weights = weights(g.Graph)
	m.findSymbols()
	return m, nil
}

// infer runs inference on the declared input types: it finds contradictions
// before the first run and fills in the types of all values.
func infer(g *graph.Model) error {
	scope := &op.Scope{}
	scope.Body = func(b *graph.Body, in []op.Fact) ([]op.Fact, error) { return plan.InferGraph(b.Graph, scope, in) }
	facts := make([]op.Fact, len(g.Graph.Inputs))
	for i, v := range g.Graph.Inputs {
		facts[i] = op.Fact{Type: v.Type}
	}
	out, err := plan.InferGraph(g.Graph, scope, facts)
	if err != nil {
		return err
	}
	for i, v := range g.Graph.Outputs {
		if f := out[i]; v.Type.Kind == graph.KindUnknown || !v.Declared {
			v.Type = f.Type
		}
	}
	return nil
}

// named adds the model's name to an error about one of its nodes.
func named(model string, err error) error {
	var e *graph.Error
	if errors.As(err, &e) && e.Model == "" {
		e.Model = model
		return e
	}
	return fmt.Errorf("%s: %w", model, err)
}

func weights(g *graph.Graph) int64 {
	seen := map[*tensor.Tensor]bool{}
	var n int64
	var walk func(*graph.Graph)
	add := func(v *graph.Value) {
		if t := v.Tensor(); t != nil && !seen[t] {
			seen[t] = true
			n += int64(len(t.Bytes()))
		}
	}
	walk = func(g *graph.Graph) {
		for _, x := range g.Nodes {
			x.Uses(add)
			for _, b := range x.Bodies {
				walk(b.Graph)
			}
		}
		for _, v := range g.Outputs {
			add(v)
		}
	}
	walk(g)
	return n
}

func (m *Model) findSymbols() {
	m.symbols = map[string][]place{}
	for i, v := range m.Graph.Graph.Inputs {
		if v.Type.Kind != graph.KindTensor {
			continue
		}
		for a, d := range v.Type.Shape {
			if !d.Known() {
				m.symbols[d.Sym] = append(m.symbols[d.Sym], place{i, a})
			}
		}
	}
	for s, l := range m.symbols {
		if len(l) < 2 {
			delete(m.symbols, s)
		}
	}
}

// Run runs the model: in has a value for every graph input, nil where an
// initializer is its default; out as in exec.Run.
func (m *Model) Run(ctx context.Context, in, out []tensor.Value, prof *exec.Profile) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return fmt.Errorf("%s: %w", m.Graph.Name, ErrClosed)
	}
	if err := m.check(in); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Options.Reference {
		return m.reference(ctx, in, out)
	}
	err := exec.Run(ctx, m.Program, in, out, exec.Options{Bytes: m.Options.Memory, Iterations: m.Options.Iterations, Profile: prof})
	if err != nil {
		return named(m.Graph.Name, err)
	}
	return nil
}

// reference runs the oracle.
func (m *Model) reference(ctx context.Context, in, out []tensor.Value) error {
	rt := interp.NewRuntime(ctx)
	if m.Options.Memory > 0 {
		rt.Bytes = m.Options.Memory
	}
	if m.Options.Iterations > 0 {
		rt.Iterations = m.Options.Iterations
	}
	res, err := interp.Run(rt, m.Graph.Graph, in)
	if err != nil {
		return named(m.Graph.Name, err)
	}
	for i, v := range res {
		if out[i] == nil {
			if out[i], err = rt.Clone(v); err != nil {
				return named(m.Graph.Name, err)
			}
			continue
		}
		dst, ok1 := out[i].(*tensor.Tensor)
		src, ok2 := v.(*tensor.Tensor)
		if !ok1 || !ok2 {
			return fmt.Errorf("%s: output %d is %s, can't be written to %s", m.Graph.Name, i, tensor.Describe(v), tensor.Describe(out[i]))
		}
		if err := dst.CopyFrom(src); err != nil {
			return err
		}
	}
	return nil
}

// check compares inputs with the model's declarations.
func (m *Model) check(in []tensor.Value) error {
	ins := m.Graph.Graph.Inputs
	if len(in) != len(ins) {
		return fmt.Errorf("%s: %w: %d values for %d inputs", m.Graph.Name, ErrInput, len(in), len(ins))
	}
	for i, v := range ins {
		if in[i] == nil {
			if v.Const == nil {
				return fmt.Errorf("%s: %w: input %q (%v) is missing", m.Graph.Name, ErrInput, v.Name, v.Type)
			}
			continue
		}
		if why := mismatch(v.Type, in[i]); why != "" {
			return fmt.Errorf("%s: %w: input %q is %s, must be %v: %s", m.Graph.Name, ErrInput, v.Name, tensor.Describe(in[i]), v.Type, why)
		}
	}
	for s, l := range m.symbols {
		n := -1
		for _, p := range l {
			t, ok := in[p.input].(*tensor.Tensor)
			if !ok || t == nil {
				continue
			}
			d := t.Shape()[p.axis]
			if n >= 0 && d != n {
				return fmt.Errorf("%s: %w: dimension %s is %d and, in input %q axis %d, %d", m.Graph.Name, ErrInput, s, n, ins[p.input].Name, p.axis, d)
			}
			n = d
		}
	}
	return nil
}

// mismatch tells why v is not of type t, "" if it is.
func mismatch(t graph.Type, v tensor.Value) string {
	switch x := v.(type) {
	case *tensor.Tensor:
		if t.Kind == graph.KindUnknown {
			return ""
		}
		if t.Kind == graph.KindOptional && t.Inner != nil {
			return mismatch(*t.Inner, v)
		}
		if t.Kind != graph.KindTensor && t.Kind != graph.KindSparse {
			return "a tensor"
		}
		if t.Elem != tensor.Invalid && t.Elem != x.DType() {
			return "element type differs"
		}
		if t.Shape == nil {
			return ""
		}
		if len(t.Shape) != x.Rank() {
			return fmt.Sprintf("rank %d, must be %d", x.Rank(), len(t.Shape))
		}
		for i, d := range t.Shape {
			if d.Known() && d.N != x.Shape()[i] {
				return fmt.Sprintf("axis %d is %d, must be %d", i, x.Shape()[i], d.N)
			}
		}
	case *tensor.Sequence:
		if t.Kind != graph.KindSequence && t.Kind != graph.KindOptional && t.Kind != graph.KindUnknown {
			return "a sequence"
		}
	case *tensor.Map:
		if t.Kind != graph.KindMap && t.Kind != graph.KindUnknown {
			return "a map"
		}
	case *tensor.Optional:
		if t.Kind != graph.KindOptional && t.Kind != graph.KindUnknown {
			return "an optional"
		}
	}
	return ""
}

// Close waits for runs that are under way and releases the model's memory.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.Program.Drop()
	if m.src != nil {
		return m.src.Close()
	}
	return nil
}
