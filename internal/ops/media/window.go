package media

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// window is one of the cosine windows, w(k) = f(2πk/N): N is the size, or one
// less for a symmetric window.
type window struct {
	f        func(x float64) float64
	dt       tensor.DType
	periodic bool
}

// realType reads output_datatype, which must stand for real numbers.
func realType(a *op.Args) tensor.DType {
	dt := a.DType("output_datatype", tensor.Float32)
	if !dt.IsFloat() && !dt.IsInt() {
		a.Fail("attribute output_datatype is %v, must be a type of real numbers", dt)
	}
	return dt
}

func windowDef(name string, f func(x float64) float64) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		return &window{f, realType(a), a.Bool("periodic", true)}, nil
	}}
}

var (
	hannWindowDef    = windowDef("HannWindow", func(x float64) float64 { s := math.Sin(x / 2); return s * s })
	hammingWindowDef = windowDef("HammingWindow", func(x float64) float64 { return (25 - 21*math.Cos(x)) / 46 })
	// The terms are summed in the order of the standard's function body: near 0 they cancel.
	blackmanWindowDef = windowDef("BlackmanWindow", func(x float64) float64 { return math.Cos(2*x)*0.08 - 0.5*math.Cos(x) + 0.42 })
)

// Infer states a vector as long as the scalar input 0 says.
func (o *window) Infer(c *op.Infer) error {
	n := c.Fresh()
	if e := c.Elems(0); len(e) == 1 {
		if e[0].Known() && e[0].N < 0 {
			return fmt.Errorf("size is %d", e[0].N)
		}
		n = e[0]
	}
	c.Out(0, o.dt, graph.Shape{n})
	return nil
}

func (o *window) Eval(e *op.Eval) error {
	l := e.IntList(0)
	if len(l) != 1 || l[0] < 0 {
		return fmt.Errorf("size is %v, must be one number that is not negative", l)
	}
	y, err := e.Out(0, o.dt, l[0])
	if err != nil {
		return err
	}
	n := l[0]
	if !o.periodic {
		n--
	}
	if n == 0 && l[0] == 1 { // a symmetric window of one point is its middle
		y.SetFloatAt(0, 1)
		return nil
	}
	for k := range l[0] {
		y.SetFloatAt(k, o.f(2*math.Pi*float64(k)/float64(n)))
	}
	return nil
}

// melWeightMatrix is MelWeightMatrix: triangles that weigh the bins of a
// one-sided spectrum, [dft_length/2 + 1, num_mel_bins].
type melWeightMatrix struct{ dt tensor.DType }

var melWeightMatrixDef = &op.Def{Name: "MelWeightMatrix", New: func(a *op.Args) (op.Op, error) {
	return &melWeightMatrix{realType(a)}, nil
}}

func (o *melWeightMatrix) Infer(c *op.Infer) error {
	bins, mels := c.Fresh(), c.Fresh()
	if e := c.Elems(0); len(e) == 1 {
		mels = e[0]
	}
	if l, ok := c.Ints(1); ok && len(l) == 1 && l[0] >= 0 {
		bins = graph.D(l[0]/2 + 1)
	}
	c.Out(0, o.dt, graph.Shape{bins, mels})
	return nil
}

func (o *melWeightMatrix) Eval(e *op.Eval) error {
	var n [3]int
	for i, name := range []string{"num_mel_bins", "dft_length", "sample_rate"} {
		l := e.IntList(i)
		if len(l) != 1 || l[0] < 0 || i == 2 && l[0] == 0 {
			return fmt.Errorf("%s is %v, must be one positive number", name, l)
		}
		n[i] = l[0]
	}
	var edge [2]float64
	for i, name := range []string{"lower_edge_hertz", "upper_edge_hertz"} {
		l := e.Floats(3 + i)
		if len(l) != 1 || !(l[0] > -700) || math.IsInf(l[0], 0) {
			return fmt.Errorf("%s is %v, must be one frequency", name, l)
		}
		edge[i] = l[0]
	}
	mels, bins := n[0], n[1]/2+1
	y, err := e.Out(0, o.dt, bins, mels)
	if err != nil {
		return err
	}
	for i := range y.Len() {
		y.SetFloatAt(i, 0)
	}
	mel := func(f float64) float64 { return 2595 * math.Log10(1+f/700) }
	low := mel(edge[0])
	step := (mel(edge[1]) - low) / (float64(mels) + 2)
	bin := func(i int) float64 {
		hz := 700 * (math.Pow(10, (float64(i)*step+low)/2595) - 1)
		return math.Floor((float64(n[1]) + 1) * hz / float64(n[2]))
	}
	for i := range mels {
		a, b, c := bin(i), bin(i+1), bin(i+2)
		if a == b {
			if b >= 0 && b < float64(bins) {
				y.SetFloatAt(int(b)*mels+i, 1)
			}
		}
		for j := max(a, 0); j <= min(b, float64(bins-1)) && a < b; j++ {
			y.SetFloatAt(int(j)*mels+i, (j-a)/(b-a))
		}
		for j := max(b, 0); j < min(c, float64(bins)); j++ {
			y.SetFloatAt(int(j)*mels+i, (c-j)/(c-b))
		}
		if err := e.Tick(1 + bins/16); err != nil {
			return err
		}
	}
	return nil
}
