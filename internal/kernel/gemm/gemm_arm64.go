//go:build !purego

package gemm

import "github.com/walnut-ai/walnut/internal/kernel/isa"

var layoutNEON = layout{
	kc: 256,
	tiles: []tile{
		{width: 4, rows: 8, id: idPacked1x4NEON},
		{width: 8, rows: 8, id: idPacked1x8NEON},
	},
}

// layoutFor is the layout for an instruction set.
func layoutFor(l isa.Level) *layout {
	if l.Includes(isa.NEON) {
		return &layoutNEON
	}
	return &layoutGeneric
}

func canTranspose8() bool { return false }

func transpose8(*transposeArgs) { panic("gemm: no assembly") }

// leavesPartial says whether kernels leave tiles with too few columns to finish: NEON has no masks.
const leavesPartial = true
