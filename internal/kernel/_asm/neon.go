package main

import "fmt"

// Go's arm64 assembler lacks most floating-point instructions on vectors, so they are written as words.

func neonElement(base, d, n, m, index int) string {
	return fmt.Sprintf("\tWORD $0x%08x", base|(index&1)<<21|m<<16|(index>>1)<<11|n<<5|d)
}

func neonThree(base, d, n, m int) string {
	return fmt.Sprintf("\tWORD $0x%08x", base|m<<16|n<<5|d)
}

// fmla: d += n * m[index]; the others are d = n op m.
func neonFMLA(d, n, m, index int) string {
	return neonElement(0x4f801000, d, n, m, index) + fmt.Sprintf(" // FMLA V%d.S[%d], V%d.S4, V%d.S4", m, index, n, d)
}

func neonFMULElement(d, n, m int) string {
	return neonElement(0x4f809000, d, n, m, 0) + fmt.Sprintf(" // FMUL V%d.S[0], V%d.S4, V%d.S4", m, n, d)
}

func neonFADD(d, n, m int) string {
	return neonThree(0x4e20d400, d, n, m) + fmt.Sprintf(" // FADD V%d.S4, V%d.S4, V%d.S4", m, n, d)
}

func neonFMAX(d, n, m int) string {
	return neonThree(0x4e20f400, d, n, m) + fmt.Sprintf(" // FMAX V%d.S4, V%d.S4, V%d.S4", m, n, d)
}

func neonFMIN(d, n, m int) string {
	return neonThree(0x4ea0f400, d, n, m) + fmt.Sprintf(" // FMIN V%d.S4, V%d.S4, V%d.S4", m, n, d)
}

// vlist is a register list of nb vectors from v on.
func vlist(v, nb int) string {
	if nb == 1 {
		return fmt.Sprintf("[V%d.S4]", v)
	}
	return fmt.Sprintf("[V%d.S4, V%d.S4]", v, v+1)
}

func neonName(m, nb int) string { return fmt.Sprintf("gemmF32x%dx%dNEON", m, nb*4) }

