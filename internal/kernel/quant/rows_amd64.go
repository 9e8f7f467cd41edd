//go:build !purego

package quant

import (
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
)

// The functions here run the assembly for the current level and return how many elements it did.

func quantizeFast(p *rowArgs) int {
	switch l := isa.Best(); {
	case l.Includes(isa.AVX512):
		quantizeF32AVX512(p)
		return p.n
	case l.Includes(isa.AVX2):
		quantizeF32AVX2(p)
		return p.n &^ 31
	}
	return 0
}

func dequantizeFast(p *rowArgs, signed, each bool) int {
	l := isa.Best()
	if l.Includes(isa.AVX512) {
		switch {
		case signed && each:
			dequantizeS8EachAVX512(p)
		case each:
			dequantizeU8EachAVX512(p)
		case signed:
			dequantizeS8AVX512(p)
		default:
			dequantizeU8AVX512(p)
		}
		return p.n
	}
	if !l.Includes(isa.AVX2) {
		return 0
	}
	switch {
	case signed && each:
		dequantizeS8EachAVX2(p)
	case each:
		dequantizeU8EachAVX2(p)
	case signed:
		dequantizeS8AVX2(p)
	default:
		dequantizeU8AVX2(p)
	}
	return p.n &^ 7
}

func extentFast(p *rowArgs) int {
	switch l := isa.Best(); {
	case l.Includes(isa.AVX512):
		extentF32AVX512(p)
		return p.n
	case l.Includes(isa.AVX2):
		extentF32AVX2(p)
		return p.n &^ 7
	}
	return 0
}

func widenFast(p *rowArgs, signed bool) int {
	if !isa.Best().Includes(isa.AVX2) {
		return 0
	}
	if signed {
		widenS8AVX2(p)
	} else {
		widenU8AVX2(p)
	}
	return p.n &^ 15
}

var (
	layoutUS     = layout{formUS, 4, []tile{{32, 14, idUS14x32VNNI}, {64, 6, idUS6x64VNNI}}}
	layoutSU     = layout{formSU, 4, []tile{{32, 14, idSU14x32VNNI}, {64, 6, idSU6x64VNNI}}}
	layoutAVX512 = layout{formPair, 2, []tile{{32, 14, idPair14x32AVX512}, {64, 6, idPair6x64AVX512}}}
	layoutAVX2   = layout{formPair, 2, []tile{{16, 6, idPair6x16AVX2}}}
)

// layoutFor is the layout for an instruction set that comes closest to the form wished for.
func layoutFor(l isa.Level, f form) *layout {
	switch {
	case l.Includes(isa.AVX512VNNI) && f == formUS:
		return &layoutUS
	case l.Includes(isa.AVX512VNNI) && f == formSU:
		return &layoutSU
	case l.Includes(isa.AVX512):
		return &layoutAVX512
	case l.Includes(isa.AVX2):
		return &layoutAVX2
	}
	return &layoutGeneric
}

// finishTile stores what a kernel left in the tile of p, if there is assembly for it.
func finishTile(p *productArgs) bool {
	if p.cols < 16 {
		return false
	}
	finishTileAVX2(p)
	return true
}

// packFast packs up to 16 columns, rows rows at a time, if there is assembly for it.
func packFast(p *packArgs, rows int) bool {
	switch l := isa.Best(); {
	case l.Includes(isa.AVX512) && rows == 4:
		pack4AVX512(p)
	case l.Includes(isa.AVX512):
		pack2AVX512(p)
	case l.Includes(isa.AVX2) && rows == 2 && p.mask == 1<<16-1:
		pack2AVX2(p)
	default:
		return false
	}
	return true
}

// depthwiseFast is for plans of a level that has VNNI.
func depthwiseFast(p *depthwiseArgs) { depthwiseVNNI(p) }

// linesFast copies lines, or splits them, if there is assembly for it.
func linesFast(p *linesArgs, split bool) bool {
	if !isa.Best().Includes(isa.AVX512) {
		return false
	}
	if split {
		splitLinesAVX512(p)
	} else {
		copyLinesAVX512(p)
	}
	return true
}

// bitsFast multiplies rows with a panel of weights in blocks, all 16 columns, if there is assembly for it.
func bitsFast(bits, rows int, p *bitsArgs) bool {
	switch l := isa.Best(); {
	case l.Includes(isa.AVX512):
		bitsAVX512(bits, rows, p)
	case l.Includes(isa.AVX2):
		q := *p
		bitsAVX2(bits, rows, &q)
		const half = 8
		q.w = (*uint8)(unsafe.Add(unsafe.Pointer(q.w), 4*half))
		q.scales, q.zeros, q.out, q.bias = later(q.scales, half), later(q.zeros, half), later(q.out, half), later(q.bias, half)
		bitsAVX2(bits, rows, &q)
	default:
		return false
	}
	return true
}

// later is p, if it is not nil, n elements on.
func later(p *float32, n int) *float32 {
	if p == nil {
		return nil
	}
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
