package reduce

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// gen makes random cases; it prints its seed when the test fails.
type gen struct{ *rand.Rand }

func newGen(t *testing.T) gen {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return gen{rand.New(rand.NewPCG(seed, 1))}
}

// dims is a shape of 1 to 5 axes.
func (g gen) dims() []int {
	d := make([]int, 1+g.IntN(5))
	for i := range d {
		d[i] = 1 + g.IntN(5)
	}
	return d
}

// of is a tensor of random numbers, few enough of them to have equals.
func (g gen) of(dt tensor.DType, dims ...int) *tensor.Tensor {
	x, err := tensor.New(dt, dims...)
	if err != nil {
		panic(err)
	}
	for i := range x.Len() {
		if dt.IsFloat() {
			x.SetFloatAt(i, float64(g.IntN(17)-8)/4)
		} else {
			x.SetIntAt(i, int64(g.IntN(9)-4))
		}
	}
	return x
}

var numbers = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.Int64, tensor.Int32, tensor.Int8, tensor.Uint64, tensor.Uint32, tensor.Uint8}

func TestPreparedReductions(t *testing.T) {
	g := newGen(t)
	for _, d := range []string{"ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"} {
		for _, dt := range numbers {
			exact := d == "ReduceL2" || d == "ReduceLogSum" || d == "ReduceLogSumExp"
			max := d == "ReduceMax" || d == "ReduceMin"
			if !dt.IsFloat() && exact || (dt == tensor.Uint8 || dt == tensor.Int8) && !max {
				continue
			}
			for range 10 {
				dims := g.dims()
				x := g.of(dt, dims...)
				if d == "ReduceLogSum" {
					for i := range x.Len() {
						x.SetFloatAt(i, x.FloatAt(i)+3)
					}
				}
				var axes []int64
				for a := range dims {
					if g.IntN(2) == 0 {
						axes = append(axes, int64(a))
					}
				}
				c := optest.Case{Op: d, Inputs: vals{x, optest.T(axes, len(axes))},
					Attrs: []graph.Attr{optest.Int("keepdims", int64(g.IntN(2))), optest.Int("noop_with_empty_axes", int64(g.IntN(2)))}, Tol: 1e-5}
				if dt == tensor.Float16 {
					c.Tol = 1e-2
				}
				optest.Prepared(t, Table, c, optest.How{Const: []int{1}})
			}
		}
		x := g.of(tensor.Float32, 3, 0, 2)
		optest.Prepared(t, Table, optest.Case{Op: d, Inputs: vals{x, optest.T([]int64{1}, 1)}}, optest.How{Const: []int{1}})
		optest.NoAllocs(t, Table, optest.Case{Op: d, Inputs: vals{g.of(tensor.Float32, 3, 4, 5), optest.T([]int64{0, 2}, 2)}}, optest.How{Const: []int{1}})
	}
	for range 20 {
		dims := append(g.dims(), 3)
		axes := []int64{int64(len(dims) - 1)}
		if len(dims) > 2 {
			axes = append(axes, 0)
		}
		for _, dt := range numbers[:3] {
			c := optest.Case{Op: "MeanVarianceNormalization", Attrs: []graph.Attr{optest.Ints("axes", axes...)}, Inputs: vals{g.of(dt, dims...)}, Tol: 1e-4}
			if dt == tensor.Float16 {
				c.Tol = 4e-3
			}
			for i := range c.Inputs[0].(*tensor.Tensor).Len() { // vectors of equals are divided by 1e-9
				x := c.Inputs[0].(*tensor.Tensor)
				x.SetFloatAt(i, x.FloatAt(i)+float64(i%3)*5)
			}
			optest.Prepared(t, Table, c, optest.How{})
		}
	}
}

