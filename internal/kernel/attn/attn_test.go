package attn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
	"github.com/walnut-ai/walnut/internal/parallel"
	"github.com/walnut-ai/walnut/internal/testutil"
)

func normal(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// bsd and bnsh are the two layouts of tensors.
func bsd(h, s, d int) View  { return View{B: s * h * d, H: d, S: h * d} }
func bnsh(h, s, d int) View { return View{B: h * s * d, H: s * d, S: d} }

// naive is the definition in float64.
func naive(s *Shape, a *Args, y []float32) {
	for b := range s.Batch {
		for h := range s.Heads {
			for i := range s.Queries {
				naiveRow(s, a, y, b, h, i)
			}
		}
	}
}

func naiveRow(s *Shape, a *Args, y []float32, b, h, i int) {
	kv := h / (s.Heads / s.KVHeads)
	row := make([]float64, s.Keys)
	top, sum := math.Inf(-1), 0.0
	if a.Sink != nil {
		top = float64(a.Sink[h])
	}
	for j := range row {
		x := 0.0
		for e := range s.Size {
			x += float64(a.Q[s.Q.At(b, h, i)+e]) * float64(a.K[s.K.At(b, kv, j)+e])
		}
		x *= float64(s.Scale)
		if s.Softcap != 0 {
			x = math.Tanh(x/float64(s.Softcap)) * float64(s.Softcap)
		}
		for _, c := range a.Bias {
			if c.Data != nil && j < c.N {
				x += float64(c.Data[b*c.B+h*c.H+i*c.I+j])
			}
		}
		if m := a.Mask; m.Data != nil && m.Data[b*m.B+h*m.H+i*m.I+j] == 0 {
			x = math.Inf(-1)
		}
		if at := b*s.Queries + i; s.Ranged && (j < int(a.Lo[at]) || j >= int(a.Hi[at])) {
			x = math.Inf(-1)
		}
		row[j], top = x, max(top, x)
	}
	if math.IsInf(top, -1) {
		top = 0
	}
	for j, x := range row {
		row[j] = math.Exp(x - top)
		sum += row[j]
	}
	if a.Sink != nil {
		sum += math.Exp(float64(a.Sink[h]) - top)
	}
	for e := range s.ValueSize {
		v := 0.0
		for j, p := range row {
			if p != 0 {
				v += p / sum * float64(a.V[s.V.At(b, kv, j)+e])
			}
		}
		y[s.Y.At(b, h, i)+e] = float32(v)
	}
}

// random makes a shape and operands.
func random(r *rand.Rand) (Shape, Args) {
	in := func(lo, hi int) int { return lo + r.IntN(hi-lo+1) }
	s := Shape{Batch: in(1, 3), KVHeads: in(1, 3), Queries: in(1, 40), Keys: in(1, 300), Size: in(1, 40), ValueSize: in(1, 40),
		Scale: float32(r.NormFloat64()) / 4, Ranged: r.IntN(2) == 0}
	s.Heads = s.KVHeads * in(1, 3)
	if r.IntN(4) == 0 {
		s.Queries = 1
	}
	if r.IntN(3) == 0 {
		s.Softcap = 2
	}
	layout := bsd
	if r.IntN(2) == 0 {
		layout = bnsh
	}
	s.Q, s.Y = layout(s.Heads, s.Queries, s.Size), layout(s.Heads, s.Queries, s.ValueSize)
	s.K, s.V = layout(s.KVHeads, s.Keys, s.Size), layout(s.KVHeads, s.Keys, s.ValueSize)
	a := Args{Q: normal(r, s.Batch*s.Heads*s.Queries*s.Size), K: normal(r, s.Batch*s.KVHeads*s.Keys*s.Size), V: normal(r, s.Batch*s.KVHeads*s.Keys*s.ValueSize)}
	a.Y = make([]float32, s.Batch*s.Heads*s.Queries*s.ValueSize)
	if s.Ranged {
		for range s.Batch * s.Queries {
			lo := int32(in(-5, s.Keys))
			a.Lo, a.Hi = append(a.Lo, lo), append(a.Hi, lo+int32(in(-5, s.Keys)))
		}
	}
	for i := range a.Bias {
		if r.IntN(3) == 0 {
			b := Bias{I: s.Keys, H: s.Queries * s.Keys, B: s.Heads * s.Queries * s.Keys, N: in(1, s.Keys)}
			b.Data = normal(r, s.Batch*b.B)
			for range len(b.Data) / 5 {
				b.Data[r.IntN(len(b.Data))] = float32(math.Inf(-1))
			}
			a.Bias[i] = b
		}
	}
	if r.IntN(3) == 0 {
		a.Mask = Mask{I: s.Keys, B: s.Queries * s.Keys, Data: make([]byte, s.Batch*s.Queries*s.Keys)}
		for i := range a.Mask.Data {
			a.Mask.Data[i] = byte(r.IntN(2))
		}
	}
	if r.IntN(3) == 0 {
		a.Sink = normal(r, s.Heads)
	}
	return s, a
}

func TestAttention(t *testing.T) {
	parallel.SetLimit(3)
	defer parallel.SetLimit(0)
	kerneltest.Each(t, testLevel)
}

func testLevel(t *testing.T, _ isa.Level) {
	r := kerneltest.Rand(t)
	team := parallel.Acquire(3)
	defer team.Release()
	for range 100 {
		s, a := random(r)
		p := New(s)
		want := make([]float32, len(a.Y))
		naive(&s, &a, want)
		p.Run(nil, &a, normal(r, p.ScratchSize(1)))
		alone := append([]float32{}, a.Y...)
		for i, w := range want {
			if d := math.Abs(float64(w - alone[i])); !(d < 1e-4) {
				t.Fatalf("%+v: element %d is %v, want %v", s, i, alone[i], w)
			}
		}
		p.Run(team, &a, normal(r, p.ScratchSize(team.Threads())))
		for i, w := range alone {
			if math.Float32bits(w) != math.Float32bits(a.Y[i]) {
				t.Fatalf("%+v: element %d is %v with a team, %v without", s, i, a.Y[i], w)
			}
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	r := kerneltest.Rand(t)
	s, a := random(r)
	p := New(s)
	scratch := make([]float32, p.ScratchSize(1))
	p.Run(nil, &a, scratch)
	if n := testing.AllocsPerRun(20, func() { p.Run(nil, &a, scratch) }); n != 0 && !testutil.Race {
		t.Errorf("%v allocations a run", n)
	}
}

func BenchmarkAttention(b *testing.B) {
	for _, n := range []struct{ heads, kv, queries, keys int }{{12, 12, 128, 128}, {12, 12, 512, 512}, {8, 8, 1500, 1500}, {32, 8, 1, 1024}} {
		for _, causal := range []bool{false, true} {
			if causal && n.queries == 1 {
				continue
			}
			b.Run(fmt.Sprintf("%dx%dx%d causal=%v", n.heads, n.queries, n.keys, causal), func(b *testing.B) {
				const d = 64
				s := Shape{Batch: 1, Heads: n.heads, KVHeads: n.kv, Queries: n.queries, Keys: n.keys, Size: d, ValueSize: d, Scale: 0.125, Ranged: causal,
					Q: bsd(n.heads, n.queries, d), K: bnsh(n.kv, n.keys, d), V: bnsh(n.kv, n.keys, d), Y: bsd(n.heads, n.queries, d)}
				r := rand.New(rand.NewPCG(1, 1))
				a := Args{Q: normal(r, n.heads*n.queries*d), K: normal(r, n.kv*n.keys*d), V: normal(r, n.kv*n.keys*d), Y: make([]float32, n.heads*n.queries*d)}
				for i := range n.queries {
					a.Lo, a.Hi = append(a.Lo, 0), append(a.Hi, int32(i+1))
				}
				p := New(s)
				scratch := make([]float32, p.ScratchSize(1))
				for b.Loop() {
					p.Run(nil, &a, scratch)
				}
				b.ReportMetric(4*float64(n.heads*n.queries*n.keys*d)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
			})
		}
	}
}
