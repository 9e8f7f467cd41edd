package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// problem is one product with guarded operands.
type problem struct {
	Shape
	Args
	want []float64 // M by N
	size []float64 // sum of the magnitudes, for the error bound
	c    []float32 // C before the run
}

func newProblem(t testing.TB, r *rand.Rand, s Shape, bias, clip int, alpha, beta float32) *problem {
	p := &problem{Shape: s}
	pad := func() int { return r.IntN(3) }
	matrix := func(rows, cols int) ([]float32, int) {
		ld := cols + pad()
		m := kerneltest.Guarded[float32](t, max(0, (rows-1)*ld+cols), r.IntN(2) == 0)
		kerneltest.Fill(r, m)
		return m, ld
	}
	swap := func(rows, cols int, trans bool) (int, int) {
		if trans {
			return cols, rows
		}
		return rows, cols
	}
	p.A, p.LDA = matrix(swap(s.M, s.K, s.TransA))
	p.Args.B, p.LDB = matrix(swap(s.K, s.N, s.TransB))
	p.C, p.LDC = matrix(s.M, s.N)
	p.Alpha, p.Beta = alpha, beta
	if bias&1 != 0 {
		p.BiasCol, _ = matrix(1, s.N)
	}
	if bias&2 != 0 {
		p.BiasRow, _ = matrix(1, s.M)
	}
	if clip != 0 {
		p.Clip, p.Lo, p.Hi = true, -0.5, float32(math.Inf(1))
	}
	p.c = slices.Clone(p.C)
	if beta == 0 {
		for m := range s.M { // C must not be read
			for n := range s.N {
				p.C[m*p.LDC+n] = float32(math.NaN())
			}
		}
	}
	p.want, p.size = make([]float64, s.M*s.N), make([]float64, s.M*s.N)
	for m := range s.M {
		for n := range s.N {
			var x, size float64
			for k := range s.K {
				a, b := m*p.LDA+k, k*p.LDB+n
				if s.TransA {
					a = k*p.LDA + m
				}
				if s.TransB {
					b = n*p.LDB + k
				}
				v := float64(p.A[a]) * float64(p.Args.B[b])
				x += v
				size += math.Abs(v)
			}
			x *= float64(alpha)
			x += float64(beta) * float64(p.c[m*p.LDC+n])
			if p.BiasCol != nil {
				x += float64(p.BiasCol[n])
			}
			if p.BiasRow != nil {
				x += float64(p.BiasRow[m])
			}
			if p.Clip {
				x = max(x, float64(p.Lo))
			}
			p.want[m*s.N+n], p.size[m*s.N+n] = x, size+4
		}
	}
	return p
}

// run computes with a plan for the current level and gives C.
func (p *problem) run(t testing.TB, team *parallel.Team) []float32 {
	if p.Shape.B == IsPacked {
		p.Packed = PackB(kerneltest.Guarded[float32](t, PackedSize(p.K, p.N), false), p.Args.B, p.LDB, p.K, p.N, p.TransB)
	}
	plan := NewPlan(p.Shape)
	scratch := kerneltest.Guarded[float32](t, plan.ScratchSize(team.Threads()), false)
	for i := range scratch {
		scratch[i] = float32(math.NaN())
	}
	args := p.Args
	if p.Beta != 0 {
		copy(p.C, p.c)
	}
	plan.Run(team, &args, scratch)
	return slices.Clone(p.C)
}

func (p *problem) check(t testing.TB, c []float32) {
	t.Helper()
	for m := range p.M {
		for n := range p.LDC {
			i := m*p.LDC + n
			if n >= p.N {
				if i < len(c) && c[i] != p.c[i] {
					t.Fatalf("%+v: the padding of row %d was written", p.Shape, m)
				}
				continue
			}
			if w := p.want[m*p.N+n]; !(math.Abs(float64(c[i])-w) <= 1e-6*p.size[m*p.N+n]) {
				t.Fatalf("%+v alpha %v beta %v: C[%d,%d] = %v, want %v", p.Shape, p.Alpha, p.Beta, m, n, c[i], w)
			}
		}
	}
}

