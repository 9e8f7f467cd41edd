package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Status is the outcome of a case.
type Status string

// The outcomes. Unsupported: the model has an operator outside the catalogue.
// Error: it could not be loaded or run. Fail: an output is wrong.
const (
	Pass        Status = "pass"
	Fail        Status = "fail"
	Unsupported Status = "unsupported"
	Error       Status = "error"
)

// Result is the outcome of one case.
type Result struct {
	ID      string
	Subject string // operator of the first node, for counting
	Status  Status
	Detail  string
	compare.Diff
	Outputs []tensor.Value // what was computed
}

// Model is a loaded model that can run.
type Model interface {
	// Inputs are the graph inputs that must be fed, in order.
	Inputs() []*graph.Value
	Outputs() []*graph.Value
	// Subject is the operator that the case is about.
	Subject() string
	Run(ctx context.Context, in []tensor.Value) ([]tensor.Value, error)
	Close() error
}

// Opener loads a case's model.
type Opener func(c *Case) (Model, error)

// Default is the tolerance of ONNX's runner.
var Default = compare.Tol{Rel: 1e-3, Abs: 1e-7}

// looser lists the cases that are compared with another tolerance than
// Default, all as ONNX's own runs have them (by prefix of the name).
var looser = []struct {
	prefix string
	tol    compare.Tol
	why    string
}{
	{"light_densenet121", compare.Tol{Rel: 2e-3, Abs: 1e-7}, "rtol of the case in ONNX's runner"},
	{"test_dft", compare.Tol{Rel: 1e-3, Abs: 1e-6}, "ONNX's reference implementation is run with it"},
	{"test_celu_bfloat16_expanded", compare.Tol{Rel: 1e-2, Abs: 1e-2}, "ONNX's reference implementation is run with it"},
}

// Tolerance returns the tolerance for a case.
func Tolerance(name string) compare.Tol {
	for _, l := range looser {
		if strings.HasPrefix(name, l.prefix) {
			return l.tol
		}
	}
	return Default
}

// Run runs one case.
func Run(ctx context.Context, c *Case, open Opener) (r Result) {
	r = Result{ID: c.ID}
	defer func() {
		if p := recover(); p != nil {
			r.Status, r.Detail = Error, fmt.Sprintf("panic: %v", p)
		}
	}()
	m, err := open(c)
	if err != nil {
		return r.failed(err)
	}
	defer m.Close()
	r.Subject = m.Subject()
	in, err := values(m.Inputs(), c.Inputs, "input")
	if err != nil {
		return r.failed(err)
	}
	want, err := values(m.Outputs(), c.Outputs, "output")
	if err != nil {
		return r.failed(err)
	}
	got, err := m.Run(ctx, in)
	if err != nil {
		return r.failed(err)
	}
	r.Outputs = got
	r.Status = Pass
	if len(got) != len(want) {
		r.Status, r.Detail = Fail, fmt.Sprintf("%d outputs, want %d", len(got), len(want))
		return r
	}
	random, tol := strings.HasPrefix(c.Name(), "test_bernoulli"), Tolerance(c.Name())
	if c.Tol != nil {
		tol = *c.Tol
	}
	for i := range want {
		if random {
			err = zeroOrOne(got[i], want[i])
		} else {
			var d compare.Diff
			d, err = compare.Values(got[i], want[i], tol)
			r.MaxAbs, r.MaxRel = max(r.MaxAbs, d.MaxAbs), max(r.MaxRel, d.MaxRel)
		}
		if err != nil {
			r.Status, r.Detail = Fail, fmt.Sprintf("output %d: %v", i, err)
			break
		}
	}
	return r
}

func (r Result) failed(err error) Result {
	r.Status, r.Detail = Error, err.Error()
	var u *op.UnsupportedError
	if errors.As(err, &u) {
		r.Status = Unsupported
	}
	return r
}

// zeroOrOne checks a draw of Bernoulli, whose golden is another generator's draw.
func zeroOrOne(got, want tensor.Value) error {
	g, ok1 := got.(*tensor.Tensor)
	w, ok2 := want.(*tensor.Tensor)
	if !ok1 || !ok2 || g.DType() != w.DType() || !tensor.SameShape(g.Shape(), w.Shape()) {
		return fmt.Errorf("got %s, want %s", tensor.Describe(got), tensor.Describe(want))
	}
	for i := range g.Len() {
		if x := g.FloatAt(i); x != 0 && x != 1 || math.IsNaN(x) {
			return fmt.Errorf("element %d is %v, want 0 or 1", i, x)
		}
	}
	return nil
}

// values parses the files of a case by the types that the model declares.
func values(vals []*graph.Value, files map[int][]byte, kind string) ([]tensor.Value, error) {
	l := make([]tensor.Value, len(vals))
	for i, v := range vals {
		b, ok := files[i]
		if !ok {
			return nil, fmt.Errorf("%s_%d.pb is missing", kind, i)
		}
		x, err := Parse(v.Type, b)
		if err != nil {
			return nil, fmt.Errorf("%s_%d.pb: %w", kind, i, err)
		}
		l[i] = x
	}
	return l, nil
}

// Parse reads the file of a value of type t: a TensorProto, SequenceProto,
// OptionalProto or MapProto.
func Parse(t graph.Type, b []byte) (tensor.Value, error) {
	_, v, err := tensor.ParseValueProto(ProtoKind(t), b)
	return v, err
}

// ProtoKind returns the message that holds values of type t.
func ProtoKind(t graph.Type) tensor.ProtoKind {
	switch t.Kind {
	case graph.KindSequence:
		return tensor.ProtoSequence
	case graph.KindMap:
		return tensor.ProtoMap
	case graph.KindOptional:
		return tensor.ProtoOptional
	}
	return tensor.ProtoTensor
}
