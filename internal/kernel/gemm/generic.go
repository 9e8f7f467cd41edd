package gemm

import "unsafe"

// genericWidth is the width of the panels of the Go kernel.
const genericWidth = 4

// layoutGeneric is for processors without assembly.
var layoutGeneric = layout{kc: 256, tiles: []tile{{width: genericWidth, rows: 4, id: -1}}}

// kernelGeneric computes m rows, at most 4, of a packed panel: the contract of every kernel, in Go.
func kernelGeneric(p *kernelArgs, m int) {
	clear(p.tile[:m*genericWidth])
	if p.kc > 0 {
		b := unsafe.Slice(p.b, p.kc*genericWidth)
		row := func(r int) []float32 {
			return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p.a), r*p.rs)), p.kc)
		}
		tile := func(r int) *[genericWidth]float32 { return (*[genericWidth]float32)(p.tile[r*genericWidth:]) }
		r := 0
		for ; r+2 <= m; r += 2 { // two rows are what fits 16 registers
			pairGeneric(tile(r), tile(r+1), row(r), row(r+1), b)
		}
		if r < m {
			rowGeneric(tile(r), row(r), b)
		}
	}
	finish(p, m, genericWidth)
}

// finish stores clip(alpha*tile + beta*C + bias).
func finish(p *kernelArgs, m, width int) {
	for r := range m {
		c := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p.c), r*p.ldc)), p.cols)
		tile := p.tile[r*width:][:p.cols]
		for j := range c {
			x := tile[j] * p.alpha
			if p.beta != 0 {
				x += c[j] * p.beta
			}
			if p.biasCol != nil {
				x += unsafe.Slice(p.biasCol, p.cols)[j]
			}
			if p.biasRow != nil {
				x += unsafe.Slice(p.biasRow, m)[r]
			}
			if p.clip != 0 {
				if p.lo > x {
					x = p.lo
				}
				if p.hi < x {
					x = p.hi
				}
			}
			c[j] = x
		}
	}
}

func pairGeneric(x, y *[genericWidth]float32, a0, a1, b []float32) {
	var x0, x1, x2, x3, y0, y1, y2, y3 float32
	a1 = a1[:len(a0)]
	for i, u := range a0 {
		v := a1[i]
		if len(b) < 4 {
			break
		}
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		x0 += u * b0
		x1 += u * b1
		x2 += u * b2
		x3 += u * b3
		y0 += v * b0
		y1 += v * b1
		y2 += v * b2
		y3 += v * b3
		b = b[4:]
	}
	*x = [genericWidth]float32{x0, x1, x2, x3}
	*y = [genericWidth]float32{y0, y1, y2, y3}
}

func rowGeneric(x *[genericWidth]float32, a, b []float32) {
	var x0, x1, x2, x3 float32
	for _, u := range a {
		if len(b) < 4 {
			break
		}
		x0 += u * b[0]
		x1 += u * b[1]
		x2 += u * b[2]
		x3 += u * b[3]
		b = b[4:]
	}
	*x = [genericWidth]float32{x0, x1, x2, x3}
}
