package optest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/exec"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/plan"
	"github.com/walnut-ai/walnut/internal/testutil"
	"github.com/walnut-ai/walnut/tensor"
)

// How says how a case is planned.
type How struct {
	Const   []int // inputs that are constants of the graph
	Absent  []int // outputs that the node does not have
	Threads int
	Plain   bool // by Eval alone
}

// Planned is a case as a bound plan runs it.
type Planned struct {
	p       *plan.Program
	in, out []tensor.Value
}

// Plan compiles c on the definitions of table.
func Plan(t testing.TB, table []*op.Def, c Case, how How) *Planned {
	t.Helper()
	m, err := Model(c)
	if err != nil {
		t.Fatal(err)
	}
	n, p := m.Graph.Nodes[0], &Planned{}
	m.Graph.Inputs = nil
	for i, v := range n.Inputs {
		switch {
		case v == nil:
		case slices.Contains(how.Const, i):
			v.Const = c.Inputs[i]
		default:
			m.Graph.Inputs = append(m.Graph.Inputs, v)
			p.in = append(p.in, c.Inputs[i])
		}
	}
	m.Graph.Formal = len(m.Graph.Inputs)
	m.Graph.Outputs = nil
	for i, v := range n.Outputs {
		if slices.Contains(how.Absent, i) {
			n.Outputs[i] = nil
		} else {
			m.Graph.Outputs = append(m.Graph.Outputs, v)
		}
	}
	for len(n.Outputs) > 0 && n.Outputs[len(n.Outputs)-1] == nil {
		n.Outputs = n.Outputs[:len(n.Outputs)-1]
	}
	p.out = make([]tensor.Value, len(m.Graph.Outputs))
	if err := op.NewCatalog(table).Resolve(m); err != nil {
		t.Fatal(err)
	}
	p.p, err = plan.Compile(m.Graph, &plan.Shared{Name: "test", Threads: how.Threads, Packs: &plan.Packs{}, NoPrepare: how.Plain})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Run runs the plan; the outputs keep their memory from run to run.
func (p *Planned) Run() error {
	return exec.Run(context.Background(), p.p, p.in, p.out, exec.Options{})
}

// Outputs returns what the last run computed.
func (p *Planned) Outputs() []tensor.Value { return p.out }

// Kernel reports whether the last run used a prepared step.
func (p *Planned) Kernel() bool {
	for _, b := range p.p.Bounds() {
		if len(b.Steps) != 1 || b.Steps[0].Run == nil {
			return false
		}
	}
	return true
}

// Prepared runs c by its prepared step, which must be there, and by Eval, and
// compares: outputs, and errors. The tolerance is c.Tol, else 1e-5.
func Prepared(t testing.TB, table []*op.Def, c Case, how How) {
	t.Helper()
	k := Plan(t, table, c, how)
	how.Plain = true
	e := Plan(t, table, c, how)
	errK, errE := k.Run(), e.Run()
	if (errK == nil) != (errE == nil) {
		t.Fatalf("%s: prepared %v, by definition %v", describe(c), errK, errE)
	}
	if errE != nil {
		return
	}
	if !k.Kernel() {
		t.Fatalf("%s: has no prepared step", describe(c))
	}
	for range 2 { // again over the memory that the first run left
		tol := compare.Tol{Rel: c.Tol, Abs: c.Tol}
		if c.Tol == 0 {
			tol = compare.Tol{Rel: 1e-5, Abs: 1e-5}
		}
		for i := range e.out {
			if _, err := compare.Values(k.out[i], e.out[i], tol); err != nil {
				t.Fatalf("%s: output %d: %v", describe(c), i, err)
			}
		}
		if err := k.Run(); err != nil {
			t.Fatal(err)
		}
	}
}

// NoAllocs checks that a run of c's plan in steady state allocates nothing.
func NoAllocs(t testing.TB, table []*op.Def, c Case, how How) {
	t.Helper()
	p := Plan(t, table, c, how)
	run := func() {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if !p.Kernel() {
		t.Fatalf("%s: has no prepared step", describe(c))
	}
	if n := testing.AllocsPerRun(20, run); n != 0 && !testutil.Race {
		t.Errorf("%s: %v allocations a run", describe(c), n)
	}
}

// describe tells attributes and shapes of c.
func describe(c Case) string {
	s := c.Name + " " + graph.OpName(c.Domain, c.Op)
	for _, a := range c.Attrs {
		s += " " + a.Name + "="
		switch a.Kind {
		case graph.AttrInt:
			s += fmt.Sprint(a.I)
		case graph.AttrInts:
			s += fmt.Sprint(a.Ints)
		case graph.AttrFloat:
			s += fmt.Sprint(a.F)
		case graph.AttrString:
			s += a.S
		default:
			s += fmt.Sprint(a.Floats, a.Strings)
		}
	}
	for _, v := range c.Inputs {
		s += " " + tensor.Describe(v)
	}
	return s
}
