package fuzz

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/exec"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/internal/plan"
	"github.com/walnut-ai/walnut/tensor"
)

// The budgets of a run of one operator, and what a run may take.
const (
	caseBytes      = 16 << 20
	caseIterations = 1e6
	caseTime       = 2 * time.Second
	slack          = 64 << 20 // garbage that a run may leave beyond its budget
)

// succeeded is called with cases that Eval accepts, for statistics.
var succeeded func(*opCase)

// check runs the case every way there is and returns what is wrong, "" if nothing.
func check(c *opCase) (finding string) {
	defer func() {
		if r := recover(); r != nil {
			finding = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	m, err := c.model(false)
	if err != nil || ops.Catalog().Resolve(m) != nil {
		return ""
	}
	inferred := inferAll(m.Graph.Nodes[0], c.in)
	got, evalErr, bad := evalCase(m.Graph, c.args(false))
	if bad != "" {
		return bad
	}
	if evalErr == nil {
		if succeeded != nil {
			succeeded(c)
		}
		if bad := inferred.agree(m.Graph.Nodes[0], got); bad != "" {
			return bad
		}
	}
	return checkPlanned(c, got, evalErr)
}

// inference is the result of inferring a node with less and less known.
type inference struct {
	what []string
	out  [][]op.Fact
	err  []error
	syms []bool // symbols that start with d stand for the number behind it
}

func scope() *op.Scope {
	s := &op.Scope{}
	s.Body = func(b *graph.Body, in []op.Fact) ([]op.Fact, error) { return plan.InferGraph(b.Graph, s, in) }
	return s
}

// inferAll infers n with values, with shapes, with symbols for dimensions,
// with ranks unknown and with types unknown.
func inferAll(n *graph.Node, in []tensor.Value) *inference {
	r := &inference{}
	for _, what := range []string{"values", "shapes", "symbols", "types", "nothing"} {
		facts := make([]op.Fact, 0, len(in))
		for _, x := range in {
			facts = append(facts, fact(what, x))
		}
		for _, b := range n.Bodies {
			for _, v := range b.Captures {
				facts = append(facts, op.Fact{Type: v.Type, Const: v.Const})
			}
		}
		out, err := op.InferNode(n, scope(), facts)
		r.what, r.out, r.err, r.syms = append(r.what, what), append(r.out, out), append(r.err, err), append(r.syms, what == "symbols")
	}
	return r
}

// fact returns what is told of x.
func fact(what string, x tensor.Value) op.Fact {
	if x == nil || what == "nothing" {
		return op.Fact{}
	}
	f := op.Fact{Type: optest.TypeOf(x)}
	switch what {
	case "values":
		f.Const = x
	case "symbols":
		f.Type.Shape = symbols(f.Type.Shape)
	case "types":
		f.Type.Shape = nil
	}
	return f
}

// symbols names the dimensions: equal names for equal numbers.
func symbols(s graph.Shape) graph.Shape {
	if s == nil {
		return nil
	}
	l := make(graph.Shape, len(s))
	for i, d := range s {
		if l[i] = d; d.N != 1 && d.N%3 != 1 { // some stay numbers
			l[i] = graph.Dim{Sym: fmt.Sprintf("d%d", d.N)}
		}
	}
	return l
}

// agree compares inference with what was computed. out lacks the absent outputs.
func (r *inference) agree(n *graph.Node, out []tensor.Value) string {
	for k, what := range r.what {
		if r.err[k] != nil {
			if e := new(graph.Error); errors.As(r.err[k], &e) {
				continue // a node of a body, which may not have run
			}
			return fmt.Sprintf("inference on %s rejects what is computed: %v", what, r.err[k])
		}
		known := map[string]int{}
		j := 0
		for i, v := range n.Outputs {
			if v == nil {
				continue
			}
			if bad := agrees(r.out[k][i], out[j], known); bad != "" {
				return fmt.Sprintf("inference on %s says of output %d: %s", what, i, bad)
			}
			j++
		}
	}
	return ""
}

// agrees compares a fact with a value; known collects the meaning of symbols.
func agrees(f op.Fact, v tensor.Value, known map[string]int) string {
	if err := optest.Agrees(f.Type, v); err != nil {
		return err.Error()
	}
	t, ok := v.(*tensor.Tensor)
	if !ok {
		return ""
	}
	if f.Type.Kind == graph.KindTensor && f.Type.Shape != nil {
		for i, d := range f.Type.Shape {
			if bad := means(d, t.Shape()[i], known); bad != "" {
				return fmt.Sprintf("axis %d of %v, computed %v: %s", i, f.Type, t, bad)
			}
		}
	}
	if f.Elems != nil {
		if t.Rank() > 1 || t.Len() != len(f.Elems) {
			return fmt.Sprintf("elements %v, computed %s", f.Elems, show(t))
		}
		for i, d := range f.Elems {
			if n := t.IntAt(i); int64(int(n)) == n && means(d, int(n), known) != "" {
				return fmt.Sprintf("element %d of %v, computed %s", i, f.Elems, show(t))
			}
		}
	}
	if c, ok := f.Const.(*tensor.Tensor); ok {
		if _, err := compare.Values(t, c, tolerance); err != nil {
			return fmt.Sprintf("value: computed %v", err)
		}
	}
	return ""
}

func means(d graph.Dim, n int, known map[string]int) string {
	if d.Known() {
		if d.N != n {
			return fmt.Sprintf("%d is %d", d.N, n)
		}
		return ""
	}
	var x int
	if _, err := fmt.Sscanf(d.Sym, "d%d", &x); err == nil && d.Sym == fmt.Sprintf("d%d", x) && x != n {
		return fmt.Sprintf("%s is %d", d.Sym, n)
	}
	if old, ok := known[d.Sym]; ok && old != n {
		return fmt.Sprintf("%s is %d and %d", d.Sym, old, n)
	}
	known[d.Sym] = n
	return ""
}

func budgeted(ctx context.Context, bytes, iterations int64) *op.Runtime {
	rt := interp.NewRuntime(ctx)
	rt.Bytes, rt.Iterations = bytes, iterations
	return rt
}

// evalCase runs the oracle within the budgets and tells if it broke one.
func evalCase(g *graph.Graph, in []tensor.Value) (out []tensor.Value, err error, bad string) {
	ctx, cancel := context.WithTimeout(context.Background(), caseTime)
	defer cancel()
	before, start := allocated(), time.Now()
	out, err = interp.Run(budgeted(ctx, caseBytes, caseIterations), g, in)
	if took := time.Since(start); took > 2*caseTime {
		return nil, nil, fmt.Sprintf("hang: Eval took %v", took)
	}
	if n := allocated() - before; n > caseBytes+slack && g.Nodes[0].Bodies == nil {
		return nil, nil, fmt.Sprintf("memory: Eval allocated %d MB", n>>20)
	}
	return out, err, broken(err)
}

// broken tells whether an error shows a defect.
func broken(err error) string {
	if err == nil {
		return ""
	}
	for _, s := range []string{"internal error", "was not computed"} {
		if strings.Contains(err.Error(), s) {
			return "error: " + err.Error()
		}
	}
	return ""
}

// allocated returns the bytes allocated so far.
func allocated() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// resources reports whether err is about the budgets or the time.
func resources(err error) bool {
	return errors.Is(err, op.ErrBudget) || errors.Is(err, context.DeadlineExceeded)
}

// checkPlanned runs the case by a plan and compares.
func checkPlanned(c *opCase, want []tensor.Value, evalErr error) string {
	m, err := c.model(true)
	if err != nil {
		return ""
	}
	if err := ops.Catalog().Resolve(m); err != nil {
		return "constant inputs change decoding: " + err.Error()
	}
	p, err := plan.Compile(m.Graph, &plan.Shared{Name: "m", Threads: 1, MaxBytes: caseBytes, Packs: &plan.Packs{}})
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), caseTime)
	defer cancel()
	got := make([]tensor.Value, len(m.Graph.Outputs))
	before, start := allocated(), time.Now()
	err = exec.Run(ctx, p, c.args(true), got, exec.Options{Bytes: caseBytes, Iterations: caseIterations})
	if took := time.Since(start); took > 2*caseTime {
		return fmt.Sprintf("hang: the planned run took %v", took)
	}
	if n := allocated() - before; n > caseBytes+slack && c.bodies == nil {
		return fmt.Sprintf("memory: the planned run allocated %d MB", n>>20)
	}
	if bad := broken(err); bad != "" {
		return "planned: " + bad
	}
	switch {
	case resources(err) || resources(evalErr):
		return ""
	case err != nil && evalErr == nil:
		if strings.Contains(err.Error(), "/body/") {
			return "" // inference refuses a body that didn't run
		}
		return fmt.Sprintf("planned: only the plan fails: %v", err)
	case err == nil && evalErr != nil:
		return fmt.Sprintf("planned: only Eval fails: %v", evalErr)
	case err != nil || ops.Catalog().Find(c.domain, c.op).Random || !tame(c):
		return ""
	}
	for i := range want {
		if bad := differ(got[i], want[i]); bad != "" {
			return fmt.Sprintf("planned: output %d: %s", i, bad)
		}
	}
	return ""
}

