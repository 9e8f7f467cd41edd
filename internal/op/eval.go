package op

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/tensor"
)

// ErrBudget is returned by runs that would exceed their budget of memory or iterations.
var ErrBudget = errors.New("budget exceeded")

// Runtime is what a run gives to the operators that run in it.
type Runtime struct {
	Ctx context.Context
	// Bytes and Iterations are what is left of the run's budgets; negative = none left.
	Bytes      int64
	Iterations int64
	// Body runs a body: formal parameters, then captures.
	Body func(b *graph.Body, in []tensor.Value) ([]tensor.Value, error)
	// Seed makes random operators without a seed attribute differ from node to node and run to run.
	Seed func() uint64
}

// DefaultBytes and DefaultIterations are the budgets of a run that sets none.
const (
	DefaultBytes      = 8 << 30
	DefaultIterations = 1 << 32
)

// Allocator provides the memory of outputs.
type Allocator interface {
	// Output returns a tensor for output i of the running node. Its contents
	// are undefined where it is reused memory.
	Output(i int, dt tensor.DType, dims []int) (*tensor.Tensor, error)
}

// Eval is a node during evaluation.
type Eval struct {
	node  *graph.Node
	rt    *Runtime
	alloc Allocator
	in    []tensor.Value // inputs, then captures of the bodies
	out   []tensor.Value
}

// NewEval prepares the evaluation of n. in holds a value or nil for every input,
// then the captures. alloc may be nil: outputs then come from the heap.
func NewEval(n *graph.Node, rt *Runtime, alloc Allocator, in, out []tensor.Value) *Eval {
	return &Eval{node: n, rt: rt, alloc: alloc, in: in, out: out}
}

// EvalNode evaluates n on values of its inputs and captures. A panic, which can
// only be a defect of the operator, becomes an error.
func EvalNode(n *graph.Node, rt *Runtime, alloc Allocator, in []tensor.Value) (out []tensor.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	e := NewEval(n, rt, alloc, in, make([]tensor.Value, len(n.Outputs)))
	return e.out, e.Run()
}

// Run evaluates the node and checks that every output wanted is there.
func (e *Eval) Run() error {
	if err := e.checkInputs(); err != nil {
		return err
	}
	if err := Of(e.node).Op.Eval(e); err != nil {
		return err
	}
	for i := range e.out {
		if e.node.Outputs[i] != nil && e.out[i] == nil {
			return fmt.Errorf("output %d was not computed", i)
		}
	}
	return nil
}

// checkInputs compares the inputs with the schema: inference does so too, but
// may not have known their types.
func (e *Eval) checkInputs() error {
	s := Of(e.node).Schema
	for i := range e.node.Inputs {
		p := s.Input(i)
		switch v := e.in[i].(type) {
		case nil:
		case *tensor.Tensor:
			if !takes(s, p, v.DType()) {
				return fmt.Errorf("input %d (%s) is %v, version %d takes %v", i, p.Name, v, s.Since, typesOf(s, p))
			}
			if old := e.sameVariable(s, p, i); old != nil && old.DType() != v.DType() {
				return fmt.Errorf("input %d (%s) is %v, must be %v as another input of type %s", i, p.Name, v, old.DType(), p.Type)
			}
		default:
			if tensorsOnly(s, p) {
				return fmt.Errorf("input %d (%s) is %s, must be a tensor", i, p.Name, tensor.Describe(v))
			}
		}
	}
	return nil
}

// sameVariable returns the first tensor before input i of the same type variable.
func (e *Eval) sameVariable(s *schema.Schema, p *schema.Param, i int) *tensor.Tensor {
	if p.Mixed || s.Types[p.Type] == nil {
		return nil
	}
	for j := range i {
		if q := s.Input(j); q.Type == p.Type && !q.Mixed {
			if t, ok := e.in[j].(*tensor.Tensor); ok {
				return t
			}
		}
	}
	return nil
}

// Node returns the node.
func (e *Eval) Node() *graph.Node { return e.node }

// NIn and NOut return the numbers of actual inputs and outputs.
func (e *Eval) NIn() int  { return len(e.node.Inputs) }
func (e *Eval) NOut() int { return len(e.node.Outputs) }

