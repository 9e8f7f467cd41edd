package fuzz

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sort"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// opCase is one call of an operator.
type opCase struct {
	domain, op string
	opset      int
	attrs      []graph.Attr
	bodies     []*graph.Body
	in         []tensor.Value // nil = absent
	out        []bool         // false = absent
	consts     int            // bit i: input i is an initializer for the plan
}

// model returns the case as a model; with consts, inputs of that set are initializers.
func (c *opCase) model(consts bool) (*graph.Model, error) {
	attrs, err := graph.NewAttrs(c.attrs...)
	if err != nil {
		return nil, err
	}
	n := &graph.Node{Name: "n", Path: "/n", Domain: c.domain, Op: c.op, Opset: c.opset, Attrs: attrs, Bodies: c.bodies}
	g := &graph.Graph{Name: "g", Nodes: []*graph.Node{n}}
	for i, x := range c.in {
		if x == nil {
			n.Inputs = append(n.Inputs, nil)
			continue
		}
		v := &graph.Value{Name: fmt.Sprintf("in%d", i), Type: optest.TypeOf(x)}
		n.Inputs = append(n.Inputs, v)
		if _, ok := x.(*tensor.Tensor); ok && consts && c.consts>>i&1 != 0 {
			v.Const = x
			continue
		}
		g.Inputs = append(g.Inputs, v)
	}
	g.Formal = len(g.Inputs)
	for i, there := range c.out {
		if !there {
			n.Outputs = append(n.Outputs, nil)
			continue
		}
		v := &graph.Value{Name: fmt.Sprintf("out%d", i), Producer: n}
		n.Outputs = append(n.Outputs, v)
		g.Outputs = append(g.Outputs, v)
	}
	return &graph.Model{Name: "m", Graph: g}, nil
}

// args returns the values of the model's graph inputs.
func (c *opCase) args(consts bool) []tensor.Value {
	var l []tensor.Value
	for i, x := range c.in {
		if _, ok := x.(*tensor.Tensor); x == nil || ok && consts && c.consts>>i&1 != 0 {
			continue
		}
		l = append(l, x)
	}
	return l
}

// String shows all that is needed to write the case down as a test.
func (c *opCase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s opset %d, consts %b, out %v", graph.OpName(c.domain, c.op), c.opset, c.consts, c.out)
	for _, a := range c.attrs {
		fmt.Fprintf(&b, "\n  %s =", a.Name)
		switch a.Kind {
		case graph.AttrInt:
			fmt.Fprintf(&b, " %d", a.I)
		case graph.AttrFloat:
			fmt.Fprintf(&b, " %v", a.F)
		case graph.AttrString:
			fmt.Fprintf(&b, " %.60q", a.S)
		case graph.AttrInts:
			fmt.Fprintf(&b, " %v", clip(a.Ints))
		case graph.AttrFloats:
			fmt.Fprintf(&b, " %v", clip(a.Floats))
		case graph.AttrStrings:
			fmt.Fprintf(&b, " %.200q", clip(a.Strings))
		case graph.AttrTensor:
			b.WriteString(" " + show(a.T))
		default:
			fmt.Fprintf(&b, " %v", a.Kind)
		}
	}
	for _, x := range c.bodies {
		fmt.Fprintf(&b, "\n  %s: %d formal, %d outputs;", x.Attr, x.Graph.Formal, len(x.Graph.Outputs))
		for _, n := range x.Graph.Nodes {
			fmt.Fprintf(&b, " %s", n.Op)
		}
	}
	for i, x := range c.in {
		fmt.Fprintf(&b, "\n  input %d: %s", i, show(x))
	}
	return b.String()
}

func clip[T any](l []T) []T { return l[:min(len(l), 24)] }

func show(v tensor.Value) string {
	t, ok := v.(*tensor.Tensor)
	if !ok || t == nil {
		if q, ok := v.(*tensor.Sequence); ok {
			s := fmt.Sprintf("seq of %v:", q.Elem)
			for _, x := range q.Items {
				s += " " + show(x)
			}
			return s
		}
		return tensor.Describe(v)
	}
	s := t.String()
	for i := range min(t.Len(), 16) {
		switch {
		case t.DType() == tensor.String:
			s += fmt.Sprintf(" %.30q", t.Str(i))
		case t.DType().IsInt():
			s += fmt.Sprint(" ", t.IntAt(i))
		case t.DType().Class() == tensor.ClassComplex:
			s += fmt.Sprint(" ", t.ComplexAt(i))
		default:
			s += fmt.Sprintf(" %.4g", t.FloatAt(i))
		}
	}
	return s
}

