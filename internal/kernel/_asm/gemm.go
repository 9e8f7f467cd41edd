package main

import "fmt"

// Offsets in the argument block of package gemm.
const (
	gemmA, gemmRS, gemmKC, gemmB, gemmBS, gemmC, gemmLDC, gemmBiasCol, gemmBiasRow, gemmMask, gemmCols = 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80
	gemmAlpha, gemmBeta, gemmClip, gemmLo, gemmHi                                                      = 88, 92, 96, 100, 104
	gemmTileAt                                                                                         = 112
)

// gemmTile is a family of kernels: 1 to rows rows by vectors vectors of columns.
type gemmTile struct {
	target
	rows, vectors int
	direct        bool // B is read in place with a row stride instead of from a packed panel
	first         int  // the lowest height
	unroll        int
}

func (g gemmTile) name(m int) string {
	kind := ""
	if g.direct {
		kind = "Direct"
	}
	return fmt.Sprintf("gemm%sF32x%dx%d%s", kind, m, g.vectors*g.lanes(), g.target.name)
}

var gemmTiles = []gemmTile{
	{target: avx2, rows: 6, vectors: 2, first: 1, unroll: 4},
	{target: avx2, rows: 12, vectors: 1, first: 1, unroll: 4},
	{target: avx2, rows: 1, vectors: 4, first: 1, unroll: 2, direct: true},
	{target: avx2, rows: 4, vectors: 2, first: 2, unroll: 2, direct: true},
	{target: avx512, rows: 6, vectors: 4, first: 1, unroll: 2},
	{target: avx512, rows: 9, vectors: 3, first: 1, unroll: 4},
	{target: avx512, rows: 14, vectors: 2, first: 1, unroll: 4},
	{target: avx512, rows: 14, vectors: 1, first: 1, unroll: 4},
	{target: avx512, rows: 4, vectors: 4, first: 1, unroll: 2, direct: true},
}

var gemmBases = []string{"SI", "R8", "R9", "R10", "R11"}

// gemmRow is the memory operand disp bytes into row r of A.
func gemmRow(r, disp int) string {
	b := gemmBases[r/3]
	switch r % 3 {
	case 0:
		return fmt.Sprintf("%d(%s)", disp, b)
	case 1:
		return fmt.Sprintf("%d(%s)(DX*1)", disp, b)
	}
	return fmt.Sprintf("%d(%s)(DX*2)", disp, b)
}

