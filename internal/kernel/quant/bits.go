package quant

import (
	"sync"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// bitsLanes is the width of the panels of weights in blocks.
const bitsLanes = 16

// Blocks is a constant weight matrix of K rows and N columns of 4 or 8 bits, quantised in blocks along K, in panels of 16 columns: for each
// column a dword of weights that follow each other along K, then the next column's.
type Blocks struct {
	N, K, Bits, Block int
	data              []uint8
	scales            []float32 // of the panel's columns, block after block
	zeros             []float32 // scale times (what kernels take for zero - zero point), in the same order; nil if all are 0
	blocks            int
	groups, last      int // dwords a column of a block, and of the last block
	base              float32
}

// PackBlocks packs a matrix whose column j has the bytes row(j), low bits first and padded to whole blocks, with scales and zero points by
// column and block. Bits is 4 or 8, block a multiple of 8.
func PackBlocks(n, k, bits, block int, row func(j int) []uint8, scale, zero func(j, b int) float32) *Blocks {
	w := &Blocks{N: n, K: k, Bits: bits, Block: block, blocks: (k + block - 1) / block, groups: block * bits / 32}
	per := 32 / bits
	w.last = (k - (w.blocks-1)*block + per - 1) / per
	if bits == 4 && isa.Best().Includes(isa.AVX512) {
		w.base = 8
	}
	panels := (n + bitsLanes - 1) / bitsLanes
	w.data = aligned(panels * w.panelBytes())
	w.scales = make([]float32, panels*w.blocks*bitsLanes)
	zeros, used := make([]float32, len(w.scales)), false
	for j := range n {
		p, lane := j/bitsLanes, j%bitsLanes
		src, dst := row(j), w.data[p*w.panelBytes():][:w.panelBytes()]
		for g := range len(dst) / (4 * bitsLanes) {
			copy(dst[(g*bitsLanes+lane)*4:][:4], src[4*g:])
		}
		for b := range w.blocks {
			at := (p*w.blocks+b)*bitsLanes + lane
			s := scale(j, b)
			w.scales[at], zeros[at] = s, s*(w.base-zero(j, b))
			used = used || zeros[at] != 0
		}
	}
	if used {
		w.zeros = zeros
	}
	return w
}

// panelBytes is the size of a panel: the groups of all blocks, of the last one only those in use.
func (w *Blocks) panelBytes() int { return ((w.blocks-1)*w.groups + w.last) * 4 * bitsLanes }

// Size is how many bytes w occupies.
func (w *Blocks) Size() int { return len(w.data) + 4*(len(w.scales)+len(w.zeros)) }

// BlocksPlan multiplies M rows of float32 with weights in blocks.
type BlocksPlan struct {
	m       int
	w       *Blocks
	pitch   int // of a copy of A, whose rows are padded; 0 without one
	perTask int
}

// NewBlocksPlan prepares products of m rows.
func NewBlocksPlan(m int, w *Blocks) *BlocksPlan {
	p := &BlocksPlan{m: m, w: w}
	if per := 32 / w.Bits; w.K%per != 0 {
		p.pitch = (w.K + per - 1) / per * per
	}
	p.perTask = max(1, (taskWork/4)/max(1, m*w.K*bitsLanes))
	return p
}

// ScratchSize is how many floats of scratch memory a run needs.
func (p *BlocksPlan) ScratchSize() int {
	n := p.m * p.pitch
	if p.w.zeros != nil {
		n += p.m * p.w.blocks
	}
	return n
}

// bitsArgs is the argument block of the kernels; the generator knows the offsets. Strides are in bytes.
type bitsArgs struct {
	a             *float32
	rs            int
	w             *uint8
	scales, zeros *float32
	sums          *float32 // of the rows' blocks
	sumsPitch     int
	blocks        int
	groups, last  int
	out           *float32
	ldc           int
	mask          uint64
	bias          *float32
}

type blocksJob struct {
	plan    *BlocksPlan
	a, sums []float32
	pitch   int
	bias, c []float32
}

var blocksJobs = sync.Pool{New: func() any { return new(blocksJob) }}

// Run stores A times the weights plus bias, which is nil or has N elements, up to a multiple of 16, in c.
func (p *BlocksPlan) Run(team *parallel.Team, c, a, bias, scratch []float32) {
	w := p.w
	if len(c) < p.m*w.N || len(a) < p.m*w.K || len(scratch) < p.ScratchSize() || bias != nil && len(bias) < (w.N+15)&^15 {
		panic("quant: operands do not fit the weights in blocks")
	}
	j := blocksJobs.Get().(*blocksJob)
	*j = blocksJob{plan: p, a: a, pitch: w.K, bias: bias, c: c}
	if p.pitch > 0 {
		j.a, j.pitch = scratch[:p.m*p.pitch], p.pitch
		for r := range p.m {
			clear(j.a[r*p.pitch:][copy(j.a[r*p.pitch:][:p.pitch], a[r*w.K:][:w.K]):p.pitch])
		}
	}
	if w.zeros != nil {
		j.sums = scratch[p.m*p.pitch:][:p.m*w.blocks]
		for r := range p.m {
			for b := range w.blocks {
				j.sums[r*w.blocks+b] = vec.Sum(a[r*w.K+b*w.Block : r*w.K+min(w.K, (b+1)*w.Block)])
			}
		}
	}
	panels := (w.N + bitsLanes - 1) / bitsLanes
	team.Run((panels+p.perTask-1)/p.perTask, j)
	*j = blocksJob{}
	blocksJobs.Put(j)
}

// Do computes some panels.
func (j *blocksJob) Do(_, i int) {
	p, w := j.plan, j.plan.w
	level := isa.Best()
	most := 4
	if level.Includes(isa.AVX512) {
		most = 8
	}
	for q := i * p.perTask; q*bitsLanes < min(w.N, (i+1)*p.perTask*bitsLanes); q++ {
		at := q * w.blocks * bitsLanes
		k := bitsArgs{rs: 4 * j.pitch, w: &w.data[q*w.panelBytes()], scales: &w.scales[at], zeros: from(w.zeros, at), sumsPitch: 4 * w.blocks,
			blocks: w.blocks, groups: w.groups, last: w.last, ldc: 4 * w.N, bias: from(j.bias, q*bitsLanes)}
		if w.blocks == 1 {
			k.groups = w.last
		}
		cols := min(bitsLanes, w.N-q*bitsLanes)
		k.mask = 1<<uint(cols) - 1
		n := (p.m + most - 1) / most
		for x, r := 0, 0; x < n; x++ {
			h := p.m / n
			if x < p.m%n {
				h++
			}
			k.a, k.sums, k.out = &j.a[r*j.pitch], from(j.sums, r*w.blocks), &j.c[r*w.N+q*bitsLanes]
			bitsTile(level, w, h, cols, &k)
			r += h
		}
	}
}

// bitsTile computes h rows of a panel.
func bitsTile(level isa.Level, w *Blocks, h, cols int, k *bitsArgs) {
	if cols == bitsLanes || level.Includes(isa.AVX512) {
		if !bitsFast(w.Bits, h, k) {
			bitsGeneric(w, h, cols, k)
		}
		return
	}
	var tile [4 * bitsLanes]float32
	whole := *k
	whole.out, whole.ldc = &tile[0], 4*bitsLanes
	if !bitsFast(w.Bits, h, &whole) {
		bitsGeneric(w, h, cols, k)
		return
	}
	for r := range h {
		copy(unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(k.out), r*k.ldc)), cols), tile[r*bitsLanes:])
	}
}

