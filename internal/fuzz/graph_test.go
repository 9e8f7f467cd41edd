package fuzz

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/internal/plan"
	"github.com/walnut-ai/walnut/tensor"
)

// network is a random graph whose values have all been computed, node by node.
type network struct {
	nodes  []gnode
	vals   []tensor.Value
	inputs []bool // by value: a graph input, not computed
	consts []bool // by value: a graph input that is an initializer
	used   []bool
}

type gnode struct {
	c       *opCase
	in, out []int // values, -1 = absent
}

// build makes a network of up to 8 nodes over the whole catalogue: each node
// is evaluated at once, so that the next ones can use what it gave.
func build(s *source, fam *family) *network {
	n := &network{}
	want := 1 + s.n(8)
	for try := 0; try < 40 && len(n.nodes) < want; try++ {
		o := fam.find(s.n(1 << 16))
		c := o.make(s)
		if c.bodies != nil && s.chance(2) {
			continue
		}
		g := gnode{c: c}
		for i, x := range c.in {
			at := -1
			if x != nil && s.chance(2) || x != nil && len(n.vals) > 0 && s.chance(2) {
				if at = n.find(s, x); at >= 0 {
					c.in[i] = n.vals[at]
				}
			}
			g.in = append(g.in, at)
		}
		n.add(s, g)
	}
	return n
}

// find returns a value that could stand for x, -1 if there is none.
func (n *network) find(s *source, x tensor.Value) int {
	var same []int
	for i, v := range n.vals {
		a, ok1 := v.(*tensor.Tensor)
		b, ok2 := x.(*tensor.Tensor)
		if ok1 != ok2 || ok1 && a.DType() != b.DType() {
			continue
		}
		if ok1 && (!tensor.SameShape(a.Shape(), b.Shape()) && !s.chance(4) || a.Len() > maxElems) {
			continue
		}
		if !ok1 && fmt.Sprintf("%T", v) != fmt.Sprintf("%T", x) {
			continue
		}
		same = append(same, i)
	}
	if len(same) == 0 {
		return -1
	}
	return same[s.n(len(same))]
}

// add appends a node if it can be evaluated.
func (n *network) add(s *source, g gnode) {
	m, err := g.c.model(false)
	if err != nil || ops.Catalog().Resolve(m) != nil || ops.Catalog().Find(g.c.domain, g.c.op).Random {
		return
	}
	out, err, bad := evalCase(m.Graph, g.c.args(false))
	if err != nil || bad != "" {
		return // families' targets are for that
	}
	size := 0
	for _, v := range out {
		if t, ok := v.(*tensor.Tensor); ok {
			size += t.Len()
		}
	}
	if size > 1<<16 {
		return
	}
	for i, at := range g.in {
		if x := g.c.in[i]; x != nil && at < 0 {
			_, isT := x.(*tensor.Tensor)
			g.in[i] = n.value(x, true, isT && s.chance(3))
		} else if at >= 0 {
			n.used[at] = true
		}
	}
	j := 0
	for _, there := range g.c.out {
		at := -1
		if there {
			at = n.value(out[j], false, false)
			j++
		}
		g.out = append(g.out, at)
	}
	n.nodes = append(n.nodes, g)
}

func (n *network) value(x tensor.Value, input, constant bool) int {
	n.vals, n.inputs, n.consts, n.used = append(n.vals, x), append(n.inputs, input), append(n.consts, constant), append(n.used, false)
	return len(n.vals) - 1
}

// model returns the network as a model with the values of its inputs and
// outputs. With all, every computed value is an output, else those that no node uses.
func (n *network) model(all bool) (m *graph.Model, in, out []tensor.Value) {
	g := &graph.Graph{Name: "g"}
	vals := make([]*graph.Value, len(n.vals))
	for i, x := range n.vals {
		vals[i] = &graph.Value{Name: fmt.Sprintf("v%d", i)}
		switch {
		case n.consts[i]:
			vals[i].Const, vals[i].Type = x, optest.TypeOf(x)
		case n.inputs[i]:
			vals[i].Type = optest.TypeOf(x)
			g.Inputs = append(g.Inputs, vals[i])
			in = append(in, x)
		case all || !n.used[i]:
			g.Outputs = append(g.Outputs, vals[i])
			out = append(out, x)
		}
	}
	g.Formal = len(g.Inputs)
	at := func(i int) *graph.Value {
		if i < 0 {
			return nil
		}
		return vals[i]
	}
	for k, x := range n.nodes {
		attrs, err := graph.NewAttrs(x.c.attrs...)
		if err != nil {
			panic(err)
		}
		d := &graph.Node{Name: fmt.Sprint("n", k), Path: fmt.Sprint("/n", k), Domain: x.c.domain, Op: x.c.op, Opset: x.c.opset, Attrs: attrs, Bodies: copyBodies(x.c.bodies)}
		for _, i := range x.in {
			d.Inputs = append(d.Inputs, at(i))
		}
		for _, i := range x.out {
			d.Outputs = append(d.Outputs, at(i))
			if i >= 0 {
				vals[i].Producer = d
			}
		}
		g.Nodes = append(g.Nodes, d)
	}
	return &graph.Model{Name: "m", Graph: g}, in, out
}

