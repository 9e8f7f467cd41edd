package main

import "fmt"

// Offsets in the argument block of package conv.
const (
	convIn, convOffs, convTaps, convW, convOut, convCols, convRows, convInPitch, convOutPitch = 0, 8, 16, 24, 32, 40, 48, 56, 64
	convBias, convLo, convHi                                                                  = 72, 76, 80
)

// convKernel sums weighted taps of a plane: for each of rows rows and cols columns clip(bias + sum of w[t]*in[offs[t]+column]).
// Four rows at a time share the loads of weights and offsets.
func convKernel(o *text, t target, name string) {
	tmp, bias, lo, hi, masked := t.reg(8), t.reg(9), t.reg(10), t.reg(11), t.reg(12)
	o.p("\n// func %s(p *tapArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), R12", convIn, convOut, convRows)
	o.p("\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), R9\n\tMOVQ %d(AX), R14\n\tLEAQ (R14)(R14*2), R10", convOffs, convW, convInPitch)
	for _, c := range []struct {
		at int
		r  string
	}{{convBias, bias}, {convLo, lo}, {convHi, hi}} {
		o.p("\tVBROADCASTSS %d(AX), %s", c.at, c.r)
	}
	// The mask of the last columns of a row is the same in every row.
	o.p("\tMOVQ %d(AX), CX\n\tANDQ $%d, CX", convCols, t.lanes()-1)
	if t.v == "Z" {
		o.p("\tMOVQ $-1, BX\n\tSHLQ CX, BX\n\tNOTQ BX\n\tKMOVW BX, K1")
	} else {
		o.p("\tLEAQ tailMask<>+32(SB), BX\n\tSHLQ $2, CX\n\tSUBQ CX, BX\n\tVMOVUPS (BX), Y15")
	}
	row := func(disp, i int, base, pitch, pitch3 string) string {
		return fmt.Sprintf("%d(%s)%s", disp, base, []string{"", "(" + pitch + "*1)", "(" + pitch + "*2)", "(" + pitch3 + "*1)"}[i])
	}
	block := func(label string, rows, n int, mask bool) {
		for i := range rows * n {
			o.p("\tVMOVAPS %s, %s", bias, t.reg(i))
		}
		o.p("\tXORQ DX, DX\n%s:\n\tMOVQ (R8)(DX*8), BX\n\tVBROADCASTSS (R9)(DX*4), %s\n\tADDQ R11, BX", label, tmp)
		for i := range rows {
			for j := range n {
				at, acc := row(j*t.width, i, "BX", "R14", "R10"), t.reg(i*n+j)
				switch {
				case !mask:
					o.p("\tVFMADD231PS %s, %s, %s", at, tmp, acc)
				case t.v == "Z":
					o.p("\tVFMADD231PS %s, %s, K1, %s", at, tmp, acc)
				default:
					o.p("\tVMASKMOVPS %s, Y15, %s\n\tVFMADD231PS %s, %s, %s", at, masked, masked, tmp, acc)
				}
			}
		}
		o.p("\tINCQ DX\n\tCMPQ DX, %d(AX)\n\tJLT %s", convTaps, label)
		if rows > 1 {
			o.p("\tMOVQ %d(AX), DX\n\tLEAQ (DX)(DX*2), BX", convOutPitch)
		}
		for i := range rows {
			for j := range n {
				r, at := t.reg(i*n+j), row(j*t.width, i, "R13", "DX", "BX")
				o.p("\tVMAXPS %s, %s, %s\n\tVMINPS %s, %s, %s", r, lo, r, r, hi, r)
				switch {
				case !mask:
					o.p("\tVMOVUPS %s, %s", r, at)
				case t.v == "Z":
					o.p("\tVMOVUPS %s, K1, %s", r, at)
				default:
					o.p("\tVMASKMOVPS %s, Y15, %s", r, at)
				}
			}
		}
		if !mask {
			o.p("\tADDQ $%d, R11\n\tADDQ $%d, R13", n*t.width, n*t.width)
		}
	}
	lines := func(label string, rows, n int) {
		o.p("%s:\n\tMOVQ SI, R11\n\tMOVQ DI, R13\n\tMOVQ %d(AX), CX", label, convCols)
		o.p("\tSUBQ $%d, CX\n\tJLT %sFew\n%sMany:", n*t.lanes(), label, label)
		block(label+"ManyTap", rows, n, false)
		o.p("\tSUBQ $%d, CX\n\tJGE %sMany", n*t.lanes(), label)
		o.p("%sFew:\n\tADDQ $%d, CX\n\tJLT %sRest\n%sOne:", label, (n-1)*t.lanes(), label, label)
		block(label+"OneTap", rows, 1, false)
		o.p("\tSUBQ $%d, CX\n\tJGE %sOne\n%sRest:\n\tADDQ $%d, CX\n\tJZ %sNext", t.lanes(), label, label, t.lanes(), label)
		block(label+"RestTap", rows, 1, true)
		o.p("%sNext:\n\tMOVQ %d(AX), DX", label, convOutPitch)
		o.p("\tLEAQ (SI)(R14*%d), SI\n\tLEAQ (DI)(DX*%d), DI\n\tSUBQ $%d, R12", rows, rows, rows)
	}
	o.p("\tSUBQ $4, R12\n\tJLT singles")
	lines("quad", 4, 2)
	o.p("\tJGE quad\nsingles:\n\tADDQ $4, R12\n\tJZ done")
	lines("line", 1, 4)
	o.p("\tJNZ line\ndone:\n\tVZEROUPPER\n\tRET")
}

