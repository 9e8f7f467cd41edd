package main

import "fmt"

// Offsets in the argument block of the products of package quant.
const (
	qgA, qgRS, qgKD, qgB, qgC, qgLDC, qgMask, qgCols, qgColInit, qgRowInit = 0, 8, 16, 24, 32, 40, 48, 56, 64, 72
	qgColScale, qgRowScale, qgColBias, qgMode, qgLo, qgHi, qgZero, qgRows  = 80, 88, 96, 104, 112, 116, 120, 128
	qgTile                                                                 = 136
)

// quantForm says how a product takes its operands.
type quantForm string

const (
	quantUS   quantForm = "US"   // A unsigned bytes, B signed bytes, four at a time by VPDPBUSD
	quantSU   quantForm = "SU"   // A signed bytes, B unsigned ones
	quantPair quantForm = "Pair" // int16, two at a time by VPMADDWD
)

// quantTile is a family of kernels: 1 to rows rows by vectors vectors of columns.
type quantTile struct {
	target
	form          quantForm
	rows, vectors int
}

func (g quantTile) name(m int) string {
	n := g.target.name
	if g.form != quantPair {
		n = "VNNI"
	}
	return fmt.Sprintf("product%sx%dx%d%s", g.form, m, g.vectors*g.lanes(), n)
}

var quantTiles = []quantTile{
	{avx512, quantUS, 14, 2}, {avx512, quantUS, 6, 4},
	{avx512, quantSU, 14, 2}, {avx512, quantSU, 6, 4},
	{avx512, quantPair, 14, 2}, {avx512, quantPair, 6, 4},
	{avx2, quantPair, 6, 2},
}

// quantProduct sums products over dwords of k. In the Y form the sums are left in the tile of the argument block.
func quantProduct(o *text, g quantTile, m int) {
	nb, w := g.vectors, g.width
	acc := func(r, j int) string { return g.reg(r*nb + j) }
	bv := func(j int) string { return g.reg(m*nb + j) }
	ntmp := min(g.regs-m*nb-nb, 4)
	if g.form == quantPair {
		ntmp = 1
	}
	tmp := func(i int) string { return g.reg(g.regs - 1 - i%ntmp) }
	name := g.name(m)
	o.p("\n// func %s(p *productArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), DX\n\tMOVQ %d(AX), DI", qgA, qgRS, qgB)
	if m > 3 {
		o.p("\tLEAQ (DX)(DX*2), R13")
	}
	for i := 1; i*3 < m; i++ {
		o.p("\tLEAQ (%s)(R13*1), %s", gemmBases[i-1], gemmBases[i])
	}
	for i := range m * nb {
		g.zero(o, g.reg(i))
	}
	step := func(u int) {
		for j := range nb {
			o.p("\tVMOVDQU%s %d(DI), %s", map[string]string{"Z": "32"}[g.v], (u*nb+j)*w, bv(j))
		}
		for r := range m {
			o.p("\tVPBROADCASTD %s, %s", gemmRow(r, u*4), tmp(r))
			for j := range nb {
				switch g.form {
				case quantUS:
					o.p("\tVPDPBUSD %s, %s, %s", bv(j), tmp(r), acc(r, j))
				case quantSU:
					o.p("\tVPDPBUSD %s, %s, %s", tmp(r), bv(j), acc(r, j))
				default:
					x := g.reg(g.regs - 2)
					o.p("\tVPMADDWD %s, %s, %s\n\tVPADDD %s, %s, %s", bv(j), tmp(r), x, x, acc(r, j), acc(r, j))
				}
			}
		}
	}
	advance := func(n int) {
		o.p("\tADDQ $%d, DI", n*nb*w)
		for i := 0; i*3 < m; i++ {
			o.p("\tADDQ $%d, %s", n*4, gemmBases[i])
		}
	}
	const unroll = 2
	o.p("\tMOVQ %d(AX), CX\n\tSUBQ $%d, CX\n\tJLT tail\n\tPCALIGN $32\nloop:", qgKD, unroll)
	for u := range unroll {
		step(u)
	}
	advance(unroll)
	o.p("\tSUBQ $%d, CX\n\tJGE loop\ntail:\n\tADDQ $%d, CX\n\tJZ finish", unroll, unroll)
	step(0)
	o.p("finish:")
	if g.v == "Y" {
		for r := range m {
			for j := range nb {
				o.p("\tVMOVDQU %s, %d(AX)", acc(r, j), qgTile+(r*nb+j)*w)
			}
		}
		o.p("\tVZEROUPPER\n\tRET")
		return
	}
	quantFinish(o, g, m, acc)
}

