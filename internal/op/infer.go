package op

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/tensor"
)

// Infer is a node during inference. Shapes may have symbols or be unknown
// (nil); at bind time all that can be known are numbers.
type Infer struct {
	node  *graph.Node
	impl  *Impl
	scope *Scope
	in    []Fact
	out   []Fact
}

// Fact is what is known of a value: its type, its constant value, and for
// small integer vectors their elements, which may be symbols.
type Fact struct {
	Type  graph.Type
	Const tensor.Value
	Elems []graph.Dim // elements of an integer tensor of rank 0 or 1; nil = not known
}

// Scope makes fresh symbols and counts work.
type Scope struct {
	next int
	work int // nodes of bodies that have been inferred
	// Body infers a body graph from facts of its inputs (formal, then
	// captures) and returns those of its outputs; set by who runs inference.
	Body func(b *graph.Body, in []Fact) ([]Fact, error)
}

// maxWork bounds the inference of bodies: a loop infers its body until nothing
// changes, several times, and each time the loops in it do so too.
const maxWork = 1 << 18

// Fresh returns a symbol that occurs nowhere else.
func (s *Scope) Fresh() graph.Dim {
	s.next++
	return graph.Dim{Sym: "?" + strconv.Itoa(s.next)}
}

// InferNode runs n's inference on facts of its inputs (absent ones are zero),
// followed by those of the captures of its bodies, and returns one fact an output.
func InferNode(n *graph.Node, scope *Scope, in []Fact) ([]Fact, error) {
	c := &Infer{node: n, impl: Of(n), scope: scope, in: in, out: make([]Fact, len(n.Outputs))}
	if err := c.types(); err != nil {
		return nil, err
	}
	if err := c.impl.Op.Infer(c); err != nil {
		return nil, err
	}
	return c.out, nil
}

// types checks the inputs' types against the schema's variables and presets
// those of the outputs.
func (c *Infer) types() error {
	s := c.impl.Schema
	vars := map[string]graph.Type{}
	for i := range c.node.Inputs {
		if !c.Has(i) || c.in[i].Type.Kind == graph.KindUnknown {
			continue
		}
		p := s.Input(i)
		t := c.in[i].Type
		if t.Kind == graph.KindTensor && t.Elem == tensor.Invalid {
			continue
		}
		if t.Kind != graph.KindTensor && t.Kind != graph.KindSparse && tensorsOnly(s, p) {
			return fmt.Errorf("input %d (%s) is %v, must be a tensor", i, p.Name, t)
		}
		if t.Kind == graph.KindTensor && !takes(s, p, t.Elem) {
			return fmt.Errorf("input %d (%s) is %v, version %d takes %v", i, p.Name, t.Elem, s.Since, typesOf(s, p))
		}
		if old, ok := vars[p.Type]; ok && !p.Mixed {
			if old.Kind == graph.KindTensor && t.Kind == graph.KindTensor && old.Elem != t.Elem && s.Types[p.Type] != nil {
				return fmt.Errorf("input %d (%s) is %v, must be %v as another input of type %s", i, p.Name, t.Elem, old.Elem, p.Type)
			}
			continue
		}
		if !p.Mixed {
			vars[p.Type] = t
		}
	}
	for i := range c.out {
		p := s.Output(i)
		if p == nil || p.Mixed {
			continue
		}
		if t, ok := vars[p.Type]; ok && s.Types[p.Type] != nil {
			t.Shape = nil
			c.out[i].Type = t
			continue
		}
		if dt, ok := tensor.ParseDType(p.Type); ok {
			c.out[i].Type = graph.TensorType(dt, nil)
		} else if list := s.Types[p.Type]; len(list) == 1 {
			if dt, ok := tensor.ParseDType(list[0]); ok {
				c.out[i].Type = graph.TensorType(dt, nil)
			}
		}
	}
	return nil
}

// typesOf returns the types that parameter p lists, or its only one.
func typesOf(s *schema.Schema, p *schema.Param) []string {
	if list := s.Types[p.Type]; list != nil {
		return list
	}
	return []string{p.Type}
}

// takes reports whether p takes tensors of type dt.
func takes(s *schema.Schema, p *schema.Param, dt tensor.DType) bool {
	list := s.Types[p.Type]
	if list == nil {
		want, fixed := tensor.ParseDType(p.Type)
		return !fixed || want == dt
	}
	return contains(list, dt.String()) || extended[graph.OpName(s.Domain, s.Name)]
}