func TestPreparedOrder(t *testing.T) {
	g := newGen(t)
	for range 60 {
		dims := g.dims()
		axis := g.IntN(len(dims))
		if g.IntN(3) == 0 {
			dims[axis] = 40
		}
		dt := []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.Int64, tensor.Int32, tensor.Int8, tensor.Uint8}[g.IntN(7)]
		x := g.of(dt, dims...)
		if dt.IsFloat() {
			for range x.Len() / 4 {
				x.SetFloatAt(g.IntN(x.Len()), []float64{float64(nan), float64(inf), float64(-inf), math.Copysign(0, -1)}[g.IntN(4)])
			}
		}
		a := optest.Int("axis", int64(axis))
		for _, name := range []string{"ArgMax", "ArgMin"} {
			optest.Prepared(t, Table, optest.Case{Op: name, Inputs: vals{x}, Attrs: []graph.Attr{a, optest.Int("keepdims", int64(g.IntN(2))),
				optest.Int("select_last_index", int64(g.IntN(2)))}}, optest.How{})
		}
		if dt == tensor.Float32 || dt == tensor.Float16 || dt == tensor.Int32 {
			k := int64(1 + g.IntN(dims[axis]))
			how := optest.How{Const: []int{1}}
			if g.IntN(3) == 0 {
				how.Absent = []int{0}
			}
			optest.Prepared(t, Table, optest.Case{Op: "TopK", Inputs: vals{x, optest.T([]int64{k}, 1)}, Outputs: 2,
				Attrs: []graph.Attr{a, optest.Int("largest", int64(g.IntN(2)))}}, how)
		}
		if dt != tensor.Int8 && dt != tensor.Uint8 {
			x = g.of(dt, dims...)
			for _, name := range []string{"CumSum", "CumProd"} {
				c := optest.Case{Op: name, Inputs: vals{x, tensor.Scalar(int64(axis))}, Tol: 1e-3,
					Attrs: []graph.Attr{optest.Int("exclusive", int64(g.IntN(2))), optest.Int("reverse", int64(g.IntN(2)))}}
				optest.Prepared(t, Table, c, optest.How{Const: []int{1}})
				optest.NoAllocs(t, Table, c, optest.How{Const: []int{1}})
			}
		}
	}
	x := g.of(tensor.Float32, 7, 500)
	for _, k := range []int64{3, 400} {
		c := optest.Case{Op: "TopK", Inputs: vals{x, optest.T([]int64{k}, 1)}, Outputs: 2}
		optest.Prepared(t, Table, c, optest.How{Const: []int{1}})
		optest.NoAllocs(t, Table, c, optest.How{Const: []int{1}})
	}
	optest.NoAllocs(t, Table, optest.Case{Op: "ArgMax", Inputs: vals{x}}, optest.How{})
}

func TestPreparedRows(t *testing.T) {
	g := newGen(t)
	for range 30 {
		dims := g.dims()
		axis := optest.Int("axis", int64(g.IntN(len(dims))))
		x := g.of(tensor.Float32, dims...)
		for _, c := range []optest.Case{
			{Op: "LpNormalization", Attrs: []graph.Attr{axis, optest.Int("p", int64(1+g.IntN(2)))}, Inputs: vals{x}},
			{Op: "Softmax", Attrs: []graph.Attr{axis}, Inputs: vals{x}},
			{Op: "Hardmax", Attrs: []graph.Attr{axis}, Inputs: vals{x}},
		} {
			optest.Prepared(t, Table, c, optest.How{Threads: 1 + g.IntN(3)})
			optest.NoAllocs(t, Table, c, optest.How{})
		}
		a, b, n := 1+g.IntN(4), 1+g.IntN(50), 1+g.IntN(70)
		for inner := range 2 {
			bias := g.of(tensor.Float32, 1, b, n)
			if inner == 1 {
				bias = g.of(tensor.Float32, a, 1, n)
			}
			c := optest.Case{Domain: "com.microsoft", Op: "BiasSoftmax", Inputs: vals{g.of(tensor.Float32, a, b, n), bias},
				Attrs: []graph.Attr{optest.Int("axis", 2), optest.Int("is_inner_broadcast", int64(inner))}}
			optest.Prepared(t, Table, c, optest.How{Threads: 1 + g.IntN(3)})
			optest.NoAllocs(t, Table, c, optest.How{})
		}
	}
}