// family is a set of operators that one target is about.
type family struct {
	name  string
	ops   []*famOp // by hash
	seeds map[string]*famOp
}

type famOp struct {
	def       *op.Def
	hash      int
	versions  []*schema.Schema
	templates []*opCase
}

func newFamily(name string, tables ...[]*op.Def) *family {
	f := &family{name: name, seeds: map[string]*famOp{}}
	for _, t := range tables {
		for _, d := range t {
			h := fnv.New32a()
			h.Write([]byte(graph.OpName(d.Domain, d.Name)))
			o := &famOp{def: d, hash: int(h.Sum32() & 0xffff), versions: schema.Versions(d.Domain, d.Name)}
			o.templates = templates()[graph.OpName(d.Domain, d.Name)]
			if len(o.versions) > 0 {
				f.ops = append(f.ops, o)
			}
		}
	}
	sort.Slice(f.ops, func(i, j int) bool { return f.ops[i].hash < f.ops[j].hash })
	return f
}

// find returns the operator whose hash follows h: a new operator changes the
// meaning of few inputs.
func (f *family) find(h int) *famOp {
	i := sort.Search(len(f.ops), func(i int) bool { return f.ops[i].hash >= h })
	return f.ops[i%len(f.ops)]
}

// make makes a case of s. Bytes 0 and 1 seed, 2 and 3 name the operator, 4
// says whether a template is mutated (most) or all made up, 5 which one.
func (f *family) make(s *source) *opCase {
	return f.find(s.n(1 << 16)).make(s)
}

func (o *famOp) make(s *source) *opCase {
	made := s.chance(4) || len(o.templates) == 0
	k := s.byte()
	var c *opCase
	if made {
		c = o.fresh(s, o.versions[k%len(o.versions)])
	} else {
		c = o.templates[k%len(o.templates)].clone()
		for range s.n(4) {
			o.mutate(s, c)
		}
	}
	mask := s.byte()
	c.consts = mask & s.byte()
	return c
}

func (c *opCase) clone() *opCase {
	d := *c
	d.attrs, d.in, d.out = slices.Clone(c.attrs), slices.Clone(c.in), slices.Clone(c.out)
	return &d
}

// fresh makes a case of what the standard says alone.
func (o *famOp) fresh(s *source, sch *schema.Schema) *opCase {
	c := &opCase{domain: o.def.Domain, op: o.def.Name, opset: sch.Since}
	like := s.shape()
	vars := map[string]string{}
	nin := len(sch.Inputs)
	if nin > 0 && sch.Inputs[nin-1].Variadic {
		nin += s.n(4)
	}
	for i := range nin {
		p := sch.Input(i)
		if (p.Optional || i >= sch.MinIn && s.chance(4)) && s.chance(2) {
			c.in = append(c.in, nil)
			continue
		}
		c.in = append(c.in, s.param(sch, p, vars, like))
	}
	for len(c.in) > 0 && c.in[len(c.in)-1] == nil {
		c.in = c.in[:len(c.in)-1]
	}
	for i := range sch.Attrs {
		if a := &sch.Attrs[i]; !a.Graph && (a.Required || s.chance(3)) {
			c.attrs = append(c.attrs, s.attr(a.Name, a.Kind, like))
		}
	}
	o.outputs(s, sch, c)
	for i := range sch.Attrs {
		if a := &sch.Attrs[i]; a.Graph && (a.Required || s.chance(2)) {
			c.bodies = append(c.bodies, s.body(c, a.Name))
		}
	}
	return c
}

// outputs chooses which outputs there are.
func (o *famOp) outputs(s *source, sch *schema.Schema, c *opCase) {
	lo, hi := max(sch.MinOut, 1), min(sch.MaxOut, len(sch.Outputs)+2)
	c.out = make([]bool, lo+s.n(hi-lo+1))
	for i := range c.out {
		c.out[i] = !s.chance(12)
	}
	c.out[len(c.out)-1] = true
}