var sizes = []Shape{
	{M: 1, N: 1, K: 1}, {M: 1, N: 64, K: 3}, {M: 1, N: 200, K: 513}, {M: 2, N: 17, K: 5}, {M: 3, N: 33, K: 8}, {M: 4, N: 70, K: 31}, {M: 5, N: 63, K: 2},
	{M: 6, N: 64, K: 64}, {M: 7, N: 65, K: 7}, {M: 13, N: 48, K: 16}, {M: 14, N: 32, K: 9}, {M: 15, N: 31, K: 10}, {M: 17, N: 16, K: 33}, {M: 29, N: 7, K: 257},
	{M: 64, N: 100, K: 520}, {M: 97, N: 129, K: 70}, {M: 200, N: 50, K: 40}, {M: 3, N: 5, K: 0}, {M: 1, N: 130, K: 2100}, {M: 130, N: 1, K: 20}, {M: 100, N: 24, K: 1030},
}

func TestGemm(t *testing.T) {
	r := kerneltest.Rand(t)
	parallel.SetLimit(3)
	t.Cleanup(func() { parallel.SetLimit(0) })
	team := parallel.Acquire(3)
	defer team.Release()
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for i, s := range sizes {
			for v := range 12 {
				s.TransA, s.TransB = v&1 != 0, v&2 != 0
				s.B = Origin(v >> 2)
				if s.B == Computed {
					s.B, s.TransA = Plain, false
				}
				p := newProblem(t, r, s, (i+v)%4, v%3%2, []float32{1, 0.7}[v%2], []float32{0, 1, -0.3}[(i+v)%3])
				alone := p.run(t, nil)
				p.check(t, alone)
				if p.Beta == 0 { // the run read no C, so C can be compared after another one
					p.check(t, p.run(t, team))
				}
				if shared := p.run(t, team); !slices.Equal(alone, shared) {
					t.Fatalf("%+v: the result depends on the number of threads", s)
				}
			}
		}
	})
}

// TestEveryHeightAndWidth runs each kernel of each family with every number of columns.
func TestEveryHeightAndWidth(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for m := 1; m <= 15; m++ {
			for n := 1; n <= 66; n++ {
				for _, b := range []Origin{Plain, IsPacked} {
					p := newProblem(t, r, Shape{M: m, N: n, K: 1 + (m*n)%11, B: b}, (m+n)%4, n%2, 1.5, float32(n%3))
					p.check(t, p.run(t, nil))
				}
			}
		}
	})
}

func TestRandomShapes(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for range 100 {
			s := Shape{M: 1 + r.IntN(120), N: 1 + r.IntN(150), K: r.IntN(200), TransA: r.IntN(2) == 0, TransB: r.IntN(2) == 0, B: Origin(r.IntN(2))}
			p := newProblem(t, r, s, r.IntN(4), r.IntN(2), 1, float32(r.IntN(2)))
			p.check(t, p.run(t, nil))
		}
	})
}

func TestTranspose(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for range 200 {
			rows, cols := 1+r.IntN(80), 1+r.IntN(150)
			ld, pitch := cols+r.IntN(3), rows+r.IntN(3)
			src, dst := kerneltest.Guarded[float32](t, (rows-1)*ld+cols, r.IntN(2) == 0), kerneltest.Guarded[float32](t, (cols-1)*pitch+rows, r.IntN(2) == 0)
			kerneltest.Fill(r, src)
			transpose(dst, pitch, src, ld, rows, cols)
			for y := range cols {
				for x := range pitch {
					at := y*pitch + x
					if at >= len(dst) {
						continue
					}
					if want := float32(0); x < rows && dst[at] != src[x*ld+y] || x >= rows && dst[at] != want {
						t.Fatalf("%dx%d: element %d,%d is %v", rows, cols, y, x, dst[at])
					}
				}
			}
		}
	})
}

// matrixSource gives the pieces of a plain matrix.
type matrixSource struct {
	b           []float32
	ld, n, size int
}

func (m *matrixSource) Pack(dst []float32, batch, k0, kc, j0, cols, width int) {
	packRows(dst, m.b[batch*m.size+k0*m.ld+j0:], m.ld, kc, cols, width)
}