func gemmKernel(o *text, g gemmTile, m int) {
	nb, w := g.vectors, g.width
	z := g.v == "Z"
	acc := func(r, j int) string { return g.reg(r*nb + j) }
	// Few accumulators would wait for each other: there a second set takes every other k.
	sets := 1
	if m*nb <= 4 && 2*m*nb+2*nb+2 <= g.regs {
		sets = 2
	}
	bv := func(j int) string { return g.reg(sets*m*nb + j) }
	used := sets*m*nb + nb
	// Masks of the columns: K1.. or, in the Y kernels, registers above those of B (direct) or those of B (after the loop).
	mask := func(j int) string {
		switch {
		case z:
			return fmt.Sprintf("K%d", j+1)
		case g.direct:
			return g.reg(sets*m*nb + nb + j)
		}
		return bv(j)
	}
	if !z && g.direct {
		used += nb
	}
	ntmp := min(g.regs-used, 4)
	tmp := func(i int) string { return g.reg(g.regs - 1 - i%ntmp) }
	setMasks := func() {
		if z {
			o.p("\tKMOVQ %d(AX), K1", gemmMask)
			for j := 1; j < nb; j++ {
				o.p("\tKSHIFTRQ $%d, K1, K%d", 16*j, j+1)
			}
			return
		}
		o.p("\tMOVQ %d(AX), CX\n\tSHLQ $2, CX\n\tLEAQ gemmMask<>+128(SB), R15\n\tSUBQ CX, R15", gemmCols)
		for j := range nb {
			o.p("\tVMOVUPS %d(R15), %s", j*w, mask(j))
		}
	}

	name := g.name(m)
	o.p("\n// func %s(p *kernelArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), DX\n\tMOVQ %d(AX), DI", gemmA, gemmRS, gemmB)
	if g.direct {
		o.p("\tMOVQ %d(AX), R12", gemmBS)
		setMasks()
	}
	if m > 3 {
		o.p("\tLEAQ (DX)(DX*2), R13")
	}
	for i := 1; i*3 < m; i++ {
		o.p("\tLEAQ (%s)(R13*1), %s", gemmBases[i-1], gemmBases[i])
	}
	for i := range sets * m * nb {
		g.zero(o, g.reg(i))
	}
	step := func(u int) {
		for j := range nb {
			switch {
			case !g.direct:
				o.p("\tVMOVUPS %d(DI), %s", (u*nb+j)*w, bv(j))
			case z:
				o.p("\tVMOVUPS.Z %d(DI), %s, %s", j*w, mask(j), bv(j))
			default:
				o.p("\tVMASKMOVPS %d(DI), %s, %s", j*w, mask(j), bv(j))
			}
		}
		if g.direct {
			o.p("\tADDQ R12, DI")
		}
		for r := range m {
			o.p("\tVBROADCASTSS %s, %s", gemmRow(r, u*4), tmp(r))
			for j := range nb {
				o.p("\tVFMADD231PS %s, %s, %s", bv(j), tmp(r), g.reg(u%sets*m*nb+r*nb+j))
			}
		}
	}
	advance := func(n int) {
		if !g.direct {
			o.p("\tADDQ $%d, DI", n*nb*w)
		}
		for i := 0; i*3 < m; i++ {
			o.p("\tADDQ $%d, %s", n*4, gemmBases[i])
		}
	}
	o.p("\tMOVQ %d(AX), CX\n\tSUBQ $%d, CX\n\tJLT tail\n\tPCALIGN $32\nloop:", gemmKC, g.unroll)
	for u := range g.unroll {
		step(u)
	}
	advance(g.unroll)
	o.p("\tSUBQ $%d, CX\n\tJGE loop\ntail:\n\tADDQ $%d, CX\n\tJZ finish\none:", g.unroll, g.unroll)
	step(0)
	advance(1)
	o.p("\tDECQ CX\n\tJNZ one\nfinish:")
	for i := range (sets - 1) * m * nb {
		o.p("\tVADDPS %s, %s, %s", g.reg(m*nb+i), g.reg(i), g.reg(i))
	}

	// Epilogue: clip(alpha*acc + beta*C + bias of the column + bias of the row).
	if !g.direct {
		setMasks()
	}
	o.p("\tMOVQ %d(AX), BX\n\tMOVQ %d(AX), DX", gemmC, gemmLDC)
	all := func(f func(r, j int)) {
		for r := range m {
			for j := range nb {
				f(r, j)
			}
		}
	}
	o.p("\tCMPL %d(AX), $0x3f800000\n\tJEQ scaled\n\tVBROADCASTSS %d(AX), %s", gemmAlpha, gemmAlpha, tmp(0))
	all(func(r, j int) { o.p("\tVMULPS %s, %s, %s", tmp(0), acc(r, j), acc(r, j)) })
	o.p("scaled:\n\tCMPL %d(AX), $0\n\tJEQ added\n\tVBROADCASTSS %d(AX), %s\n\tMOVQ BX, SI", gemmBeta, gemmBeta, tmp(0))
	for r := range m {
		for j := range nb {
			if z {
				o.p("\tVFMADD231PS %d(SI), %s, %s, %s", j*w, tmp(0), mask(j), acc(r, j))
			} else {
				o.p("\tVMASKMOVPS %d(SI), %s, %s\n\tVFMADD231PS %s, %s, %s", j*w, mask(j), tmp(1), tmp(1), tmp(0), acc(r, j))
			}
		}
		if r < m-1 {
			o.p("\tADDQ DX, SI")
		}
	}
	o.p("added:\n\tMOVQ %d(AX), SI\n\tTESTQ SI, SI\n\tJZ columns", gemmBiasCol)
	for j := range nb {
		if z {
			o.p("\tVMOVUPS.Z %d(SI), %s, %s", j*w, mask(j), tmp(1))
		} else {
			o.p("\tVMASKMOVPS %d(SI), %s, %s", j*w, mask(j), tmp(1))
		}
		for r := range m {
			o.p("\tVADDPS %s, %s, %s", tmp(1), acc(r, j), acc(r, j))
		}
	}
	o.p("columns:\n\tMOVQ %d(AX), SI\n\tTESTQ SI, SI\n\tJZ rows", gemmBiasRow)
	for r := range m {
		o.p("\tVBROADCASTSS %d(SI), %s", r*4, tmp(0))
		for j := range nb {
			o.p("\tVADDPS %s, %s, %s", tmp(0), acc(r, j), acc(r, j))
		}
	}
	o.p("rows:\n\tCMPL %d(AX), $0\n\tJEQ store\n\tVBROADCASTSS %d(AX), %s\n\tVBROADCASTSS %d(AX), %s", gemmClip, gemmLo, tmp(0), gemmHi, tmp(1))
	all(func(r, j int) {
		o.p("\tVMAXPS %s, %s, %s\n\tVMINPS %s, %s, %s", acc(r, j), tmp(0), acc(r, j), acc(r, j), tmp(1), acc(r, j))
	})
	o.p("store:")
	if !z { // whole vectors are stored without a mask, which is slow on some processors
		o.p("\tCMPQ %d(AX), $%d\n\tJNE partial", gemmCols, nb*g.lanes())
		for r := range m {
			for j := range nb {
				o.p("\tVMOVUPS %s, %d(BX)", acc(r, j), j*w)
			}
			if r < m-1 {
				o.p("\tADDQ DX, BX")
			}
		}
		o.p("\tVZEROUPPER\n\tRET\npartial:")
	}
	for r := range m {
		for j := range nb {
			if z {
				o.p("\tVMOVUPS %s, %s, %d(BX)", acc(r, j), mask(j), j*w)
			} else {
				o.p("\tVMASKMOVPS %s, %s, %d(BX)", acc(r, j), mask(j), j*w)
			}
		}
		if r < m-1 {
			o.p("\tADDQ DX, BX")
		}
	}
	o.p("\tVZEROUPPER\n\tRET")
}