// param makes a value for a formal input.
func (s *source) param(sch *schema.Schema, p *schema.Param, vars map[string]string, like []int) tensor.Value {
	typ := p.Type
	if list := sch.Types[typ]; len(list) > 0 {
		v, ok := vars[typ]
		if !ok || p.Mixed || s.chance(40) {
			if v = list[s.n(len(list))]; s.chance(2) {
				for _, pref := range []string{"float", "seq(tensor(float))", "int64", "uint8"} {
					if slices.Contains(list, pref) {
						v = pref
						break
					}
				}
			}
			vars[typ] = v
		}
		typ = v
	}
	dims := like
	switch s.n(8) {
	case 4, 5:
		dims = slices.Clone(like)
		for i := range dims {
			if s.chance(2) {
				dims[i] = 1
			}
		}
		dims = dims[s.n(len(dims)+1):]
	case 6:
		dims = s.shape()
	case 7:
		dims = pick(s, []int{}, []int{1}, like[:min(1, len(like))], like[min(1, len(like)):])
	}
	if typ == "int64" || typ == "int32" {
		dt, _ := tensor.ParseDType(typ)
		if fixed := sch.Types[p.Type]; len(fixed) <= 2 && !s.chance(4) {
			return s.sizes(dt, like)
		}
	}
	return s.value(typ, dims)
}

// mutate changes one thing about c.
func (o *famOp) mutate(s *source, c *opCase) {
	sch := schema.Lookup(c.domain, c.op, c.opset)
	if sch == nil {
		return
	}
	switch k := s.n(10); {
	case k < 5 && len(c.in) > 0:
		i := s.n(len(c.in))
		c.in[i] = s.spoil(sch, i, c.in[i])
	case k < 8 && len(c.attrs) > 0:
		i := s.n(len(c.attrs))
		a := &c.attrs[i]
		switch s.n(6) {
		case 0:
			c.attrs = slices.Delete(c.attrs, i, i+1)
		case 1, 2:
			*a = s.attr(a.Name, a.Kind, shapeOf(c.in))
		default:
			s.spoilAttr(a)
		}
	case k == 8 && len(sch.Attrs) > 0:
		f := &sch.Attrs[s.n(len(sch.Attrs))]
		if !f.Graph && !slices.ContainsFunc(c.attrs, func(a graph.Attr) bool { return a.Name == f.Name }) {
			c.attrs = append(c.attrs, s.attr(f.Name, f.Kind, shapeOf(c.in)))
		}
	default:
		switch s.n(3) {
		case 0:
			c.opset = o.versions[s.n(len(o.versions))].Since
		case 1:
			o.outputs(s, sch, c)
		default:
			if p := sch.Input(len(c.in)); p != nil && len(c.in) < sch.MaxIn {
				c.in = append(c.in, s.param(sch, p, map[string]string{}, shapeOf(c.in)))
			} else if len(c.in) > 1 {
				c.in = c.in[:len(c.in)-1]
			}
		}
	}
}

func shapeOf(in []tensor.Value) []int {
	for _, v := range in {
		if t, ok := v.(*tensor.Tensor); ok {
			return t.Shape()
		}
	}
	return nil
}

func (s *source) spoilAttr(a *graph.Attr) {
	switch a.Kind {
	case graph.AttrInt:
		a.I = pick(s, a.I+1, a.I-1, -a.I, s.int())
	case graph.AttrInts:
		a.Ints = slices.Clone(a.Ints)
		switch n := len(a.Ints); {
		case n == 0 || s.chance(6):
			a.Ints = append(a.Ints, s.int())
		case s.chance(6):
			a.Ints = a.Ints[:n-1]
		default:
			a.Ints[s.n(n)] = s.int()
		}
	case graph.AttrFloats:
		a.Floats = slices.Clone(a.Floats)
		switch n := len(a.Floats); {
		case n == 0 || s.chance(6):
			a.Floats = append(a.Floats, float32(s.float()))
		case s.chance(4):
			a.Floats = a.Floats[:n-1]
		default:
			a.Floats[s.n(n)] = float32(s.float())
		}
	case graph.AttrStrings:
		a.Strings = slices.Clone(a.Strings)
		switch n := len(a.Strings); {
		case n == 0 || s.chance(6):
			a.Strings = append(a.Strings, s.text())
		case s.chance(4):
			a.Strings = a.Strings[:n-1]
		default:
			a.Strings[s.n(n)] = pick(s, s.text(), pick(s, words...))
		}
	default:
		*a = s.attr(a.Name, a.Kind, nil)
	}
}