// Has reports whether input i is there.
func (e *Eval) Has(i int) bool { return i < len(e.node.Inputs) && e.in[i] != nil }

// Wants reports whether output i is there.
func (e *Eval) Wants(i int) bool { return i < len(e.node.Outputs) && e.node.Outputs[i] != nil }

// In returns input i as a tensor, nil if it is absent or no tensor.
func (e *Eval) In(i int) *tensor.Tensor {
	if i >= len(e.node.Inputs) {
		return nil
	}
	t, _ := e.in[i].(*tensor.Tensor)
	return t
}

// Value returns input i, nil if it is absent.
func (e *Eval) Value(i int) tensor.Value {
	if i >= len(e.node.Inputs) {
		return nil
	}
	return e.in[i]
}

// Floats returns the elements of input i as float64, nil if it is absent.
func (e *Eval) Floats(i int) []float64 {
	if t := e.In(i); t != nil {
		return t.Floats(make([]float64, 0, t.Len()))
	}
	return nil
}

// Ints returns the elements of input i as int64, nil if it is absent.
func (e *Eval) Ints(i int) []int64 {
	if t := e.In(i); t != nil {
		return t.Ints(make([]int64, 0, t.Len()))
	}
	return nil
}

// IntList returns the elements of input i as ints, values beyond an int
// clamped to its limits (ONNX uses INT64_MAX for "to the end").
func (e *Eval) IntList(i int) []int {
	t := e.In(i)
	if t == nil {
		return nil
	}
	l := make([]int, t.Len())
	for k := range l {
		l[k] = clampInt(t.IntAt(k))
	}
	return l
}

// Out returns the tensor for output i to be filled by the caller; every element
// must be written. Dimensions are checked, and counted against the run's budget.
func (e *Eval) Out(i int, dt tensor.DType, dims ...int) (*tensor.Tensor, error) {
	t, err := e.new(i, dt, dims)
	if err != nil {
		return nil, fmt.Errorf("output %d: %w", i, err)
	}
	if i < len(e.out) {
		e.out[i] = t
	}
	return t, nil
}

func (e *Eval) new(i int, dt tensor.DType, dims []int) (*tensor.Tensor, error) {
	if e.alloc != nil && i < len(e.out) && e.node.Outputs[i] != nil {
		return e.alloc.Output(i, dt, dims)
	}
	return e.Temp(dt, dims...)
}

// Temp returns a tensor of zeros within the run's budget.
func (e *Eval) Temp(dt tensor.DType, dims ...int) (*tensor.Tensor, error) {
	return e.rt.New(dt, dims)
}

// New returns a tensor of zeros from the heap within the budget.
func (rt *Runtime) New(dt tensor.DType, dims []int) (*tensor.Tensor, error) {
	n, ok := tensor.NumElements(dims)
	if !ok {
		return nil, fmt.Errorf("%w: %v", tensor.ErrShape, dims)
	}
	b, ok := dt.ByteLen(n)
	if dt == tensor.String {
		b, ok = n*16, n < 1<<26
	}
	if !ok || int64(b) > rt.Bytes {
		return nil, fmt.Errorf("%w: %v%s needs %d bytes, %d are left of the run's memory budget", ErrBudget, dt, tensor.ShapeString(dims), b, rt.Bytes)
	}
	rt.Bytes -= int64(b)
	return tensor.New(dt, dims...)
}

// Charge counts bytes that the caller is about to allocate itself.
func (rt *Runtime) Charge(bytes int) error {
	if bytes < 0 || int64(bytes) > rt.Bytes {
		return fmt.Errorf("%w: %d bytes more, %d are left of the run's memory budget", ErrBudget, bytes, rt.Bytes)
	}
	rt.Bytes -= int64(bytes)
	return nil
}

// Charge counts n things of size bytes each, which the operator is about to
// allocate itself, against the run's memory budget.
func (e *Eval) Charge(n, size int) error {
	if hi, lo := bits.Mul64(uint64(n), uint64(size)); hi != 0 || lo > uint64(^uint(0)>>1) {
		return fmt.Errorf("%w: %d times %d bytes don't fit memory", ErrBudget, n, size)
	}
	return e.rt.Charge(n * size)
}