var tolerance = compare.Tol{Rel: 1e-3, Abs: 1e-4}

// differ compares two results; absolute errors are measured against the largest element.
func differ(got, want tensor.Value) string {
	tol := tolerance
	t, ok := want.(*tensor.Tensor)
	if ok && t.DType().IsFloat() {
		big := 0.0
		for i := range t.Len() {
			if x := math.Abs(t.FloatAt(i)); x <= math.MaxFloat64 { // no infinity, no NaN
				big = max(big, x)
			}
		}
		tol.Abs += big * 1e-4
		switch t.DType().Size() {
		case 2:
			tol.Rel, tol.Abs = 2e-2, tol.Abs+big*1e-2
		case 1, 0:
			tol.Rel, tol.Abs = 0.3, tol.Abs+big*0.15
		}
	}
	if ok && t.DType().IsInt() && t.DType().Bits() <= 8 {
		tol.Abs = 1 // rounding of quantised values
	}
	if _, err := compare.Values(got, want, tol); err != nil {
		return err.Error()
	}
	return ""
}

// tame reports whether the numbers of c are moderate, so that the order of
// additions and the width of intermediate results don't matter.
func tame(c *opCase) bool {
	ok := func(x float64) bool { return math.Abs(x) <= 100 && (x == 0 || math.Abs(x) > 1e-6) }
	for _, v := range c.in {
		t, isT := v.(*tensor.Tensor)
		if !isT || !t.DType().IsFloat() {
			continue
		}
		for i := range t.Len() {
			if !ok(t.FloatAt(i)) {
				return false
			}
		}
	}
	for _, a := range c.attrs {
		if !ok(float64(a.F)) {
			return false
		}
		for _, f := range a.Floats {
			if !ok(float64(f)) {
				return false
			}
		}
	}
	return true
}
