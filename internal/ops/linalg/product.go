package linalg

import (
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// number lists what products are computed from; float32 is read in place, all
// other types are widened first. Integers of any type are int64: addition and
// multiplication modulo 2^64 agree for signed and unsigned, and stores keep the
// low bits.
type number interface{ float32 | float64 | int64 }

// matrix is a stack of matrices in a flat slice: element (i, j) of the matrix
// at offset o lies at o + i*row + j*col.
type matrix[T number] struct {
	data     []T
	row, col int
}

// rowProduct sets acc to row i of a·b, a with k columns. ao and bo are the
// offsets of the two matrices. The sums are of type A, one for each column.
func rowProduct[A float64 | int64, T number](acc []A, a, b matrix[T], ao, bo, i, k int) {
	clear(acc)
	n := len(acc)
	if n == 0 || k == 0 {
		return
	}
	x := ao + i*a.row
	if b.col == 1 {
		for p := range k {
			v := A(a.data[x+p*a.col])
			row := b.data[bo+p*b.row:][:n]
			for j, w := range row {
				acc[j] += v * A(w)
			}
		}
		return
	}
	for j := range acc {
		var s A
		y := bo + j*b.col
		for p := range k {
			s += A(a.data[x+p*a.col]) * A(b.data[y+p*b.row])
		}
		acc[j] = s
	}
}

// product describes a batched matrix product after broadcasting: two operands
// with strides, and where the result's rows go.
type product struct {
	batch      []int // batch dimensions of the result
	as, bs     []int // strides of the operands along them
	m, k, n    int
	arow, acol int
	brow, bcol int
}

// dims returns the result's batch dimensions followed by m and n.
func (p *product) dims() []int {
	return append(append(make([]int, 0, len(p.batch)+2), p.batch...), p.m, p.n)
}

// eachRow calls f with every row of the product in row-major order of the result.
func eachRow[A float64 | int64, T number](e *op.Eval, p *product, a, b []T, acc []A, f func(row int, acc []A)) error {
	am := matrix[T]{a, p.arow, p.acol}
	bm := matrix[T]{b, p.brow, p.bcol}
	return op.Each(p.batch, [][]int{p.as, p.bs}, func(q int, _, off []int) error {
		for i := range p.m {
			if err := e.Tick(1); err != nil {
				return err
			}
			rowProduct(acc, am, bm, off[0], off[1], i, p.k)
			f(q*p.m+i, acc)
		}
		return nil
	})
}

// run computes the product of inputs 0 and 1 and hands each row's sums to one
// of the two functions, which may change them and store them.
func (p *product) run(e *op.Eval, ff func(row int, acc []float64), fi func(row int, acc []int64)) error {
	if n, ok := tensor.NumElements(p.dims()); n == 0 || !ok {
		return nil // no rows to visit, though the batch dimensions alone may be vast
	}
	a, b := e.In(0), e.In(1)
	if a.DType().IsInt() {
		t, err := e.Temp(tensor.Int64, p.n)
		if err != nil {
			return err
		}
		return eachRow(e, p, e.Ints(0), e.Ints(1), tensor.Of[int64](t), fi)
	}
	t, err := e.Temp(tensor.Float64, p.n)
	if err != nil {
		return err
	}
	acc := tensor.Of[float64](t)
	if x, err := tensor.Data[float32](a); err == nil {
		if y, err := tensor.Data[float32](b); err == nil {
			return eachRow(e, p, x, y, acc, ff)
		}
	}
	return eachRow(e, p, e.Floats(0), e.Floats(1), acc, ff)
}

// storeRow writes sums to row i of y, a tensor of rows of len(acc) elements.
func storeRow(y *tensor.Tensor, i int, acc []float64) {
	o := i * len(acc)
	if d, err := tensor.Data[float32](y); err == nil {
		for j, v := range acc {
			d[o+j] = float32(v)
		}
		return
	}
	for j, v := range acc {
		y.SetFloatAt(o+j, v)
	}
}

func storeInts(y *tensor.Tensor, i int, acc []int64) {
	o := i * len(acc)
	for j, v := range acc {
		y.SetIntAt(o+j, v)
	}
}