// Offsets in the argument block of the packing kernels.
const (
	packSrc, packOffs, packCount, packDst, packPitch, packLoad, packStore, packLoadMask, packStoreMask = 0, 8, 16, 24, 32, 40, 48, 56, 64
)

// convPack copies, for each of count offsets, load elements at src+offset to a row of dst, followed by zeros up to store elements.
func convPack(o *text, t target, name string, vectors int) {
	o.p("\n// func %s(p *packArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), CX\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), DX", packSrc, packOffs, packCount, packDst, packPitch)
	load, store := func(j int) string { return fmt.Sprintf("K%d", 1+j) }, func(int) string { return "" }
	if t.v == "Z" {
		// All vectors but the last one are stored whole.
		store = func(j int) string {
			if j == vectors-1 {
				return "K7"
			}
			return ""
		}
		o.p("\tKMOVQ %d(AX), K1\n\tKMOVQ %d(AX), K7", packLoadMask, packStoreMask)
		for j := 1; j < vectors; j++ {
			o.p("\tKSHIFTRQ $%d, K1, K%d", 16*j, 1+j)
		}
		if vectors > 1 {
			o.p("\tKSHIFTRQ $%d, K7, K7", 16*(vectors-1))
		}
	} else {
		load, store = func(j int) string { return t.reg(8 + j) }, func(j int) string { return t.reg(12 + j) }
		for _, m := range []struct {
			at  int
			reg func(int) string
		}{{packLoad, load}, {packStore, store}} {
			o.p("\tMOVQ %d(AX), R9\n\tSHLQ $2, R9\n\tLEAQ packMask<>+64(SB), R10\n\tSUBQ R9, R10", m.at)
			for j := range vectors {
				o.p("\tVMOVUPS %d(R10), %s", 32*j, m.reg(j))
			}
		}
	}
	row := func(full bool) {
		o.p("\tMOVQ (R8), R9")
		for j := range vectors {
			at := fmt.Sprintf("%d(SI)(R9*1)", j*t.width)
			switch {
			case full:
				o.p("\tVMOVUPS %s, %s", at, t.reg(j))
			case t.v == "Z":
				o.p("\tVMOVUPS.Z %s, %s, %s", at, load(j), t.reg(j))
			default:
				o.p("\tVMASKMOVPS %s, %s, %s", at, load(j), t.reg(j))
			}
		}
		for j := range vectors {
			at := fmt.Sprintf("%d(DI)", j*t.width)
			switch {
			case full || t.v == "Z" && store(j) == "":
				o.p("\tVMOVUPS %s, %s", t.reg(j), at)
			case t.v == "Z":
				o.p("\tVMOVUPS %s, %s, %s", t.reg(j), store(j), at)
			default:
				o.p("\tVMASKMOVPS %s, %s, %s", t.reg(j), store(j), at)
			}
		}
		o.p("\tADDQ $8, R8\n\tADDQ DX, DI\n\tDECQ CX")
	}
	if t.v == "Y" {
		o.p("\tCMPQ %d(AX), $%d\n\tJNE part\nwhole:", packLoad, vectors*8)
		row(true)
		o.p("\tJNZ whole\n\tVZEROUPPER\n\tRET")
	}
	o.p("part:")
	row(false)
	o.p("\tJNZ part\n\tVZEROUPPER\n\tRET")
}