// spoil changes the value of input i.
func (s *source) spoil(sch *schema.Schema, i int, v tensor.Value) tensor.Value {
	t, ok := v.(*tensor.Tensor)
	p := sch.Input(i)
	if !ok || s.chance(8) {
		if p == nil || s.chance(3) {
			return nil
		}
		return s.param(sch, p, map[string]string{}, shapeOf([]tensor.Value{v}))
	}
	dims := slices.Clone(t.Shape())
	dt := t.DType()
	switch k := s.n(8); {
	case k == 0:
		dims = slices.Insert(dims, s.n(len(dims)+1), 1+s.n(2))
	case k == 1 && len(dims) > 0:
		j := s.n(len(dims))
		dims = slices.Delete(dims, j, j+1)
	case k < 4 && len(dims) > 0:
		dims[s.n(len(dims))] = s.n(6)
	case k == 4 && p != nil:
		if list := sch.Types[p.Type]; len(list) > 0 {
			if d, ok := tensor.ParseDType(list[s.n(len(list))]); ok {
				dt = d
			}
		}
	case k == 5 && dt.IsInt() && t.Len() > 0 && t.Len() < maxElems:
		y := t.Clone()
		y.SetIntAt(s.n(t.Len()), s.int())
		return y
	}
	y := s.tensor(dt, dims)
	if y.DType() == t.DType() && t.Len() > 0 && s.chance(2) && dt != tensor.String && dt.Class() != tensor.ClassComplex {
		for k := range y.Len() {
			if dt.IsInt() || dt == tensor.Bool {
				y.SetIntAt(k, t.IntAt(k%t.Len()))
			} else {
				y.SetFloatAt(k, t.FloatAt(k%t.Len()))
			}
		}
	}
	return y
}

// body makes a body for attribute attr of c.
func (s *source) body(c *opCase, attr string) *graph.Body {
	formal, outs := s.n(5), len(c.out)
	switch c.op {
	case "If":
		formal = 0
	case "Loop":
		formal = max(len(c.in), 2)
		outs = max(1, len(c.out)+1)
	case "Scan", "SequenceMap":
		formal = len(c.in)
	}
	g := &graph.Graph{Name: attr, Formal: formal}
	var vals []*graph.Value
	for i := range formal {
		v := &graph.Value{Name: fmt.Sprintf("f%d", i)}
		g.Inputs = append(g.Inputs, v)
		vals = append(vals, v)
	}
	t := s.tensor(pick(s, tensor.Float32, tensor.Int64, tensor.Bool), []int{})
	vals = append(vals, &graph.Value{Name: "k", Const: t, Type: optest.TypeOf(t)})
	for i := range s.n(5) {
		name := pick(s, "Identity", "Add", "Mul", "Not", "Neg", "Shape", "Concat", "Relu", "Less", "NonZero", "SequenceConstruct")
		n := &graph.Node{Name: fmt.Sprint(i), Path: fmt.Sprint("/n/", attr, "/", i), Op: name, Opset: 23}
		for range schema.Lookup("", name, 23).MinIn {
			n.Inputs = append(n.Inputs, pick(s, vals...))
		}
		if name == "Concat" {
			n.Inputs = append(n.Inputs, pick(s, vals...))
			n.Attrs, _ = graph.NewAttrs(optest.Int("axis", 0))
		}
		v := &graph.Value{Name: fmt.Sprintf("v%d", i), Producer: n}
		n.Outputs = []*graph.Value{v}
		g.Nodes = append(g.Nodes, n)
		vals = append(vals, v)
	}
	for i := range outs {
		v := vals[s.n(len(vals))]
		if c.op == "Loop" && i < formal-1 && !s.chance(3) {
			v = vals[i+1] // the condition and the states, unchanged
		}
		g.Outputs = append(g.Outputs, v)
	}
	live := map[*graph.Value]bool{} // a plan leaves out what nobody reads, and its errors
	for _, v := range g.Outputs {
		live[v] = true
	}
	var nodes []*graph.Node
	for _, n := range slices.Backward(g.Nodes) {
		if live[n.Outputs[0]] {
			n.Uses(func(v *graph.Value) { live[v] = true })
			nodes = append(nodes, n)
		}
	}
	slices.Reverse(nodes)
	g.Nodes = nodes
	return &graph.Body{Attr: attr, Graph: g}
}
