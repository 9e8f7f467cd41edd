package linalg

import (
	kgemm "github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// productStep is a float32 matrix product through kernel/gemm.
type productStep struct {
	plan       kgemm.Plan
	args       kgemm.Args // all but the operands
	a, b, c, y op.Slot
	scratch    op.Slot
	row        bool // c holds a value for each row of the result, else for each column
}

// Run implements op.Step.
func (s *productStep) Run(f *op.Frame) error {
	a := s.args
	a.A, a.C = f.F32(s.a), f.F32(s.y)
	if a.Packed == nil {
		a.B = f.F32(s.b)
	}
	if s.c >= 0 {
		if s.row {
			a.BiasRow = f.F32(s.c)
		} else {
			a.BiasCol = f.F32(s.c)
		}
	}
	s.plan.Run(f.Team, &a, f.F32(s.scratch))
	return nil
}

// packMatrix packs a constant B of k rows and n columns.
func packMatrix(b op.Bind, in, k, n int, trans bool) *kgemm.Packed {
	kind, ld := "gemm", n
	if trans {
		kind, ld = "gemm transposed", k
	}
	return b.Pack(in, kind, func(w *tensor.Tensor) (any, int) {
		return kgemm.PackB(nil, tensor.Of[float32](w), ld, k, n, trans), 4 * kgemm.PackedSize(k, n)
	}).(*kgemm.Packed)
}

// finish plans the product and asks for scratch memory.
func (s *productStep) finish(b op.Bind, shape kgemm.Shape) op.Step {
	s.plan = kgemm.NewPlan(shape)
	s.scratch = b.Scratch(4 * s.plan.ScratchSize(b.Threads()))
	return s
}

// Prepare runs float32 products by kernel/gemm.
func (o *gemm) Prepare(b op.Bind) (op.Step, error) {
	y := b.OutShape(0)
	if b.Type(0) != tensor.Float32 || o.act != nil && !o.relu || o.alpha == 0 {
		return nil, nil
	}
	m, n := y[0], y[1]
	k := b.Shape(0)[1]
	if o.transA {
		k = b.Shape(0)[0]
	}
	s := &productStep{a: b.In(0), b: op.NoSlot, c: op.NoSlot, y: b.Out(0)}
	if b.Has(2) && o.beta != 0 {
		c := b.Shape(2)
		switch size := op.Prod(c); {
		case o.beta != 1:
			return nil, nil
		case size == n && (len(c) == 0 || c[len(c)-1] == n):
		case len(c) == 2 && size == m && c[0] == m:
			s.row = true
		default:
			return nil, nil
		}
		s.c = b.In(2)
	}
	s.args = kgemm.Args{LDA: b.Shape(0)[1], LDB: b.Shape(1)[1], LDC: n, Alpha: float32(o.alpha)}
	if o.relu {
		s.clip()
	}
	shape := kgemm.Shape{M: m, N: n, K: k, TransA: o.transA, TransB: o.transB}
	if b.Const(1) != nil && m*n*k > 0 {
		s.args.Packed, shape.B = packMatrix(b, 1, k, n, o.transB), kgemm.IsPacked
	} else {
		s.b = b.In(1)
	}
	return s.finish(b, shape), nil
}

// Prepare runs float32 products by kernel/gemm: a batch of matrices, or, where B
// has no batch, all rows of A as one matrix.
func (o *matMul) Prepare(b op.Bind) (op.Step, error) {
	as, bs, y := b.Shape(0), b.Shape(1), b.OutShape(0)
	if b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 || o.act != nil || o.transBatch != [2]bool{} || o.alpha == 0 || len(as) < 2 || len(bs) < 2 {
		return nil, nil
	}
	m, n := y[len(y)-2], y[len(y)-1]
	k := as[len(as)-1]
	if o.trans[0] {
		k = as[len(as)-2]
	}
	s := &productStep{a: b.In(0), b: op.NoSlot, c: op.NoSlot, y: b.Out(0)}
	s.args = kgemm.Args{LDA: as[len(as)-1], LDB: bs[len(bs)-1], LDC: n, Alpha: float32(o.alpha)}
	shape := kgemm.Shape{M: m, N: n, K: k, TransA: o.trans[0], TransB: o.trans[1]}
	if op.Prod(bs[:len(bs)-2]) == 1 && !o.trans[0] && op.Prod(as[:len(as)-2])*m == op.Prod(y[:len(y)-1]) {
		shape.M = op.Prod(y[:len(y)-1])
	} else if op.Prod(y[:len(y)-2]) > maxBatch {
		return nil, nil
	} else {
		s.batch(&shape, as, bs, y)
	}
	if shape.Batch <= 1 && b.Const(1) != nil && op.Prod(y)*k > 0 {
		s.args.Packed, shape.B = packMatrix(b, 1, k, n, o.trans[1]), kgemm.IsPacked
	} else {
		s.b = b.In(1)
	}
	return s.finish(b, shape), nil
}

// maxBatch bounds the products of which a plan keeps a list.
const maxBatch = 1 << 18

// batch lists the products of a broadcast batch.
func (s *productStep) batch(shape *kgemm.Shape, as, bs, y []int) {
	lead := y[:len(y)-2]
	shape.Batch = max(1, op.Prod(lead))
	if op.Prod(lead) == 0 {
		shape.M = 0
	}
	ra, rb := op.BroadcastStrides(as[:len(as)-2], lead), op.BroadcastStrides(bs[:len(bs)-2], lead)
	ma, mb := op.Prod(as[len(as)-2:]), op.Prod(bs[len(bs)-2:])
	if shape.Batch == 1 {
		return
	}
	_ = op.Each(lead, [][]int{ra, rb}, func(i int, _, off []int) error {
		s.args.Products = append(s.args.Products, kgemm.Offset{A: off[0] * ma, B: off[1] * mb, C: i * shape.M * shape.N})
		return nil
	})
}