// convSplit stores the even and odd elements of a line apart, 16 elements at a time.
func convSplit(o *text) {
	o.p("\n// func convSplit2F32AVX2(p *splitArgs)\nTEXT ·convSplit2F32AVX2(SB), NOSPLIT, $0-8")
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ 0(AX), SI\n\tMOVQ 8(AX), DI\n\tMOVQ 16(AX), DX\n\tMOVQ 24(AX), CX\nloop:")
	o.p("\tVMOVUPS (SI), Y0\n\tVMOVUPS 32(SI), Y1")
	o.p("\tVSHUFPS $0x88, Y1, Y0, Y2\n\tVSHUFPS $0xdd, Y1, Y0, Y3\n\tVPERMPD $0xd8, Y2, Y2\n\tVPERMPD $0xd8, Y3, Y3")
	o.p("\tVMOVUPS Y2, (DI)\n\tVMOVUPS Y3, (DX)\n\tADDQ $64, SI\n\tADDQ $32, DI\n\tADDQ $32, DX\n\tDECQ CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// convPackage writes the kernels of package conv.
func convPackage() (asm, decl string) {
	o, d := &text{}, &text{}
	d.p("\nimport \"github.com/walnut-ai/walnut/internal/kernel/isa\"\n")
	d.p("// tapsFast runs the assembly for the current level; false means that there is none.\nfunc tapsFast(p *tapArgs) bool {\n\tswitch l := isa.Best(); {")
	for _, t := range []target{avx512, avx2} {
		name := "convTapsF32" + t.name
		convKernel(o, t, name)
		d.p("\tcase l.Includes(isa.%s):\n\t\t%s(p)\n\t\treturn true", t.name, name)
	}
	d.p("\t}\n\treturn false\n}\n")
	for _, t := range []target{avx512, avx2} {
		d.p("//go:noescape\nfunc convTapsF32%s(p *tapArgs)\n", t.name)
	}
	convSplit(o)
	d.p("//go:noescape\nfunc convSplit2F32AVX2(p *splitArgs)\n")
	d.p("// splitFast runs the assembly for the current level; false means that there is none.\nfunc splitFast(p *splitArgs) bool {\n\tif !isa.Best().Includes(isa.AVX2) {\n\t\treturn false\n\t}\n\tconvSplit2F32AVX2(p)\n\treturn true\n}\n")
	d.p("// packFast runs the assembly for the current level; false means that there is none.\nfunc packFast(p *packArgs) bool {\n\tswitch l := isa.Best(); {")
	decls := &text{}
	for _, t := range []target{avx512, avx2} {
		d.p("\tcase l.Includes(isa.%s):\n\t\tswitch (p.store+%d) / %d {", t.name, t.lanes()-1, t.lanes())
		most := 4
		if t.v == "Y" {
			most = 2
		}
		for v := 1; v <= most; v++ {
			name := fmt.Sprintf("convPackF32x%d%s", v*t.lanes(), t.name)
			convPack(o, t, name, v)
			d.p("\t\tcase %d:\n\t\t\t%s(p)", v, name)
			decls.p("//go:noescape\nfunc %s(p *packArgs)\n", name)
		}
		d.p("\t\tdefault:\n\t\t\treturn false\n\t\t}\n\t\treturn true")
	}
	d.p("\t}\n\treturn false\n}\n%s", decls.String())
	o.p("")
	maskTable(o)
	for i := range 32 {
		v := "0xffffffff"
		if i >= 16 {
			v = "0"
		}
		o.p("DATA packMask<>+%d(SB)/4, $%s", i*4, v)
	}
	o.p("GLOBL packMask<>(SB), RODATA|NOPTR, $128")
	return o.String(), d.String()
}
