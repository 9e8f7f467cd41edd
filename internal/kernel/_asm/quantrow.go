package main

import "fmt"

// Offsets in the argument block of the row kernels of package quant.
const (
	rowDst, rowSrc, rowN, rowScale, rowZero, rowLo, rowHi, rowZeroInt, rowScales, rowZeros = 0, 8, 16, 24, 28, 32, 36, 40, 48, 56
)

// quantRow opens a row kernel: SI, DI and CX hold source, destination and count.
func quantRow(o *text, d *text, name string) {
	o.p("\n// func %s(p *rowArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), CX", rowDst, rowSrc, rowN)
	d.p("//go:noescape\nfunc %s(p *rowArgs)\n", name)
}

// quantTailMask leaves a mask of the low CX bits in K1.
const quantTailMask = "\tMOVQ $-1, BX\n\tSHLQ CX, BX\n\tNOTQ BX\n\tKMOVQ BX, K1"

// quantQuantize divides float32 by the scale, rounds, clips and stores bytes. AVX2 leaves a rest below 32.
func quantQuantize(o, d *text, t target) {
	quantRow(o, d, "quantizeF32"+t.name)
	top := t.regs - 1
	scale, lo, hi, zero := t.reg(top), t.reg(top-1), t.reg(top-2), t.reg(top-3)
	o.p("\tVBROADCASTSS %d(AX), %s\n\tVBROADCASTSS %d(AX), %s\n\tVBROADCASTSS %d(AX), %s\n\tVPBROADCASTD %d(AX), %s", rowScale, scale, rowLo, lo, rowHi, hi, rowZeroInt, zero)
	element := func(r string) {
		o.p("\tVDIVPS %s, %s, %s\n\tVMAXPS %s, %s, %s\n\tVMINPS %s, %s, %s\n\tVCVTPS2DQ %s, %s\n\tVPADDD %s, %s, %s", scale, r, r, lo, r, r, hi, r, r, r, r, zero, r, r)
	}
	if t.v == "Y" {
		o.p("\tVMOVDQU quantOrder<>(SB), Y10\n\tVPCMPEQW Y11, Y11, Y11\n\tVPSRLW $8, Y11, Y11\n\tSUBQ $32, CX\n\tJLT done\nloop:")
		for i := range 4 {
			o.p("\tVMOVUPS %d(SI), Y%d", 32*i, i)
			element(t.reg(i))
		}
		quantPackY(o)
		o.p("\tVMOVDQU Y0, (DI)\n\tADDQ $128, SI\n\tADDQ $32, DI\n\tSUBQ $32, CX\n\tJGE loop\ndone:\n\tVZEROUPPER\n\tRET")
		return
	}
	o.p("\tSUBQ $64, CX\n\tJLT few\nloop:")
	for i := range 4 {
		o.p("\tVMOVUPS %d(SI), Z%d", 64*i, i)
		element(t.reg(i))
		o.p("\tVPMOVDB Z%d, X%d\n\tVMOVDQU X%d, %d(DI)", i, i, i, 16*i)
	}
	o.p("\tADDQ $256, SI\n\tADDQ $64, DI\n\tSUBQ $64, CX\n\tJGE loop\nfew:\n\tADDQ $48, CX\n\tJLT rest\none:\n\tVMOVUPS (SI), Z0")
	element("Z0")
	o.p("\tVPMOVDB Z0, X0\n\tVMOVDQU X0, (DI)\n\tADDQ $64, SI\n\tADDQ $16, DI\n\tSUBQ $16, CX\n\tJGE one\nrest:\n\tADDQ $16, CX\n\tJZ done")
	o.p(quantTailMask + "\n\tVMOVUPS.Z (SI), K1, Z0")
	element("Z0")
	o.p("\tVPMOVDB Z0, X0\n\tVMOVDQU8 X0, K1, (DI)\ndone:\n\tVZEROUPPER\n\tRET")
}

// quantPackY stores the low bytes of 32 integers in Y0 to Y3 in Y0; Y10 holds quantOrder, Y11 0xff in every word.
func quantPackY(o *text) {
	o.p("\tVPACKSSDW Y1, Y0, Y0\n\tVPACKSSDW Y3, Y2, Y2\n\tVPAND Y11, Y0, Y0\n\tVPAND Y11, Y2, Y2\n\tVPACKUSWB Y2, Y0, Y0\n\tVPERMD Y0, Y10, Y0")
}

