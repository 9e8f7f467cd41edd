package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// project returns x·w + bias as a temporary tensor of float64, [rows of x, N]
// under x's leading dimensions. x is [..., D], w [D, N], bias [N] or nil.
func project(e *op.Eval, x, w, bias *tensor.Tensor) (*tensor.Tensor, error) {
	d := x.Shape()
	if len(d) < 2 || w.Rank() != 2 || w.Shape()[0] != d[len(d)-1] {
		return nil, fmt.Errorf("input is %v, weights %v; the weights must have as many rows as the input columns", x, w)
	}
	k, n := w.Shape()[0], w.Shape()[1]
	if bias != nil && !tensor.SameShape(bias.Shape(), []int{n}) {
		return nil, fmt.Errorf("bias is %v, must be [%d]", bias, n)
	}
	y, err := e.Temp(tensor.Float64, append(append([]int{}, d[:len(d)-1]...), n)...)
	if err != nil || y.Len() == 0 {
		return y, err
	}
	out, m := tensor.Of[float64](y), w.Floats(make([]float64, 0, w.Len()))
	for r := range len(out) / n {
		if err := e.Tick(1); err != nil {
			return nil, err
		}
		row := out[r*n : (r+1)*n]
		if bias != nil {
			for j := range row {
				row[j] = bias.FloatAt(j)
			}
		}
		for p := range k {
			v := x.FloatAt(r*k + p)
			for j, c := range m[p*n : (p+1)*n] {
				row[j] += v * c
			}
		}
	}
	return y, nil
}

// sizes returns the widths of Q, K and V in merged weights of total columns:
// the attribute qkv_hidden_sizes, else thirds. Q and K are equal, and all are
// multiples of the number of heads.
func sizes(attr []int, total, n int) (d [3]int, err error) {
	switch {
	case len(attr) == 3:
		copy(d[:], attr)
	case len(attr) != 0:
		return d, fmt.Errorf("attribute qkv_hidden_sizes has %d elements, must have 3", len(attr))
	default:
		d = [3]int{total / 3, total / 3, total / 3}
	}
	sum := 0
	for _, x := range d {
		if x <= 0 || x%n != 0 || x > total {
			return d, fmt.Errorf("hidden sizes of Q, K and V are %v, must be positive multiples of num_heads = %d", d, n)
		}
		sum += x
	}
	if d[0] != d[1] || sum != total {
		return d, fmt.Errorf("hidden sizes of Q, K and V are %v, must be equal for Q and K and add up to %d", d, total)
	}
	return d, nil
}

// plusBias returns x with the elements of bias from off on added to each vector,
// as temporary float64; x itself if bias is nil.
func plusBias(e *op.Eval, x heads, bias *tensor.Tensor, off int) (heads, error) {
	if bias == nil {
		return x, nil
	}
	if bias.Rank() != 1 || bias.Len() < off+x.n*x.d {
		return heads{}, fmt.Errorf("bias is %v, must have at least %d elements", bias, off+x.n*x.d)
	}
	t, err := e.Temp(tensor.Float64, x.b, x.n, x.s, x.d)
	if err != nil {
		return heads{}, err
	}
	if t.Len() == 0 {
		return bnsh(t), nil
	}
	y := tensor.Of[float64](t)
	for b := range x.b {
		for h := range x.n {
			for s := range x.s {
				row := y[((b*x.n+h)*x.s+s)*x.d:][:x.d]
				x.row(row, b, h, s)
				for i := range row {
					row[i] += bias.FloatAt(off + h*x.d + i)
				}
			}
		}
	}
	return bnsh(t), nil
}
