package main

import "fmt"

// Offsets in the argument block of the products with weights in blocks of package quant.
const (
	qbA, qbRS, qbW, qbScales, qbZeros, qbSums, qbSumsPitch, qbBlocks, qbGroups, qbLast, qbOut, qbLDC, qbMask, qbBias = 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104
)

// bitsRows is how many rows the kernels of an instruction set take.
func bitsRows(t target) int {
	if t.v == "Z" {
		return 8
	}
	return 4
}

func bitsName(t target, bits, m int) string { return fmt.Sprintf("bits%dx%d%s", bits, m, t.name) }

// quantBits multiplies m rows of float32 with a panel of columns, one a lane: each dword holds 8 weights of 4 bits or 4 of 8 that follow
// each other along k. The sums of a block are scaled once. Z kernels look 4 bits up as -8 to 7; the others take weights as unsigned.
func quantBits(o, d *text, t target, bits, m int) {
	z := t.v == "Z"
	name := bitsName(t, bits, m)
	sets := map[int]int{1: 4, 2: 4, 3: 2, 4: 2}[m]
	if !z {
		sets = map[int]int{1: 4, 2: 2, 3: 2, 4: 2}[m]
	}
	sets = max(sets, 1)
	top := t.regs - 1
	table, w, dec, shifted, cast := t.reg(top), t.reg(top-1), t.reg(top-2), t.reg(top-2), t.reg(top-3)
	total := func(r int) string { return t.reg(r) }
	acc := func(s, r int) string { return t.reg(m + s*m + r) }
	o.p("\n// func %s(p *bitsArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	d.p("//go:noescape\nfunc %s(p *bitsArgs)\n", name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), DX\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), R12\n\tMOVQ %d(AX), R15\n\tMOVQ %d(AX), BX\n\tMOVQ %d(AX), CX", qbA, qbRS, qbW, qbScales, qbZeros, qbSums, qbBlocks)
	if m > 3 {
		o.p("\tLEAQ (DX)(DX*2), R13")
	}
	for i := 1; i*3 < m; i++ {
		o.p("\tLEAQ (%s)(R13*1), %s", gemmBases[i-1], gemmBases[i])
	}
	switch {
	case z && bits == 4:
		o.p("\tVMOVUPS bitsTable<>(SB), %s", table)
	default:
		o.p("\tMOVL $%d, R13\n\tVMOVD R13, X0\n\tVPBROADCASTD X0, %s", 1<<bits-1, table)
	}
	for r := range m {
		t.zero(o, total(r))
	}
	o.p("block:")
	for i := range sets * m {
		t.zero(o, acc(0, i))
	}
	o.p("\tMOVQ %d(AX), R13\n\tCMPQ CX, $1\n\tJNE group\n\tMOVQ %d(AX), R13\ngroup:\n\tVMOVDQU%s (DI), %s", qbGroups, qbLast, map[bool]string{true: "32"}[z], w)
	n := 32 / bits
	for i := range n {
		from := w
		if i > 0 {
			o.p("\tVPSRLD $%d, %s, %s", bits*i, w, shifted)
			from = shifted
		}
		switch {
		case z && bits == 4:
			o.p("\tVPERMPS %s, %s, %s", table, from, dec)
		case z:
			o.p("\tVPANDD %s, %s, %s\n\tVCVTDQ2PS %s, %s", table, from, dec, dec, dec)
		default:
			o.p("\tVPAND %s, %s, %s\n\tVCVTDQ2PS %s, %s", table, from, dec, dec, dec)
		}
		for r := range m {
			if z {
				o.p("\tVFMADD231PS.BCST %s, %s, %s", gemmRow(r, 4*i), dec, acc(i%sets, r))
			} else {
				o.p("\tVBROADCASTSS %s, %s\n\tVFMADD231PS %s, %s, %s", gemmRow(r, 4*i), cast, cast, dec, acc(i%sets, r))
			}
		}
	}
	o.p("\tADDQ $64, DI")
	for i := 0; i*3 < m; i++ {
		o.p("\tADDQ $%d, %s", 4*n, gemmBases[i])
	}
	o.p("\tDECQ R13\n\tJNZ group")
	for s := sets; s > 1; s /= 2 {
		for i := range s / 2 {
			for r := range m {
				o.p("\tVADDPS %s, %s, %s", acc(i+s/2, r), acc(i, r), acc(i, r))
			}
		}
	}
	o.p("\tVMOVUPS (R12), %s", w)
	for r := range m {
		o.p("\tVFMADD231PS %s, %s, %s", w, acc(0, r), total(r))
	}
	o.p("\tADDQ $64, R12\n\tTESTQ R15, R15\n\tJZ next\n\tVMOVUPS (R15), %s\n\tMOVQ BX, R13", w)
	for r := range m {
		if z {
			o.p("\tVFMADD231PS.BCST (R13), %s, %s", w, total(r))
		} else {
			o.p("\tVBROADCASTSS (R13), %s\n\tVFMADD231PS %s, %s, %s", cast, cast, w, total(r))
		}
		if r < m-1 {
			o.p("\tADDQ %d(AX), R13", qbSumsPitch)
		}
	}
	o.p("\tADDQ $64, R15\n\tADDQ $4, BX\nnext:\n\tDECQ CX\n\tJNZ block")
	o.p("\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), DX\n\tMOVQ %d(AX), BX\n\tTESTQ BX, BX\n\tJZ store\n\tVMOVUPS (BX), %s", qbOut, qbLDC, qbBias, w)
	for r := range m {
		o.p("\tVADDPS %s, %s, %s", w, total(r), total(r))
	}
	o.p("store:")
	if z {
		o.p("\tKMOVQ %d(AX), K1", qbMask)
	}
	for r := range m {
		if z {
			o.p("\tVMOVUPS %s, K1, (DI)", total(r))
		} else {
			o.p("\tVMOVUPS %s, (DI)", total(r))
		}
		if r < m-1 {
			o.p("\tADDQ DX, DI")
		}
	}
	o.p("\tVZEROUPPER\n\tRET")
}

// quantBitsKernels writes the products with weights in blocks.
func quantBitsKernels(o, d *text) {
	calls := &text{}
	for _, t := range []target{avx512, avx2} {
		calls.p("// bits%s runs the assembly for that many bits and rows.\nfunc bits%s(bits, rows int, p *bitsArgs) {\n\tswitch bits*16 + rows {", t.name, t.name)
		for _, bits := range []int{4, 8} {
			for m := 1; m <= bitsRows(t); m++ {
				quantBits(o, d, t, bits, m)
				calls.p("\tcase %d:\n\t\t%s(p)", bits*16+m, bitsName(t, bits, m))
			}
		}
		calls.p("\t}\n}\n")
	}
	d.WriteString(calls.String())
	o.p("")
	for i := range 16 {
		o.p("DATA bitsTable<>+%d(SB)/4, $%d.0", 4*i, i-8)
	}
	o.p("GLOBL bitsTable<>(SB), RODATA|NOPTR, $64")
}