// bitsGeneric is the contract of the kernels in Go.
func bitsGeneric(w *Blocks, h, cols int, k *bitsArgs) {
	per, low := 32/w.Bits, uint32(1)<<w.Bits-1
	for r := range h {
		a := unsafe.Add(unsafe.Pointer(k.a), r*k.rs)
		out := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(k.out), r*k.ldc)), cols)
		var total [bitsLanes]float32
		g := 0
		for b := range k.blocks {
			n := k.groups
			if b == k.blocks-1 {
				n = k.last
			}
			var acc [bitsLanes]float32
			x := unsafe.Slice((*float32)(unsafe.Add(a, 4*per*g)), per*n)
			d := unsafe.Slice((*[bitsLanes]uint32)(unsafe.Add(unsafe.Pointer(k.w), g*4*bitsLanes)), n)
			for i := range d {
				for e, v := range x[per*i:][:per] {
					for c := range acc {
						acc[c] += v * float32(d[i][c]>>(w.Bits*e)&low)
					}
				}
			}
			g += n
			s := unsafe.Slice(k.scales, k.blocks*bitsLanes)[b*bitsLanes:]
			for c := range total {
				total[c] += acc[c] * s[c]
				if k.zeros != nil {
					z := unsafe.Slice(k.zeros, k.blocks*bitsLanes)[b*bitsLanes:]
					total[c] += z[c] * *(*float32)(unsafe.Add(unsafe.Pointer(k.sums), r*k.sumsPitch+4*b))
				}
			}
		}
		for c := range out {
			out[c] = total[c]
			if k.bias != nil {
				out[c] += unsafe.Slice(k.bias, bitsLanes)[c]
			}
		}
	}
}