// quantDequantize stores (x - zero) * scale of bytes; vectors says that scale and zero differ from element to element.
// AVX2 leaves a rest below 8.
func quantDequantize(o, d *text, t target, signed, vectors bool) {
	name, load := "dequantizeU8", "VPMOVZXBD"
	if signed {
		name, load = "dequantizeS8", "VPMOVSXBD"
	}
	if vectors {
		name += "Each"
	}
	quantRow(o, d, name+t.name)
	top := t.regs - 1
	scale, zero := t.reg(top), t.reg(top-1)
	if vectors {
		o.p("\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), R9", rowScales, rowZeros)
	} else {
		o.p("\tVBROADCASTSS %d(AX), %s\n\tVBROADCASTSS %d(AX), %s", rowScale, scale, rowZero, zero)
	}
	block := func(n int) {
		for i := range n {
			r := t.reg(i)
			s, z := scale, zero
			if vectors {
				s, z = fmt.Sprintf("%d(R8)", i*t.width), fmt.Sprintf("%d(R9)", i*t.width)
			}
			o.p("\t%s %d(SI), %s\n\tVCVTDQ2PS %s, %s\n\tVSUBPS %s, %s, %s\n\tVMULPS %s, %s, %s\n\tVMOVUPS %s, %d(DI)", load, i*t.lanes(), r, r, r, z, r, r, s, r, r, r, i*t.width)
		}
		o.p("\tADDQ $%d, SI\n\tADDQ $%d, DI", n*t.lanes(), n*t.width)
		if vectors {
			o.p("\tADDQ $%d, R8\n\tADDQ $%d, R9", n*t.width, n*t.width)
		}
	}
	l := t.lanes()
	o.p("\tSUBQ $%d, CX\n\tJLT few\nloop:", 4*l)
	block(4)
	o.p("\tSUBQ $%d, CX\n\tJGE loop\nfew:\n\tADDQ $%d, CX\n\tJLT rest\none:", 4*l, 3*l)
	block(1)
	o.p("\tSUBQ $%d, CX\n\tJGE one\nrest:", l)
	if t.v == "Z" {
		o.p("\tADDQ $16, CX\n\tJZ done\n" + quantTailMask)
		o.p("\tVMOVDQU8.Z (SI), K1, X0\n\t%s X0, Z0\n\tVCVTDQ2PS Z0, Z0", load)
		if vectors {
			o.p("\tVMOVUPS.Z (R8), K1, %s\n\tVMOVUPS.Z (R9), K1, %s", scale, zero)
		}
		o.p("\tVSUBPS %s, Z0, Z0\n\tVMULPS %s, Z0, Z0\n\tVMOVUPS Z0, K1, (DI)\ndone:", zero, scale)
	}
	o.p("\tVZEROUPPER\n\tRET")
}

// quantExtent stores the least and the greatest of 0 and the elements, NaN passed over, in dst. AVX2 leaves a rest below 8.
func quantExtent(o, d *text, t target) {
	quantRow(o, d, "extentF32"+t.name)
	for i := range 8 {
		t.zero(o, t.reg(i))
	}
	block := func(n int) {
		for i := range n {
			o.p("\tVMOVUPS %d(SI), %s\n\tVMINPS %s, %s, %s\n\tVMAXPS %s, %s, %s", i*t.width, t.reg(8+i), t.reg(i), t.reg(8+i), t.reg(i), t.reg(4+i), t.reg(8+i), t.reg(4+i))
		}
		o.p("\tADDQ $%d, SI", n*t.width)
	}
	l := t.lanes()
	o.p("\tSUBQ $%d, CX\n\tJLT few\nloop:", 4*l)
	block(4)
	o.p("\tSUBQ $%d, CX\n\tJGE loop\nfew:\n\tADDQ $%d, CX\n\tJLT rest\none:", 4*l, 3*l)
	block(1)
	o.p("\tSUBQ $%d, CX\n\tJGE one\nrest:", l)
	if t.v == "Z" {
		o.p("\tADDQ $16, CX\n\tJZ done\n" + quantTailMask + "\n\tVMOVUPS.Z (SI), K1, Z8\n\tVMINPS Z0, Z8, Z0\n\tVMAXPS Z4, Z8, Z4\ndone:")
	}
	for b, ins := range []string{"VMINPS", "VMAXPS"} {
		r := func(i int) string { return t.reg(4*b + i) }
		o.p("\t%s %s, %s, %s\n\t%s %s, %s, %s\n\t%s %s, %s, %s", ins, r(1), r(0), r(0), ins, r(3), r(2), r(2), ins, r(2), r(0), r(0))
		n := 4 * b
		if t.v == "Z" {
			o.p("\tVEXTRACTF64X4 $1, Z%d, Y8\n\t%s Y8, Y%d, Y%d", n, ins, n, n)
		}
		o.p("\tVEXTRACTF128 $1, Y%d, X8\n\t%s X8, X%d, X%d\n\tVPERMILPS $0x4e, X%d, X8\n\t%s X8, X%d, X%d\n\tVPERMILPS $0xb1, X%d, X8\n\t%s X8, X%d, X%d\n\tVMOVSS X%d, %d(DI)",
			n, ins, n, n, n, ins, n, n, n, ins, n, n, n, 4*b)
	}
	o.p("\tVZEROUPPER\n\tRET")
}

// quantWiden stores bytes minus the zero point as int16, 16 at a time; a rest is left.
func quantWiden(o, d *text, signed bool) {
	name, load := "widenU8AVX2", "VPMOVZXBW"
	if signed {
		name, load = "widenS8AVX2", "VPMOVSXBW"
	}
	quantRow(o, d, name)
	o.p("\tVPBROADCASTW %d(AX), Y15\n\tSUBQ $16, CX\n\tJLT done\nloop:\n\t%s (SI), Y0\n\tVPSUBW Y15, Y0, Y0\n\tVMOVDQU Y0, (DI)", rowZeroInt, load)
	o.p("\tADDQ $16, SI\n\tADDQ $32, DI\n\tSUBQ $16, CX\n\tJGE loop\ndone:\n\tVZEROUPPER\n\tRET")
}

// quantPackage writes the kernels of package quant.
func quantPackage() (asm, decl string) {
	o, d := &text{}, &text{}
	d.p("")
	for _, t := range []target{avx512, avx2} {
		quantQuantize(o, d, t)
		for _, signed := range []bool{false, true} {
			quantDequantize(o, d, t, signed, false)
			quantDequantize(o, d, t, signed, true)
		}
		quantExtent(o, d, t)
	}
	quantWiden(o, d, false)
	quantWiden(o, d, true)
	quantProducts(o, d)
	quantDepthwise(o, d)
	quantBitsKernels(o, d)
	quantLines(o, d, false)
	quantLines(o, d, true)
	o.p("")
	for i, v := range []int{0, 4, 1, 5, 2, 6, 3, 7} {
		o.p("DATA quantOrder<>+%d(SB)/4, $%d", 4*i, v)
	}
	o.p("GLOBL quantOrder<>(SB), RODATA|NOPTR, $32")
	return o.String(), d.String()
}