// gemmTranspose stores 8 rows of a matrix as 8 columns, 8 at a time: rows in R8..R15 order from SI with pitch DX, to DI with pitch BX.
func gemmTranspose(o *text) {
	o.p("\n// func gemmTranspose8F32AVX2(p *transposeArgs)\nTEXT ·gemmTranspose8F32AVX2(SB), NOSPLIT, $0-8")
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ 0(AX), SI\n\tMOVQ 8(AX), DX\n\tMOVQ 16(AX), DI\n\tMOVQ 24(AX), BX\n\tMOVQ 32(AX), CX")
	o.p("\tLEAQ (DX)(DX*2), R8\n\tLEAQ (BX)(BX*2), R9")
	o.p("loop:\n\tLEAQ (SI)(DX*4), R10\n\tLEAQ (DI)(BX*4), R11")
	at := func(base, pitch, pitch3 string, i int) string {
		return []string{"(" + base + ")", "(" + base + ")(" + pitch + "*1)", "(" + base + ")(" + pitch + "*2)", "(" + base + ")(" + pitch3 + "*1)"}[i]
	}
	for i := range 8 {
		base := "SI"
		if i >= 4 {
			base = "R10"
		}
		o.p("\tVMOVUPS %s, Y%d", at(base, "DX", "R8", i%4), i)
	}
	for i := 0; i < 8; i += 2 { // pairs of rows interleaved
		o.p("\tVUNPCKLPS Y%d, Y%d, Y%d\n\tVUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 8+i, i+1, i, 9+i)
	}
	for h := range 2 { // groups of four rows
		s, d := 8+4*h, 4*h
		o.p("\tVSHUFPS $0x44, Y%d, Y%d, Y%d\n\tVSHUFPS $0xee, Y%d, Y%d, Y%d", s+2, s, d, s+2, s, d+1)
		o.p("\tVSHUFPS $0x44, Y%d, Y%d, Y%d\n\tVSHUFPS $0xee, Y%d, Y%d, Y%d", s+3, s+1, d+2, s+3, s+1, d+3)
	}
	for i := range 4 {
		o.p("\tVPERM2F128 $0x20, Y%d, Y%d, Y8\n\tVPERM2F128 $0x31, Y%d, Y%d, Y9", 4+i, i, 4+i, i)
		o.p("\tVMOVUPS Y8, %s\n\tVMOVUPS Y9, %s", at("DI", "BX", "R9", i), at("R11", "BX", "R9", i))
	}
	o.p("\tADDQ $32, SI\n\tLEAQ (DI)(BX*8), DI\n\tDECQ CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// gemmPackage writes the kernels of package gemm.
func gemmPackage() (asm, decl string) {
	o, d, decls := &text{}, &text{}, &text{}
	d.p("\n// call runs the assembly kernel of that number.\nfunc call(id int, p *kernelArgs) {\n\tswitch id {")
	consts := &text{}
	id := 0
	for _, g := range gemmTiles {
		kind := "Packed"
		if g.direct {
			kind = "Direct"
		}
		consts.p("\tid%s%dx%d%s = %d // heights %d to %d", kind, g.first, g.vectors*g.lanes(), g.target.name, id, g.first, g.rows)
		for m := g.first; m <= g.rows; m++ {
			gemmKernel(o, g, m)
			d.p("\tcase %d:\n\t\t%s(p)", id, g.name(m))
			decls.p("//go:noescape\nfunc %s(p *kernelArgs)\n", g.name(m))
			id++
		}
	}
	d.p("\t}\n}\n")
	gemmTranspose(o)
	decls.p("//go:noescape\nfunc gemmTranspose8F32AVX2(p *transposeArgs)\n")
	o.p("")
	for i := range 64 {
		v := "0xffffffff"
		if i >= 32 {
			v = "0"
		}
		o.p("DATA gemmMask<>+%d(SB)/4, $%s", i*4, v)
	}
	o.p("GLOBL gemmMask<>(SB), RODATA|NOPTR, $256")
	return o.String(), "\n// The numbers of the kernels of each family, lowest height first.\nconst (\n" + consts.String() + ")\n" + d.String() + decls.String()
}
