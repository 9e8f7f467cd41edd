//go:build !purego

package gemm

import "github.com/walnut-ai/walnut/internal/kernel/isa"

var layoutAVX2 = layout{
	kc: 256,
	tiles: []tile{
		{width: 8, rows: 12, id: idPacked1x8AVX2},
		{width: 16, rows: 6, id: idPacked1x16AVX2},
	},
	direct: []tile{
		1: {width: 32, rows: 1, id: idDirect1x32AVX2},
		2: {width: 16, rows: 2, id: idDirect2x16AVX2 - 1},
		3: {width: 16, rows: 3, id: idDirect2x16AVX2 - 1},
		4: {width: 16, rows: 4, id: idDirect2x16AVX2 - 1},
	},
}

var layoutAVX512 = layout{
	kc: 512,
	tiles: []tile{
		{width: 16, rows: 14, id: idPacked1x16AVX512},
		{width: 32, rows: 14, id: idPacked1x32AVX512},
		{width: 48, rows: 9, id: idPacked1x48AVX512},
		{width: 64, rows: 6, id: idPacked1x64AVX512},
	},
	direct: []tile{
		1: {width: 64, rows: 1, id: idDirect1x64AVX512},
		2: {width: 64, rows: 2, id: idDirect1x64AVX512},
		3: {width: 64, rows: 3, id: idDirect1x64AVX512},
		4: {width: 64, rows: 4, id: idDirect1x64AVX512},
	},
}

// layoutFor is the layout for an instruction set.
func layoutFor(l isa.Level) *layout {
	switch {
	case l.Includes(isa.AVX512):
		return &layoutAVX512
	case l.Includes(isa.AVX2):
		return &layoutAVX2
	}
	return &layoutGeneric
}

// canTranspose8 says whether transpose8 runs here.
func canTranspose8() bool { return isa.Best().Includes(isa.AVX2) }

func transpose8(p *transposeArgs) { gemmTranspose8F32AVX2(p) }

// leavesPartial says whether kernels leave tiles with too few columns to finish: here they mask.
const leavesPartial = false