// copyBodies copies what passes over a graph change.
func copyBodies(l []*graph.Body) []*graph.Body {
	var r []*graph.Body
	for _, b := range l {
		g := *b.Graph
		m := map[*graph.Value]*graph.Value{}
		cp := func(vs []*graph.Value) []*graph.Value {
			var l []*graph.Value
			for _, v := range vs {
				if v != nil && m[v] == nil {
					x := *v
					m[v] = &x
				}
				l = append(l, m[v])
			}
			return l
		}
		g.Inputs = cp(g.Inputs)
		g.Nodes = nil
		for _, n := range b.Graph.Nodes {
			x := *n
			x.Inputs, x.Outputs, x.Bodies = cp(n.Inputs), cp(n.Outputs), copyBodies(n.Bodies)
			for i, y := range x.Bodies {
				y.Captures = cp(n.Bodies[i].Captures)
			}
			for _, v := range x.Outputs {
				if v != nil {
					v.Producer = &x
				}
			}
			g.Nodes = append(g.Nodes, &x)
		}
		g.Outputs = cp(g.Outputs)
		r = append(r, &graph.Body{Attr: b.Attr, Graph: &g, Captures: b.Captures})
	}
	return r
}

func (n *network) String() string {
	var b strings.Builder
	for _, x := range n.nodes {
		fmt.Fprintf(&b, "\n%v = %v(%v)", x.out, x.c, x.in)
	}
	return b.String()
}

// checkNetwork infers and runs the network and returns what is wrong.
func checkNetwork(n *network) (finding string) {
	defer func() {
		if r := recover(); r != nil {
			finding = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if len(n.nodes) == 0 {
		return ""
	}
	m, in, out := n.model(true)
	if err := ops.Catalog().Resolve(m); err != nil {
		return "resolve: " + err.Error()
	}
	for _, what := range []string{"values", "shapes", "symbols", "types", "nothing"} {
		var facts []op.Fact
		for _, x := range in {
			facts = append(facts, fact(what, x))
		}
		got, err := plan.InferGraph(m.Graph, scope(), facts)
		if err != nil {
			if bodyError(err) {
				continue
			}
			return fmt.Sprintf("inference on %s rejects what is computed: %v", what, err)
		}
		known := map[string]int{}
		for i, f := range got {
			if bad := agrees(f, out[i], known); bad != "" {
				return fmt.Sprintf("inference on %s says of %s: %s", what, m.Graph.Outputs[i].Name, bad)
			}
		}
	}
	m, in, out = n.model(false)
	for _, v := range m.Graph.Inputs { // symbols, as a model would declare them
		v.Type.Shape = symbols(v.Type.Shape)
	}
	e, err := engine.New(context.Background(), m, nil, engine.Options{Memory: modelBytes, Iterations: modelIterations})
	if err != nil {
		return "doesn't open: " + err.Error()
	}
	defer e.Close()
	for range 2 { // again in the memory that the first run left
		got, err := runModel(e, in)
		switch {
		case resources(err) || bodyError(err):
			return ""
		case err != nil:
			return "doesn't run: " + err.Error()
		case !comparable(n.graph()):
			continue
		}
		for i := range out {
			if bad := differ(got[i], out[i]); bad != "" && finite(out[i]) && n.tame() {
				return fmt.Sprintf("output %d (%s): %s", i, m.Graph.Outputs[i].Name, bad)
			}
		}
	}
	return ""
}

func bodyError(err error) bool {
	e := new(graph.Error)
	return errors.As(err, &e) && strings.Count(e.Node, "/") > 1
}

func (n *network) graph() *graph.Graph {
	m, _, _ := n.model(true)
	return m.Graph
}

func (n *network) tame() bool {
	for _, x := range n.nodes {
		if !tame(x.c) {
			return false
		}
	}
	return true
}

// FuzzGraphInfer builds graphs over the catalogue: what inference says, with
// values and without, must agree with what is computed, and a plan must compute the same.
func FuzzGraphInfer(f *testing.F) {
	fam := newFamily(f.Name(), allTables...)
	for i := range 64 {
		f.Add([]byte{byte(i), byte(i * 7)})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := build(newSource(b), fam)
		if bad := checkNetwork(n); bad != "" {
			t.Fatalf("%s%v", bad, n)
		}
	})
}

// TestGraphSweep tries random networks and lists findings.
func TestGraphSweep(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("WALNUT_FUZZ_SWEEP"))
	if err != nil {
		t.Skip("WALNUT_FUZZ_SWEEP is not set")
	}
	fam := newFamily("all", allTables...)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 2))
	seen := map[string]int{}
	tries, nodes := 0, 0
	for end := time.Now().Add(d); time.Now().Before(end); tries++ {
		b := make([]byte, 12)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if log := os.Getenv("WALNUT_FUZZ_LOG"); log != "" {
			os.WriteFile(log, fmt.Appendf(nil, "%x", b), 0o600)
		}
		n := build(newSource(b), fam)
		nodes += len(n.nodes)
		bad := checkNetwork(n)
		if bad == "" {
			continue
		}
		k := kind(bad)
		if seen[k]++; seen[k] == 1 {
			t.Errorf("%s%v", bad, n)
		}
	}
	t.Logf("%d networks of %d nodes, %d kinds of findings: %v", tries, nodes, len(seen), seen)
}