// neonGemm is the kernel of m rows by nb vectors with a packed B. A tile of fewer columns is left in the argument block.
func neonGemm(o *text, m, nb int) {
	name := neonName(m, nb)
	acc := func(r, j int) int { return r*nb + j }
	o.p("\n// func %s(p *kernelArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVD p+0(FP), R0\n\tMOVD %d(R0), R1\n\tMOVD %d(R0), R11\n\tMOVD %d(R0), R9\n\tMOVD %d(R0), R10", gemmA, gemmRS, gemmB, gemmKC)
	for r := 1; r < m; r++ {
		o.p("\tADD R11, R%d, R%d", r, r+1)
	}
	for i := range m * nb {
		o.p("\tVEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	o.p("\tSUBS $4, R10\n\tBLT tail\nloop:")
	for r := range m {
		o.p("\tVLD1.P 16(R%d), [V%d.S4]", r+1, 16+r)
	}
	for k := range 4 {
		b := 24 + k%2*2
		o.p("\tVLD1.P %d(R9), %s", nb*16, vlist(b, nb))
		for r := range m {
			for j := range nb {
				o.p("%s", neonFMLA(acc(r, j), b+j, 16+r, k))
			}
		}
	}
	o.p("\tSUBS $4, R10\n\tBGE loop\ntail:\n\tADDS $4, R10\n\tBEQ finish\none:")
	for r := range m {
		o.p("\tFMOVS.P 4(R%d), F%d", r+1, 16+r)
	}
	o.p("\tVLD1.P %d(R9), %s", nb*16, vlist(24, nb))
	for r := range m {
		for j := range nb {
			o.p("%s", neonFMLA(acc(r, j), 24+j, 16+r, 0))
		}
	}
	o.p("\tSUBS $1, R10\n\tBNE one\nfinish:")
	o.p("\tMOVD %d(R0), R10\n\tCMP $%d, R10\n\tBNE partial", gemmCols, nb*4)
	o.p("\tMOVD %d(R0), R11\n\tMOVD %d(R0), R12", gemmC, gemmLDC)
	all := func(f func(r, j int)) {
		for r := range m {
			for j := range nb {
				f(r, j)
			}
		}
	}
	o.p("\tFMOVS %d(R0), F24", gemmAlpha)
	all(func(r, j int) { o.p("%s", neonFMULElement(acc(r, j), acc(r, j), 24)) })
	o.p("\tMOVWU %d(R0), R10\n\tCBZ R10, added\n\tFMOVS %d(R0), F24\n\tMOVD R11, R13", gemmBeta, gemmBeta)
	for r := range m {
		o.p("\tVLD1 (R13), %s", vlist(26, nb))
		for j := range nb {
			o.p("%s", neonFMLA(acc(r, j), 26+j, 24, 0))
		}
		o.p("\tADD R12, R13")
	}
	o.p("added:\n\tMOVD %d(R0), R13\n\tCBZ R13, columns\n\tVLD1 (R13), %s", gemmBiasCol, vlist(26, nb))
	all(func(r, j int) { o.p("%s", neonFADD(acc(r, j), acc(r, j), 26+j)) })
	o.p("columns:\n\tMOVD %d(R0), R13\n\tCBZ R13, rows", gemmBiasRow)
	for r := range m {
		o.p("\tVLD1R.P 4(R13), [V26.S4]")
		for j := range nb {
			o.p("%s", neonFADD(acc(r, j), acc(r, j), 26))
		}
	}
	o.p("rows:\n\tMOVWU %d(R0), R10\n\tCBZ R10, store\n\tADD $%d, R0, R13\n\tVLD1R.P 4(R13), [V26.S4]\n\tVLD1R (R13), [V27.S4]", gemmClip, gemmLo)
	all(func(r, j int) { o.p("%s\n%s", neonFMAX(acc(r, j), acc(r, j), 26), neonFMIN(acc(r, j), acc(r, j), 27)) })
	o.p("store:")
	for r := range m {
		o.p("\tVST1 %s, (R11)", vlist(acc(r, 0), nb))
		if r < m-1 {
			o.p("\tADD R12, R11")
		}
	}
	o.p("\tRET\npartial:\n\tADD $%d, R0, R11", gemmTileAt)
	for r := range m {
		o.p("\tVST1.P %s, %d(R11)", vlist(acc(r, 0), nb), nb*16)
	}
	o.p("\tRET")
}

// gemmPackageARM64 writes the NEON kernels of package gemm.
func gemmPackageARM64() (asm, decl string) {
	o, d, decls := &text{}, &text{}, &text{}
	d.p("\n// The numbers of the kernels of each family, lowest height first.\nconst (\n\tidPacked1x4NEON = 0\n\tidPacked1x8NEON = 8\n)\n")
	d.p("// call runs the assembly kernel of that number.\nfunc call(id int, p *kernelArgs) {\n\tswitch id {")
	id := 0
	for nb := 1; nb <= 2; nb++ {
		for m := 1; m <= 8; m++ {
			neonGemm(o, m, nb)
			d.p("\tcase %d:\n\t\t%s(p)", id, neonName(m, nb))
			decls.p("//go:noescape\nfunc %s(p *kernelArgs)\n", neonName(m, nb))
			id++
		}
	}
	d.p("\t}\n}\n")
	return o.String(), d.String() + decls.String()
}

// convPackageARM64 writes the NEON kernel of package conv.
func convPackageARM64() (asm, decl string) {
	o := &text{}
	o.p("\n// func convTapsF32NEON(p *tapArgs)\nTEXT ·convTapsF32NEON(SB), NOSPLIT, $0-8")
	o.p("\tMOVD p+0(FP), R0\n\tMOVD %d(R0), R1\n\tMOVD %d(R0), R2\n\tMOVD %d(R0), R3", convIn, convOut, convRows)
	o.p("\tMOVD %d(R0), R4\n\tMOVD %d(R0), R5\n\tMOVD %d(R0), R6", convOffs, convW, convTaps)
	o.p("\tADD $%d, R0, R7\n\tVLD1R.P 4(R7), [V16.S4]\n\tVLD1R.P 4(R7), [V17.S4]\n\tVLD1R (R7), [V18.S4]", convBias)
	o.p("row:\n\tMOVD R1, R8\n\tMOVD R2, R9\n\tMOVD %d(R0), R10", convCols)
	block := func(label string, lanes int) {
		nv := (lanes + 3) / 4
		for i := range nv {
			o.p("\tVORR V16.B16, V16.B16, V%d.B16", i)
		}
		o.p("\tMOVD R4, R11\n\tMOVD R5, R12\n\tMOVD R6, R13\n%s:\n\tMOVD.P 8(R11), R14\n\tADD R8, R14\n\tFMOVS.P 4(R12), F4", label)
		switch nv {
		case 4:
			o.p("\tVLD1 (R14), [V20.S4, V21.S4, V22.S4, V23.S4]")
		default:
			if lanes == 1 {
				o.p("\tFMOVS (R14), F20")
			} else {
				o.p("\tVLD1 (R14), [V20.S4]")
			}
		}
		for i := range nv {
			o.p("%s", neonFMLA(i, 20+i, 4, 0))
		}
		o.p("\tSUBS $1, R13\n\tBNE %s", label)
		for i := range nv {
			o.p("%s\n%s", neonFMAX(i, i, 17), neonFMIN(i, i, 18))
		}
		switch {
		case nv == 4:
			o.p("\tVST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R9)")
		case lanes == 1:
			o.p("\tFMOVS.P F0, 4(R9)")
		default:
			o.p("\tVST1.P [V0.S4], 16(R9)")
		}
		o.p("\tADD $%d, R8", lanes*4)
	}
	o.p("\tSUBS $16, R10\n\tBLT few\nmany:")
	block("manyTap", 16)
	o.p("\tSUBS $16, R10\n\tBGE many\nfew:\n\tADDS $12, R10\n\tBLT rest\nfour:")
	block("fourTap", 4)
	o.p("\tSUBS $4, R10\n\tBGE four\nrest:\n\tADDS $4, R10\n\tBEQ next\none:")
	block("oneTap", 1)
	o.p("\tSUBS $1, R10\n\tBNE one\nnext:")
	o.p("\tMOVD %d(R0), R14\n\tADD R14, R1\n\tMOVD %d(R0), R14\n\tADD R14, R2\n\tSUBS $1, R3\n\tBNE row\n\tRET", convInPitch, convOutPitch)
	return o.String(), "\n//go:noescape\nfunc convTapsF32NEON(p *tapArgs)\n"
}
