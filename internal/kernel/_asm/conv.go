package main

import "fmt"

// Offsets in the argument block of package conv.
const (
	convIn, convOffs, convTaps, convW, convOut, convCols, convRows, convInPitch, convOutPitch = 0, 8, 16, 24, 32, 40, 48, 56, 64
	convBias, convLo, convHi                                                                  = 72, 76, 80
)

// convKernel sums weighted taps of a plane: for each of rows rows and cols columns clip(bias + sum of w[t]*in[offs[t]+column]).
func convKernel(o *text, t target, name string) {
	const unroll = 4
	tmp, bias, lo, hi := t.reg(4), t.reg(5), t.reg(6), t.reg(7)
	masked := t.reg(8)
	o.p("\n// func %s(p *tapArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), R12", convIn, convOut, convRows)
	o.p("\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), R9\n\tMOVQ %d(AX), R10", convOffs, convW, convTaps)
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
	o.p("row:\n\tMOVQ SI, R11\n\tMOVQ DI, R13\n\tMOVQ %d(AX), CX", convCols)
	block := func(label string, n int, mask bool) {
		for i := range n {
			o.p("\tVMOVAPS %s, %s", bias, t.reg(i))
		}
		o.p("\tXORQ DX, DX\n%s:\n\tMOVQ (R8)(DX*8), BX\n\tVBROADCASTSS (R9)(DX*4), %s", label, tmp)
		for i := range n {
			at := fmt.Sprintf("%d(R11)(BX*1)", i*t.width)
			switch {
			case !mask:
				o.p("\tVFMADD231PS %s, %s, %s", at, tmp, t.reg(i))
			case t.v == "Z":
				o.p("\tVFMADD231PS %s, %s, K1, %s", at, tmp, t.reg(i))
			default:
				o.p("\tVMASKMOVPS %s, Y15, %s\n\tVFMADD231PS %s, %s, %s", at, masked, masked, tmp, t.reg(i))
			}
		}
		o.p("\tINCQ DX\n\tCMPQ DX, R10\n\tJLT %s", label)
		for i := range n {
			r := t.reg(i)
			o.p("\tVMAXPS %s, %s, %s\n\tVMINPS %s, %s, %s", r, lo, r, r, hi, r)
			at := fmt.Sprintf("%d(R13)", i*t.width)
			switch {
			case !mask:
				o.p("\tVMOVUPS %s, %s", r, at)
			case t.v == "Z":
				o.p("\tVMOVUPS %s, K1, %s", r, at)
			default:
				o.p("\tVMASKMOVPS %s, Y15, %s", r, at)
			}
		}
		if !mask {
			o.p("\tADDQ $%d, R11\n\tADDQ $%d, R13", n*t.width, n*t.width)
		}
	}
	o.p("\tSUBQ $%d, CX\n\tJLT few\nmany:", unroll*t.lanes())
	block("manyTap", unroll, false)
	o.p("\tSUBQ $%d, CX\n\tJGE many", unroll*t.lanes())
	o.p("few:\n\tADDQ $%d, CX\n\tJLT rest\none:", (unroll-1)*t.lanes())
	block("oneTap", 1, false)
	o.p("\tSUBQ $%d, CX\n\tJGE one\nrest:\n\tADDQ $%d, CX\n\tJZ next", t.lanes(), t.lanes())
	block("restTap", 1, true)
	o.p("next:\n\tADDQ %d(AX), SI\n\tADDQ %d(AX), DI\n\tDECQ R12\n\tJNZ row\n\tVZEROUPPER\n\tRET", convInPitch, convOutPitch)
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
	o.p("")
	maskTable(o)
	return o.String(), d.String()
}