// Clone returns a deep copy of v, counted against the budget: a sequence may
// hold one tensor many times.
func (rt *Runtime) Clone(v tensor.Value) (tensor.Value, error) {
	if err := rt.chargeValue(v); err != nil {
		return nil, err
	}
	return tensor.CloneValue(v), nil
}

func (rt *Runtime) chargeValue(v tensor.Value) error {
	switch v := v.(type) {
	case *tensor.Tensor:
		n := len(v.Bytes())
		if v.DType() == tensor.String {
			n += 8 * v.Len()
		}
		return rt.Charge(n)
	case *tensor.Sequence:
		for _, x := range v.Items {
			if err := rt.chargeValue(x); err != nil {
				return err
			}
		}
		return rt.Charge(128 * len(v.Items))
	case *tensor.Map:
		if v.Keys != nil {
			if err := rt.chargeValue(v.Keys); err != nil {
				return err
			}
		}
		return rt.chargeValue(v.Values)
	case *tensor.Optional:
		return rt.chargeValue(v.Value)
	}
	return nil
}

// OutLike returns the tensor for output i with the shape of t.
func (e *Eval) OutLike(i int, dt tensor.DType, t *tensor.Tensor) (*tensor.Tensor, error) {
	return e.Out(i, dt, t.Shape()...)
}

// SetOut sets output i to a value made elsewhere (a body's output, an item of a
// sequence). The value may be shared with an input: values are immutable once made.
func (e *Eval) SetOut(i int, v tensor.Value) {
	if i < len(e.out) {
		e.out[i] = v
	}
}

// SetFloats makes output i of type dt and stores f in it.
func (e *Eval) SetFloats(i int, dt tensor.DType, dims []int, f []float64) error {
	t, err := e.Out(i, dt, dims...)
	if err != nil {
		return err
	}
	if t.Len() != len(f) {
		return fmt.Errorf("output %d: %d values for %v", i, len(f), t)
	}
	t.SetFloats(f)
	return nil
}

// SetInts makes output i of type dt and stores v in it.
func (e *Eval) SetInts(i int, dt tensor.DType, dims []int, v []int64) error {
	t, err := e.Out(i, dt, dims...)
	if err != nil {
		return err
	}
	if t.Len() != len(v) {
		return fmt.Errorf("output %d: %d values for %v", i, len(v), t)
	}
	t.SetInts(v)
	return nil
}

// SetStrings makes output i of strings.
func (e *Eval) SetStrings(i int, dims []int, s []string) error {
	total := 0
	for _, x := range s {
		total += len(x)
	}
	if err := e.rt.Charge(total); err != nil {
		return fmt.Errorf("output %d: %w", i, err)
	}
	t, err := e.Out(i, tensor.String, dims...)
	if err != nil {
		return err
	}
	if t.Len() != len(s) {
		return fmt.Errorf("output %d: %d values for %v", i, len(s), t)
	}
	t.SetStrings(s)
	return nil
}

// Body runs the body of attribute attr on its formal parameters.
func (e *Eval) Body(attr string, formal []tensor.Value) ([]tensor.Value, error) {
	b := e.node.Body(attr)
	if b == nil {
		return nil, fmt.Errorf("attribute %q is required", attr)
	}
	if len(formal) != b.Graph.Formal {
		return nil, fmt.Errorf("%s takes %d inputs, has %d", attr, b.Graph.Formal, len(formal))
	}
	k := len(e.node.Inputs)
	for _, x := range e.node.Bodies {
		if x == b {
			break
		}
		k += len(x.Captures)
	}
	in := append(append(make([]tensor.Value, 0, len(formal)+len(b.Captures)), formal...), e.in[k:k+len(b.Captures)]...)
	return e.rt.Body(b, in)
}

// Tick spends n iterations of the run's budget and polls for cancellation;
// loops whose length comes from data call it.
func (e *Eval) Tick(n int) error {
	e.rt.Iterations -= int64(n)
	if e.rt.Iterations < 0 {
		return fmt.Errorf("%w: too many iterations", ErrBudget)
	}
	return e.rt.Ctx.Err()
}

// Seed returns a seed for a random operator without one of its own.
func (e *Eval) Seed() uint64 {
	if e.rt.Seed == nil {
		return 0
	}
	return e.rt.Seed()
}