func TestBatchAndSource(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		const batch, m, n, k = 5, 19, 70, 23
		a, b, bias := make([]float32, 2*m*k), make([]float32, batch*k*n), make([]float32, 2*m)
		kerneltest.Fill(r, a)
		kerneltest.Fill(r, b)
		kerneltest.Fill(r, bias)
		var at []Offset
		for i := range batch {
			at = append(at, Offset{A: i % 2 * m * k, B: i * k * n, C: i * m * n, BiasRow: i % 2 * m})
		}
		var results [][]float32
		for _, origin := range []Origin{Plain, Computed} {
			plan := NewPlan(Shape{M: m, N: n, K: k, Batch: batch, B: origin})
			c := make([]float32, batch*m*n)
			args := &Args{A: a, LDA: k, B: b, LDB: n, C: c, LDC: n, Alpha: 1, BiasRow: bias, Products: at, Source: &matrixSource{b: b, ld: n, n: n, size: k * n}}
			plan.Run(nil, args, make([]float32, plan.ScratchSize(1)))
			results = append(results, c)
		}
		if !slices.Equal(results[0], results[1]) {
			t.Fatal("a computed B gives another result")
		}
		for i := range batch {
			one := NewPlan(Shape{M: m, N: n, K: k})
			c := make([]float32, m*n)
			one.Run(nil, &Args{A: a[at[i].A:], LDA: k, B: b[at[i].B:], LDB: n, C: c, LDC: n, Alpha: 1, BiasRow: bias[at[i].BiasRow:]}, make([]float32, one.ScratchSize(1)))
			if !slices.Equal(c, results[0][i*m*n:][:m*n]) {
				t.Fatalf("product %d differs from the same alone", i)
			}
		}
	})
}

func TestShortOperandsPanic(t *testing.T) {
	ok := Args{A: make([]float32, 12), LDA: 4, B: make([]float32, 20), LDB: 5, C: make([]float32, 15), LDC: 5, Alpha: 1}
	plan := NewPlan(Shape{M: 3, N: 5, K: 4})
	scratch := make([]float32, plan.ScratchSize(1))
	plan.Run(nil, &ok, scratch)
	for name, spoil := range map[string]func(*Args){
		"A": func(a *Args) { a.A = a.A[1:] }, "B": func(a *Args) { a.B = a.B[1:] }, "C": func(a *Args) { a.C = a.C[1:] },
		"pitch": func(a *Args) { a.LDC = 4 }, "bias": func(a *Args) { a.BiasCol = make([]float32, 4) }, "row bias": func(a *Args) { a.BiasRow = make([]float32, 2) },
		"batch": func(a *Args) { a.Products = make([]Offset, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			bad := ok
			spoil(&bad)
			plan.Run(nil, &bad, scratch)
		}()
	}
}

func TestNothingIsAllocated(t *testing.T) {
	team := parallel.Acquire(2)
	defer team.Release()
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		plan := NewPlan(Shape{M: 40, N: 90, K: 30})
		args := &Args{A: make([]float32, 40*30), LDA: 30, B: make([]float32, 30*90), LDB: 90, C: make([]float32, 40*90), LDC: 90, Alpha: 1}
		scratch := make([]float32, plan.ScratchSize(team.Threads()))
		if n := testing.AllocsPerRun(50, func() { plan.Run(team, args, scratch) }); n != 0 {
			t.Errorf("%v allocations a run", n)
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []Shape{{M: 8, N: 8, K: 8}, {M: 32, N: 32, K: 32}, {M: 128, N: 128, K: 128}, {M: 256, N: 256, K: 256}, {M: 512, N: 512, K: 512}, {M: 1024, N: 1024, K: 1024}, {M: 1, N: 1024, K: 1024}} {
		for _, kind := range []string{"packed", "plain", "transB"} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%dx%dx%d/%s/%d", s.M, s.N, s.K, kind, threads), func(b *testing.B) {
					kerneltest.EachBenchmark(b, func(b *testing.B, _ isa.Level) {
						team := parallel.Acquire(threads)
						defer team.Release()
						s := s
						s.TransB = kind == "transB"
						if kind == "packed" {
							s.B = IsPacked
						}
						plan := NewPlan(s)
						bm := make([]float32, s.K*s.N)
						args := &Args{A: kerneltest.Aligned(s.M*s.K, 0), LDA: s.K, B: bm, LDB: s.N, C: kerneltest.Aligned(s.M*s.N, 0), LDC: s.N, Alpha: 1}
						if s.TransB {
							args.LDB = s.K
						}
						args.Packed = PackB(kerneltest.Aligned(PackedSize(s.K, s.N), 0), bm, args.LDB, s.K, s.N, s.TransB)
						scratch := make([]float32, plan.ScratchSize(team.Threads()))
						for b.Loop() {
							plan.Run(team, args, scratch)
						}
						b.ReportMetric(2*float64(s.M)*float64(s.N)*float64(s.K)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GF/s")
					})
				})
			}
		}
	}
}