// tensorsOnly reports whether p takes tensors alone, no sequences, maps or optionals.
func tensorsOnly(s *schema.Schema, p *schema.Param) bool {
	for _, t := range typesOf(s, p) {
		if _, ok := tensor.ParseDType(t); !ok && strings.Contains(t, "(") {
			return false
		}
	}
	return true
}

// extended lists operators for which exporters use element types beyond the
// standard's list and other engines accept them.
var extended = map[string]bool{
	"com.microsoft.SparseToDenseMatMul": true, // sparse constants are dense once loaded
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// Node returns the node.
func (c *Infer) Node() *graph.Node { return c.node }

// NIn and NOut return the numbers of actual inputs and outputs.
func (c *Infer) NIn() int  { return len(c.node.Inputs) }
func (c *Infer) NOut() int { return len(c.node.Outputs) }

// Has reports whether input i is there.
func (c *Infer) Has(i int) bool { return i < len(c.node.Inputs) && c.node.Inputs[i] != nil }

// Wants reports whether output i is there.
func (c *Infer) Wants(i int) bool { return i < len(c.node.Outputs) && c.node.Outputs[i] != nil }

// In returns what is known of input i; a zero Fact if it is absent.
func (c *Infer) In(i int) Fact {
	if !c.Has(i) {
		return Fact{}
	}
	return c.in[i]
}

// Type returns the element type of input i.
func (c *Infer) Type(i int) tensor.DType { return c.In(i).Type.Elem }

// Shape returns the shape of input i; nil if the rank is not known.
func (c *Infer) Shape(i int) graph.Shape {
	f := c.In(i)
	if t, ok := f.Const.(*tensor.Tensor); ok && f.Type.Shape == nil {
		return graph.Dims(t.Shape()...)
	}
	return f.Type.Shape
}

// Const returns the value of input i if it is known, nil otherwise.
func (c *Infer) Const(i int) *tensor.Tensor {
	t, _ := c.In(i).Const.(*tensor.Tensor)
	return t
}

// Ints returns the elements of input i if all are known numbers.
func (c *Infer) Ints(i int) ([]int, bool) {
	e := c.Elems(i)
	if e == nil {
		return nil, false
	}
	l := make([]int, len(e))
	for k, d := range e {
		if !d.Known() {
			return nil, false
		}
		l[k] = d.N
	}
	return l, true
}

// maxElems bounds the length of integer vectors that are tracked.
const maxElems = 1024

// Elems returns the elements of an integer input of rank 0 or 1, which may be
// symbols; nil if they are not known.
func (c *Infer) Elems(i int) []graph.Dim { return FactElems(c.In(i)) }

// FactElems returns the elements of a small integer tensor, nil if not known.
func FactElems(f Fact) []graph.Dim {
	if f.Elems != nil {
		return f.Elems
	}
	t, ok := f.Const.(*tensor.Tensor)
	if !ok || t.Rank() > 1 || t.Len() > maxElems || !t.DType().IsInt() {
		return nil
	}
	l := make([]graph.Dim, t.Len())
	for k := range l {
		v := t.IntAt(k)
		if int64(int(v)) != v { // e.g. MaxInt64 as "to the end" on a 32-bit machine
			v = int64(clampInt(v))
		}
		l[k] = graph.D(int(v))
	}
	return l
}

func clampInt(v int64) int {
	const maxInt = int(^uint(0) >> 1)
	if v > int64(maxInt) {
		return maxInt
	}
	if v < int64(-maxInt-1) {
		return -maxInt - 1
	}
	return int(v)
}

// Fresh returns a new symbol.
func (c *Infer) Fresh() graph.Dim { return c.scope.Fresh() }

// FreshShape returns a shape of new symbols.
func (c *Infer) FreshShape(rank int) graph.Shape {
	s := make(graph.Shape, rank)
	for i := range s {
		s[i] = c.Fresh()
	}
	return s
}

// Out states output i as a tensor. A dt of Invalid keeps the type that the
// schema implies. A nil shape is unknown.
func (c *Infer) Out(i int, dt tensor.DType, s graph.Shape) {
	if !c.Wants(i) {
		return
	}
	if dt == tensor.Invalid {
		dt = c.out[i].Type.Elem
	}
	c.out[i].Type = graph.TensorType(dt, s)
}

// OutType states the type of output i, for values that are no tensors.
func (c *Infer) OutType(i int, t graph.Type) {
	if c.Wants(i) {
		c.out[i].Type = t
	}
}

// OutElems states the elements of an integer output of rank 0 or 1.
func (c *Infer) OutElems(i int, e []graph.Dim) {
	if c.Wants(i) && len(e) <= maxElems {
		c.out[i].Elems = e
	}
}

// OutFact states everything about output i.
func (c *Infer) OutFact(i int, f Fact) {
	if c.Wants(i) {
		c.out[i] = f
	}
}

// OutFactOf returns what has been stated of output i so far.
func (c *Infer) OutFactOf(i int) Fact { return c.out[i] }

// Like states output i with input j's type and shape.
func (c *Infer) Like(i, j int) {
	f := c.In(j)
	c.OutType(i, f.Type)
}

// Body infers the body of attribute attr from facts of its formal parameters;
// captures are added. It returns facts of the body's outputs.
func (c *Infer) Body(attr string, formal []Fact) ([]Fact, error) {
	b := c.node.Body(attr)
	if b == nil {
		return nil, fmt.Errorf("attribute %q is required", attr)
	}
	if len(formal) != b.Graph.Formal {
		return nil, fmt.Errorf("%s has %d inputs, needs %d", attr, b.Graph.Formal, len(formal))
	}
	k := len(c.node.Inputs)
	for _, x := range c.node.Bodies {
		if x == b {
			break
		}
		k += len(x.Captures)
	}
	if c.scope.work += len(b.Graph.Nodes) + 1; c.scope.work > maxWork {
		return nil, fmt.Errorf("%w: inference of nested bodies takes more than %d steps", ErrBudget, maxWork)
	}
	in := append(append([]Fact{}, formal...), c.in[k:k+len(b.Captures)]...)
	return c.scope.Body(b, in)
}

// Axis returns axis normalised to [0, rank), or an error.
func Axis(axis, rank int) (int, error) {
	if axis < -rank || axis >= rank {
		return 0, fmt.Errorf("axis %d is out of range for rank %d", axis, rank)
	}
	if axis < 0 {
		axis += rank
	}
	return axis, nil
}

// Axes normalises a list of axes; a repeated axis is an error.
func Axes(axes []int, rank int) ([]int, error) {
	l := make([]int, len(axes))
	seen := make([]bool, rank)
	for i, a := range axes {
		x, err := Axis(a, rank)
		if err != nil {
			return nil, err
		}
		if seen[x] {
			return nil, fmt.Errorf("axis %d occurs twice in %v", a, axes)
		}
		seen[x] = true
		l[i] = x
	}
	return l, nil
}

// BroadcastDims returns the shape of a multidirectional broadcast (ONNX
// Broadcasting.md) of numbers.
func BroadcastDims(shapes ...[]int) ([]int, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
	}
	for _, s := range shapes {
		for i, d := range s {
			o := &out[rank-len(s)+i]
			switch {
			case *o == d || d == 1:
			case *o == 1:
				*o = d
			default:
				return nil, fmt.Errorf("shapes %v don't broadcast", shapes)
			}
		}
	}
	return out, nil
}

// Broadcast is BroadcastDims on shapes with symbols; a nil shape gives nil.
func (c *Infer) Broadcast(shapes ...graph.Shape) (graph.Shape, error) {
	rank := 0
	for _, s := range shapes {
		if s == nil {
			return nil, nil
		}
		rank = max(rank, len(s))
	}
	out := make(graph.Shape, rank)
	for i := range out {
		out[i] = graph.D(1)
	}
	for _, s := range shapes {
		for i, d := range s {
			o := &out[rank-len(s)+i]
			one := graph.D(1)
			switch {
			case *o == d || d == one:
			case *o == one:
				*o = d
			case o.Known() && d.Known():
				return nil, fmt.Errorf("shapes %v don't broadcast", shapes)
			case d.Known(): // a symbol against a number above 1 (or 0): the number
				*o = d
			case o.Known():
			default:
				*o = c.Fresh()
			}
		}
	}
	return out, nil
}
