package quant

import "unsafe"

const genericWidth = 4

// layoutGeneric is for processors without assembly.
var layoutGeneric = layout{formPair, 2, []tile{{genericWidth, 6, -1}}}

// productGeneric leaves the sums of m rows and genericWidth columns in the tile: the contract of the kernels, in Go.
func productGeneric(p *productArgs, m int) {
	b := unsafe.Slice((*[2 * genericWidth]int16)(p.b), p.kd)
	for r := range m {
		a := unsafe.Slice((*[2]int16)(unsafe.Add(p.a, r*p.rs)), p.kd)
		var s0, s1, s2, s3 int32
		for i := range b {
			x, y, w := int32(a[i][0]), int32(a[i][1]), &b[i]
			s0 += x*int32(w[0]) + y*int32(w[1])
			s1 += x*int32(w[2]) + y*int32(w[3])
			s2 += x*int32(w[4]) + y*int32(w[5])
			s3 += x*int32(w[6]) + y*int32(w[7])
		}
		*(*[genericWidth]int32)(p.tile[r*genericWidth:]) = [genericWidth]int32{s0, s1, s2, s3}
	}
}

// finishGeneric stores what the tile holds as the mode says.
func finishGeneric(p *productArgs, m, width int) {
	for r := range m {
		sums := p.tile[r*width:][:p.cols]
		at := unsafe.Add(p.c, r*p.ldc)
		ints := unsafe.Slice((*int32)(at), p.cols)
		floats := unsafe.Slice((*float32)(at), p.cols)
		bytes := unsafe.Slice((*uint8)(at), p.cols)
		for j, v := range sums {
			if p.colInit != nil {
				v += unsafe.Slice(p.colInit, p.cols)[j]
			}
			if p.rowInit != nil {
				v += unsafe.Slice(p.rowInit, m)[r]
			}
			if Mode(p.mode) == Sums {
				ints[j] = v
				continue
			}
			x := float32(v)
			if p.colScale != nil {
				x *= unsafe.Slice(p.colScale, p.cols)[j]
			} else {
				x *= unsafe.Slice(p.rowScale, m)[r]
			}
			if Mode(p.mode) == Bytes {
				bytes[j] = uint8(round(x, p.lo, p.hi) + p.zero)
				continue
			}
			if p.colBias != nil {
				x = float32(x) + unsafe.Slice(p.colBias, p.cols)[j]
			}
			floats[j] = x
		}
	}
}
