package gemm

import (
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// chunk is a block of C: rows m0 to m1 of panels p0 to p1 of one product.
type chunk struct {
	plan           *Plan
	args           *Args
	team           *parallel.Team
	batch          int
	at             Offset
	m0, m1, p0, p1 int
	scratch        []float32
}

// run computes the chunk, kc rows of B after the other.
func (c *chunk) run() {
	p, a := c.plan, c.args
	k := kernelArgs{alpha: a.Alpha, ldc: a.LDC * 4}
	for k0 := 0; ; k0 += p.kc {
		k.kc = min(p.kc, p.K-k0)
		last := k0+k.kc >= p.K
		k.beta = 1
		if k0 == 0 {
			k.beta = a.Beta
		}
		if last && a.Clip {
			k.clip, k.lo, k.hi = 1, a.Lo, a.Hi
		}
		base, pitch := c.rowsOfA(k0, k.kc)
		k.rs = pitch * 4
		for j := c.p0; j < c.p1; j++ {
			c.panel(&k, j, k0, last, base)
		}
		if last || c.team.Stopped() {
			return
		}
	}
}

// rowsOfA gives the first element and the pitch of the chunk's rows of A from column k0 on, in place or copied to scratch memory.
func (c *chunk) rowsOfA(k0, kc int) (base *float32, pitch int) {
	p, a := c.plan, c.args
	if kc == 0 {
		return nil, 0
	}
	if !p.copyA {
		return &a.A[c.at.A+c.m0*a.LDA+k0], a.LDA
	}
	pitch = p.pitchA()
	buf := c.scratch[len(c.scratch)-(p.rows*pitch):]
	transpose(buf, pitch, a.A[c.at.A+k0*a.LDA+c.m0:], a.LDA, kc, c.m1-c.m0)
	return &buf[0], pitch
}

// panel computes the chunk's rows of panel j.
func (c *chunk) panel(k *kernelArgs, j, k0 int, last bool, base *float32) {
	p, a := c.plan, c.args
	j0 := j * p.width
	k.cols = min(p.width, p.N-j0)
	k.mask = 1<<uint(k.cols) - 1
	t := p.layout.tile(k.cols)
	switch {
	case p.direct:
		t = p.layout.direct[p.M]
		k.bs = a.LDB * 4
		if k.kc > 0 {
			k.b = &a.B[c.at.B+k0*a.LDB+j0]
		}
	case p.B == IsPacked:
		if k.kc > 0 {
			k.b = &a.Packed.data[j0*p.K+k0*t.width]
		}
	default:
		if k.kc > 0 {
			k.b = &c.scratch[0]
			c.pack(c.scratch[:k.kc*t.width], k0, k.kc, j0, k.cols, t.width)
		}
	}
	k.biasCol, k.biasRow = nil, nil
	if last && a.BiasCol != nil {
		k.biasCol = &a.BiasCol[j0]
	}
	// Heights as equal as can be: never a lone row or two at the end.
	m := c.m1 - c.m0
	n := (m + t.rows - 1) / t.rows
	for i, r := 0, 0; i < n; i++ {
		h := m / n
		if i < m%n {
			h++
		}
		k.a = (*float32)(unsafe.Add(unsafe.Pointer(base), r*k.rs))
		k.c = &a.C[c.at.C+(c.m0+r)*a.LDC+j0]
		if last && a.BiasRow != nil {
			k.biasRow = &a.BiasRow[c.at.BiasRow+c.m0+r]
		}
		t.run(h, k)
		r += h
	}
}

// pack brings a piece of B into panel order.
func (c *chunk) pack(dst []float32, k0, kc, j0, cols, width int) {
	p, a := c.plan, c.args
	switch {
	case p.B == Computed:
		a.Source.Pack(dst, c.batch, k0, kc, j0, cols, width)
	case p.TransB:
		if cols < width {
			clear(dst)
		}
		transpose(dst, width, a.B[c.at.B+j0*a.LDB+k0:], a.LDB, cols, kc)
	default:
		packRows(dst, a.B[c.at.B+k0*a.LDB+j0:], a.LDB, kc, cols, width)
	}
}

// runDots computes the chunk's columns as products of a row of A with rows of B.
func (c *chunk) runDots() {
	p, a := c.plan, c.args
	for n := c.p0 * p.width; n < min(p.N, c.p1*p.width); n++ {
		b := a.B[c.at.B+n*a.LDB:][:p.K]
		for m := c.m0; m < c.m1; m++ {
			x := a.Alpha * vec.Dot(a.A[c.at.A+m*a.LDA:][:p.K], b)
			at := &a.C[c.at.C+m*a.LDC+n]
			if a.Beta != 0 {
				x += a.Beta * *at
			}
			if a.BiasCol != nil {
				x += a.BiasCol[n]
			}
			if a.BiasRow != nil {
				x += a.BiasRow[c.at.BiasRow+m]
			}
			if a.Clip {
				if a.Lo > x {
					x = a.Lo
				}
				if a.Hi < x {
					x = a.Hi
				}
			}
			*at = x
		}
		if n%16 == 0 && c.team.Stopped() {
			return
		}
	}
}