// quantFinish adds the initial values, then stores int32, scaled float32 or requantised bytes.
func quantFinish(o *text, g quantTile, m int, acc func(r, j int) string) {
	nb, w := g.vectors, g.width
	all := func(f func(r, j int, a string)) {
		for r := range m {
			for j := range nb {
				f(r, j, acc(r, j))
			}
		}
	}
	rows := func(size int, f func(j int, a string) string) {
		for r := range m {
			for j := range nb {
				o.p("%s, K%d, %d(BX)", f(j, acc(r, j)), j+1, j*16*size)
			}
			if r < m-1 {
				o.p("\tADDQ DX, BX")
			}
		}
		o.p("\tVZEROUPPER\n\tRET")
	}
	o.p("\tMOVQ %d(AX), BX\n\tMOVQ %d(AX), DX\n\tKMOVQ %d(AX), K1", qgC, qgLDC, qgMask)
	for j := 1; j < nb; j++ {
		o.p("\tKSHIFTRQ $%d, K1, K%d", 16*j, j+1)
	}
	o.p("\tMOVQ %d(AX), SI\n\tTESTQ SI, SI\n\tJZ rowInit", qgColInit)
	all(func(r, j int, a string) { o.p("\tVPADDD %d(SI), %s, %s", j*w, a, a) })
	o.p("rowInit:\n\tMOVQ %d(AX), SI\n\tTESTQ SI, SI\n\tJZ sums", qgRowInit)
	all(func(r, j int, a string) { o.p("\tVPADDD.BCST %d(SI), %s, %s", r*4, a, a) })
	o.p("sums:\n\tMOVQ %d(AX), CX\n\tTESTQ CX, CX\n\tJNZ scaled", qgMode)
	rows(4, func(_ int, a string) string { return "\tVMOVDQU32 " + a })
	o.p("scaled:")
	all(func(r, j int, a string) { o.p("\tVCVTDQ2PS %s, %s", a, a) })
	o.p("\tMOVQ %d(AX), SI\n\tTESTQ SI, SI\n\tJZ rowScale", qgColScale)
	all(func(r, j int, a string) { o.p("\tVMULPS %d(SI), %s, %s", j*w, a, a) })
	o.p("\tJMP stored\nrowScale:\n\tMOVQ %d(AX), SI", qgRowScale)
	all(func(r, j int, a string) { o.p("\tVMULPS.BCST %d(SI), %s, %s", r*4, a, a) })
	o.p("stored:\n\tCMPQ CX, $2\n\tJEQ quantized\n\tMOVQ %d(AX), SI\n\tTESTQ SI, SI\n\tJZ floats", qgColBias)
	all(func(r, j int, a string) { o.p("\tVADDPS %d(SI), %s, %s", j*w, a, a) })
	o.p("floats:")
	rows(4, func(_ int, a string) string { return "\tVMOVUPS " + a })
	lo, hi, zero := g.reg(29), g.reg(30), g.reg(31)
	o.p("quantized:\n\tVBROADCASTSS %d(AX), %s\n\tVBROADCASTSS %d(AX), %s\n\tVPBROADCASTD %d(AX), %s", qgLo, lo, qgHi, hi, qgZero, zero)
	all(func(r, j int, a string) {
		o.p("\tVMAXPS %s, %s, %s\n\tVMINPS %s, %s, %s\n\tVCVTPS2DQ %s, %s\n\tVPADDD %s, %s, %s\n\tVPMOVDB %s, X%s", lo, a, a, hi, a, a, a, a, zero, a, a, a, a[1:])
	})
	rows(1, func(_ int, a string) string { return "\tVMOVDQU8 X" + a[1:] })
}

