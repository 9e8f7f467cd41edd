package quant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// Short names for the tables.
type (
	in   = []tensor.Value
	at   = []graph.Attr
	test = optest.Case
)

func f32(v float32) *tensor.Tensor { return tensor.Scalar(v) }
func u8(v uint8) *tensor.Tensor    { return tensor.Scalar(v) }
func i8(v int8) *tensor.Tensor     { return tensor.Scalar(v) }

func floatsOf(v []float32, dims ...int) *tensor.Tensor { return optest.T(v, dims...) }
func bytesOf(v []uint8, dims ...int) *tensor.Tensor    { return optest.T(v, dims...) }
func int8sOf(v []int8, dims ...int) *tensor.Tensor     { return optest.T(v, dims...) }
func int32sOf(v []int32, dims ...int) *tensor.Tensor   { return optest.T(v, dims...) }

// as makes a tensor of any type from floats.
func as(dt tensor.DType, v []float32, dims ...int) *tensor.Tensor {
	return optest.As(dt, floatsOf(v, dims...))
}

// ramp returns n bytes (i*step + start) mod 256.
func ramp(n, step, start int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*step + start)
	}
	return b
}

func ramp8(step, start int, dims ...int) *tensor.Tensor {
	return bytesOf(ramp(op.Prod(dims), step, start), dims...)
}

func rampS8(step, start int, dims ...int) *tensor.Tensor {
	v := make([]int8, op.Prod(dims))
	for i := range v {
		v[i] = int8(byte(i*step + start))
	}
	return int8sOf(v, dims...)
}

// cases lists all tables below, for the test of robustness.
var cases [][]test

func TestRobust(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cat := op.NewCatalog(Table)
	for _, table := range cases {
		for _, c := range table {
			for k := range 60 {
				m := mutate(r, c)
				func() {
					defer func() {
						if p := recover(); p != nil {
							t.Errorf("%s %s, variant %d: %v\n%v %v", c.Op, c.Name, k, p, m.Attrs, describe(m.Inputs))
						}
					}()
					_, err := optest.Eval(cat, m)
					if err != nil && len(err.Error()) > 8 && err.Error()[:8] == "inferred" {
						t.Errorf("%s %s, variant %d: %v\n%v %v", c.Op, c.Name, k, err, m.Attrs, describe(m.Inputs))
					}
				}()
			}
		}
	}
}

func describe(v []tensor.Value) (s []string) {
	for _, x := range v {
		s = append(s, tensor.Describe(x))
	}
	return s
}

// mutate returns c with one input or attribute changed at random.
func mutate(r *rand.Rand, c test) test {
	c.Inputs = append(in{}, c.Inputs...)
	c.Attrs = append(at{}, c.Attrs...)
	c.Outputs, c.Want = max(c.Outputs, len(c.Want)), nil
	for range 1 + r.IntN(2) {
		if len(c.Attrs) > 0 && r.IntN(3) == 0 {
			a := &c.Attrs[r.IntN(len(c.Attrs))]
			v := []int64{-1, 0, 1, 2, 3, 16, 32, 1 << 20, 1<<31 - 1, 1 << 40, math.MaxInt64, math.MinInt64}[r.IntN(12)]
			a.I = v
			if len(a.Ints) > 0 {
				a.Ints = append([]int64{}, a.Ints...)
				a.Ints[r.IntN(len(a.Ints))] = v
			}
			continue
		}
		i := r.IntN(len(c.Inputs))
		x, ok := c.Inputs[i].(*tensor.Tensor)
		if !ok {
			continue
		}
		dims := append([]int{}, x.Shape()...)
		switch r.IntN(4) {
		case 0:
			dims = dims[:r.IntN(len(dims)+1)]
		case 1:
			dims = append(dims, 1+r.IntN(3))
		default:
			if len(dims) > 0 {
				dims[r.IntN(len(dims))] = r.IntN(5)
			}
		}
		y, err := tensor.New(x.DType(), dims...)
		if err != nil {
			continue
		}
		for j := range y.Bytes() {
			y.Bytes()[j] = byte(r.IntN(256))
		}
		c.Inputs[i] = y
	}
	return c
}

// run registers a table and runs it.
func run(t *testing.T, table []test) {
	t.Helper()
	for i := range table {
		if table[i].Name == "" {
			table[i].Name = fmt.Sprint(table[i].Op, i)
		}
	}
	optest.Run(t, Table, table)
}

func register(table []test) []test {
	cases = append(cases, table)
	return table
}
