package conv

import "sync"

// gatherer gives the patches of an input as the columns of a matrix: row k is a channel and a place in the kernel,
// column j a position of the output.
type gatherer struct {
	plan *Plan
	in   []float32
}

var gatherers = sync.Pool{New: func() any { return new(gatherer) }}

// run is a part of a line of the output.
type run struct {
	z, y, x int // the first position, scaled by the strides and without the padding: what the kernel's first place reads
	n       int
}

// maxWidth is more than the columns of any panel.
const maxWidth = 128

// Pack is documented in gemm.Source.
func (g *gatherer) Pack(dst []float32, batch, k0, kc, j0, cols, width int) {
	p := g.plan
	var runs [maxWidth]run
	n := p.runs(&runs, j0, cols)
	base := p.products[batch].B
	kernel, size := p.kernel, p.in.size()
	c, rest := k0/kernel.size(), k0%kernel.size()
	kz, ky, kx := rest/(kernel[1]*kernel[2]), rest/kernel[2]%kernel[1], rest%kernel[2]
	for i := range kc {
		row := dst[i*width:][:width]
		plane := g.in[base+c*size:][:size]
		p.gather(row, plane, runs[:n], kz*p.dilation[0], ky*p.dilation[1], kx*p.dilation[2])
		clear(row[cols:])
		if kx++; kx < kernel[2] {
			continue
		}
		kx = 0
		if ky++; ky < kernel[1] {
			continue
		}
		ky = 0
		if kz++; kz < kernel[0] {
			continue
		}
		kz = 0
		c++
	}
}

// runs cuts the positions from j0 on at the ends of lines.
func (p *Plan) runs(runs *[maxWidth]run, j0, cols int) int {
	n := 0
	w := p.out[2]
	x, line := j0%w, j0/w
	for cols > 0 {
		take := min(cols, w-x)
		runs[n] = run{
			z: line/p.out[1]*p.stride[0] - p.pad[0], y: line%p.out[1]*p.stride[1] - p.pad[1], x: x*p.stride[2] - p.pad[2], n: take,
		}
		n++
		cols -= take
		x = 0
		line++
	}
	return n
}

// gather copies what one place of the kernel, at distance dz, dy, dx, reads for the runs; zeros outside the input.
func (p *Plan) gather(row, plane []float32, runs []run, dz, dy, dx int) {
	stride, w := p.stride[2], p.in[2]
	for i := range runs {
		r := &runs[i]
		d := row[:r.n]
		row = row[r.n:]
		z, y, x := r.z+dz, r.y+dy, r.x+dx
		if uint(z) >= uint(p.in[0]) || uint(y) >= uint(p.in[1]) {
			clear(d)
			continue
		}
		line := plane[(z*p.in[1]+y)*w:][:w]
		if stride == 1 {
			if x >= 0 && x+len(d) <= w {
				copy(d, line[x:])
				continue
			}
			copyPadded(d, line, x)
			continue
		}
		for j := range d {
			v := float32(0)
			if uint(x) < uint(w) {
				v = line[x]
			}
			d[j] = v
			x += stride
		}
	}
}

// copyPadded copies line[x:x+len(d)], zeros where that is outside.
func copyPadded(d, line []float32, x int) {
	if x < 0 {
		n := min(-x, len(d))
		clear(d[:n])
		d, x = d[n:], 0
	}
	n := 0
	if x < len(line) {
		n = copy(d, line[x:])
	}
	clear(d[n:])
}