// quantFinishY is quantFinish over the tile of 16 columns that a Y kernel left: rows rows of 16 columns.
func quantFinishY(o, d *text) {
	const name = "finishTileAVX2"
	o.p("\n// func %s(p *productArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	d.p("//go:noescape\nfunc %s(p *productArgs)\n", name)
	o.p("\tMOVQ p+0(FP), AX\n\tLEAQ %d(AX), DI\n\tMOVQ %d(AX), BX\n\tMOVQ %d(AX), DX\n\tMOVQ %d(AX), CX", qgTile, qgC, qgLDC, qgRows)
	o.p("\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), R9\n\tMOVQ %d(AX), R10\n\tMOVQ %d(AX), R11\n\tMOVQ %d(AX), R12\n\tMOVQ %d(AX), R13", qgColInit, qgRowInit, qgColScale, qgRowScale, qgColBias, qgMode)
	o.p("\tVBROADCASTSS %d(AX), Y13\n\tVBROADCASTSS %d(AX), Y14\n\tVPBROADCASTD %d(AX), Y15\n\tVPCMPEQW Y12, Y12, Y12\n\tVPSRLW $8, Y12, Y12", qgLo, qgHi, qgZero)
	o.p("row:\n\tVMOVDQU (DI), Y0\n\tVMOVDQU 32(DI), Y1\n\tTESTQ R8, R8\n\tJZ rowInit\n\tVPADDD (R8), Y0, Y0\n\tVPADDD 32(R8), Y1, Y1")
	o.p("rowInit:\n\tTESTQ R9, R9\n\tJZ sums\n\tVPBROADCASTD (R9), Y2\n\tVPADDD Y2, Y0, Y0\n\tVPADDD Y2, Y1, Y1\n\tADDQ $4, R9")
	o.p("sums:\n\tTESTQ R13, R13\n\tJZ store\n\tVCVTDQ2PS Y0, Y0\n\tVCVTDQ2PS Y1, Y1\n\tTESTQ R10, R10\n\tJZ rowScale\n\tVMULPS (R10), Y0, Y0\n\tVMULPS 32(R10), Y1, Y1\n\tJMP scaled")
	o.p("rowScale:\n\tVBROADCASTSS (R11), Y2\n\tVMULPS Y2, Y0, Y0\n\tVMULPS Y2, Y1, Y1\n\tADDQ $4, R11")
	o.p("scaled:\n\tCMPQ R13, $2\n\tJEQ quantized\n\tTESTQ R12, R12\n\tJZ store\n\tVADDPS (R12), Y0, Y0\n\tVADDPS 32(R12), Y1, Y1")
	o.p("store:\n\tVMOVDQU Y0, (BX)\n\tVMOVDQU Y1, 32(BX)\n\tJMP next\nquantized:")
	for _, r := range []string{"Y0", "Y1"} {
		o.p("\tVMAXPS Y13, %s, %s\n\tVMINPS Y14, %s, %s\n\tVCVTPS2DQ %s, %s\n\tVPADDD Y15, %s, %s", r, r, r, r, r, r, r, r)
	}
	o.p("\tVPACKSSDW Y1, Y0, Y0\n\tVPAND Y12, Y0, Y0\n\tVPERMQ $0xd8, Y0, Y0\n\tVEXTRACTI128 $1, Y0, X1\n\tVPACKUSWB X1, X0, X0\n\tVMOVDQU X0, (BX)")
	o.p("next:\n\tADDQ $64, DI\n\tADDQ DX, BX\n\tDECQ CX\n\tJNZ row\n\tVZEROUPPER\n\tRET")
}

// Offsets in the argument block of the packing kernels of package quant.
const (
	qpSrc, qpOffs, qpCount, qpDst, qpPitch, qpMask, qpFlip, qpZero = 0, 8, 16, 24, 32, 40, 48, 52
)

// quantPack interleaves 16 columns of rows that lie at offsets from src: four rows of bytes, or two that become int16 without their zero point.
// The bytes are combined with flip by exclusive or first. The Z forms load under a mask.
func quantPack(o, d *text, t target, rows int) {
	name := fmt.Sprintf("pack%d%s", rows, t.name)
	o.p("\n// func %s(p *packArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	d.p("//go:noescape\nfunc %s(p *packArgs)\n", name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), CX\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), DX", qpSrc, qpOffs, qpCount, qpDst, qpPitch)
	o.p("\tVPBROADCASTB %d(AX), X15\n\tVPBROADCASTW %d(AX), Y14", qpFlip, qpZero)
	if t.v == "Z" {
		o.p("\tKMOVQ %d(AX), K1", qpMask)
	}
	o.p("loop:")
	for i := range rows {
		o.p("\tMOVQ %d(R8), R9", 8*i)
		if t.v == "Z" {
			o.p("\tVMOVDQU8.Z (SI)(R9*1), K1, X%d", i)
		} else {
			o.p("\tVMOVDQU (SI)(R9*1), X%d", i)
		}
		o.p("\tVPXOR X15, X%d, X%d", i, i)
	}
	o.p("\tVPUNPCKLBW X1, X0, X4\n\tVPUNPCKHBW X1, X0, X5")
	if rows == 2 {
		o.p("\tVPMOVZXBW X4, Y4\n\tVPMOVZXBW X5, Y5\n\tVPSUBW Y14, Y4, Y4\n\tVPSUBW Y14, Y5, Y5\n\tVMOVDQU Y4, (DI)\n\tVMOVDQU Y5, 32(DI)")
	} else {
		o.p("\tVPUNPCKLBW X3, X2, X6\n\tVPUNPCKHBW X3, X2, X7\n\tVPUNPCKLWD X6, X4, X8\n\tVPUNPCKHWD X6, X4, X9\n\tVPUNPCKLWD X7, X5, X10\n\tVPUNPCKHWD X7, X5, X11")
		for i := range 4 {
			o.p("\tVMOVDQU X%d, %d(DI)", 8+i, 16*i)
		}
	}
	o.p("\tADDQ $%d, R8\n\tADDQ DX, DI\n\tDECQ CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET", 8*rows)
}

// quantProducts writes the products and what packs their operands.
func quantProducts(o, d *text) {
	d.p("// product runs the assembly kernel of that number.\nfunc product(id int, p *productArgs) {\n\tswitch id {")
	consts, decls := &text{}, &text{}
	id := 0
	for _, g := range quantTiles {
		n := g.target.name
		if g.form != quantPair {
			n = "VNNI"
		}
		consts.p("\tid%s%dx%d%s = %d // heights 1 to %d", g.form, g.rows, g.vectors*g.lanes(), n, id, g.rows)
		for m := 1; m <= g.rows; m++ {
			quantProduct(o, g, m)
			d.p("\tcase %d:\n\t\t%s(p)", id, g.name(m))
			decls.p("//go:noescape\nfunc %s(p *productArgs)\n", g.name(m))
			id++
		}
	}
	d.p("\t}\n}\n\n// The numbers of the kernels of each family, lowest height first.\nconst (\n%s)\n", consts.String())
	d.WriteString(decls.String())
	quantFinishY(o, d)
	quantPack(o, d, avx512, 4)
	quantPack(o, d, avx512, 2)
	quantPack(o, d, avx2, 2)
}
