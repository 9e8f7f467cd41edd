package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var neon = target{"NEON", "V", 16, 32}

// Scratch registers of the translation below.
const neonMask, neonTmp = 30, 31

// neonThreeOps are d = n op m, with x86's (Go's) operand order m, n, d.
var neonThreeOps = map[string]int{
	"VADDPS": 0x4e20d400, "VSUBPS": 0x4ea0d400, "VMULPS": 0x6e20dc00, "VDIVPS": 0x6e20fc00,
	"VANDPS": 0x4e201c00, "VORPS": 0x4ea01c00, "VXORPS": 0x6e201c00, "VPADDD": 0x4ea08400, "VPSUBD": 0x6ea08400,
	"VFMADD231PS": 0x4e20cc00, "VFNMADD231PS": 0x4ea0cc00,
}

// neonTwoOps are d = op n; an immediate before n is implied.
var neonTwoOps = map[string]int{"VSQRTPS": 0x6ea1f800, "VROUNDPS": 0x4e218800, "VCVTPS2DQ": 0x4e21a800}

const (
	neonMOV   = 0x4ea01c00 // with n twice
	neonFCMGT = 0x6ea0e400
	neonFCMEQ = 0x4e20e400
	neonMVN   = 0x6e205800
	neonFNEG  = 0x6ea0f800
	neonBIT   = 0x6ea01c00 // d = n where m
	neonBIF   = 0x6ee01c00 // d = n where not m
	neonSSHR  = 0x4f000400
	neonSHL   = 0x4f005400
	neonMAX   = 0x4e20f400
	neonMIN   = 0x4ea0f400
	neonFMLA3 = 0x4e20cc00
)

// neonEach translates one x86 instruction of the bodies.
func (b *vecBody) neonEach(op string, i int, operands []any) {
	if b.collects {
		return
	}
	w := func(base, d, n, m int) { b.p("\tWORD $0x%08x // %s", base|m<<16|n<<5|d, op) }
	mov := func(d, s int) {
		if d != s {
			w(neonMOV, d, s, s)
		}
	}
	var r []int
	imm := 0
	for _, o := range operands {
		switch o := o.(type) {
		case temp:
			r = append(r, i*b.op.temps+int(o))
		case int:
			imm = o
		case string:
			if at, ok := strings.CutPrefix(o, "vecConst<>+"); ok {
				b.p("\tFMOVQ %s(R19), F%d", strings.TrimSuffix(at, "(SB)"), neonTmp)
				r = append(r, neonTmp)
				continue
			}
			n, err := strconv.Atoi(o[1:])
			if err != nil {
				panic(o)
			}
			r = append(r, n)
		}
	}
	// choose sets d to yes where the mask register is set and to no elsewhere.
	choose := func(d, yes, no int) {
		switch d {
		case no:
			w(neonBIT, d, yes, neonMask)
		case yes:
			w(neonBIF, d, no, neonMask)
		default:
			mov(d, no)
			w(neonBIT, d, yes, neonMask)
		}
	}
	switch op {
	case "VMOVAPS", "VMOVUPS":
		mov(r[1], r[0])
	case "VFMADD213PS", "VFMSUB213PS": // d = n*d + or - m
		if op == "VFMSUB213PS" {
			w(neonFNEG, neonTmp, r[0], 0)
		} else {
			mov(neonTmp, r[0])
		}
		w(neonFMLA3, neonTmp, r[1], r[2])
		mov(r[2], neonTmp)
	case "VMAXPS": // n > m ? n : m
		w(neonFCMGT, neonMask, r[1], r[0])
		choose(r[2], r[1], r[0])
	case "VMINPS": // n < m ? n : m
		w(neonFCMGT, neonMask, r[0], r[1])
		choose(r[2], r[1], r[0])
	case "VPSRAD":
		w(neonSSHR|(64-imm)<<16, r[1], r[0], 0)
	case "VPSLLD":
		w(neonSHL|(32+imm)<<16, r[1], r[0], 0)
	case "VBLENDVPS": // by the sign of the first
		w(neonSSHR|(64-31)<<16, neonMask, r[0], 0)
		choose(r[3], r[1], r[2])
	case "VCMPPS":
		switch imm {
		case 1:
			w(neonFCMGT, r[2], r[0], r[1])
		case 3: // of a register with itself
			w(neonFCMEQ, r[2], r[1], r[0])
			w(neonMVN, r[2], r[2], 0)
		}
	default:
		if base, ok := neonTwoOps[op]; ok {
			w(base, r[1], r[0], 0)
		} else if base, ok := neonThreeOps[op]; ok {
			w(base, r[2], r[1], r[0])
		} else {
			panic(op)
		}
	}
}

// vecKernelNEON writes a kernel from the same body as the x86 ones. What does not fill a vector is done element by element,
// with the element in all lanes.
func vecKernelNEON(o *text, op *opVec, table *[]uint32) {
	name := op.name + neon.name
	unroll := 4
	if op.temps > 3 {
		unroll = 2
	}
	b := &vecBody{target: neon, text: o, op: op, unroll: unroll, now: 1, pinned: map[string]string{}, mustPin: map[uint32]bool{}, table: table, top: 29}
	b.collects = true
	b.pinned["s"], b.pinned["t"] = b.reg(0), b.reg(0)
	op.body(b)
	b.collects = false
	b.pinned = map[string]string{}

	o.p("\n// func %s(p *args)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVD p+0(FP), R0\n\tMOVD %d(R0), R1", vecDst)
	for i := range op.inputs {
		o.p("\tMOVD %d(R0), R%d", vecA+8*i, 2+i)
	}
	o.p("\tMOVD %d(R0), R5\n\tMOVD $vecConst<>(SB), R19", vecN)
	for _, s := range []struct {
		used bool
		name string
		at   int
	}{{op.s, "s", vecS}, {op.t, "t", vecT}} {
		if s.used {
			o.p("\tADD $%d, R0, R6\n\tVLD1R (R6), [%s.S4]", s.at, b.pin(s.name))
		}
	}
	num := func(s string) int {
		n, err := strconv.Atoi(s[1:])
		if err != nil {
			panic(s)
		}
		return n
	}
	fold := map[string]int{"sum": neonThreeOps["VADDPS"], "max": neonMAX, "min": neonMIN}[op.reduce]
	if op.reduce != "" {
		start := uint32(0)
		switch op.reduce {
		case "max":
			start = math.Float32bits(float32(math.Inf(-1)))
		case "min":
			start = math.Float32bits(float32(math.Inf(1)))
		}
		o.p("\tMOVW $0x%x, R6", start)
		for i := range unroll {
			o.p("\tVDUP R6, %s.S4", b.pin(fmt.Sprintf("acc%d", i)))
		}
	}
	for _, must := range []bool{true, false} {
		for _, u := range b.consts {
			if b.mustPin[u] != must || !must && b.top < unroll*op.temps {
				continue
			}
			o.p("\tMOVW $0x%x, R6\n\tVDUP R6, %s.S4", u, b.pin(fmt.Sprint(u)))
		}
	}
	if b.top < unroll*op.temps-1 {
		panic(name + ": too many registers")
	}
	block := func(n int, single bool) {
		b.now = n
		for i := range n {
			for in := range op.inputs {
				r := i*op.temps + in
				if single {
					o.p("\tVLD1R.P 4(R%d), [V%d.S4]", 2+in, r)
				} else {
					o.p("\tVLD1.P 16(R%d), [V%d.S4]", 2+in, r)
				}
			}
		}
		op.body(b)
		for i := range n {
			r := i * op.temps
			switch {
			case !op.store:
			case single:
				o.p("\tFMOVS.P F%d, 4(R1)", r)
			default:
				o.p("\tVST1.P [V%d.S4], 16(R1)", r)
			}
			if op.reduce != "" {
				if single && op.reduce == "sum" {
					o.p("\tFMOVS F%d, F%d // clears the other lanes", r, r)
				}
				acc := num(b.pinned[fmt.Sprintf("acc%d", i)])
				o.p("%s", neonThree(fold, acc, acc, r))
			}
		}
	}
	o.p("\tSUBS $%d, R5\n\tBLT few\nmany:", unroll*4)
	block(unroll, false)
	o.p("\tSUBS $%d, R5\n\tBGE many\nfew:\n\tADDS $%d, R5\n\tBLT rest\nfour:", unroll*4, (unroll-1)*4)
	block(1, false)
	o.p("\tSUBS $4, R5\n\tBGE four\nrest:\n\tADDS $4, R5\n\tBEQ done\none:")
	block(1, true)
	o.p("\tSUBS $1, R5\n\tBNE one\ndone:")
	if op.reduce != "" {
		acc := func(i int) int { return num(b.pinned[fmt.Sprintf("acc%d", i)]) }
		for n := unroll / 2; n > 0; n /= 2 {
			for i := range n {
				o.p("%s", neonThree(fold, acc(i), acc(i), acc(i+n)))
			}
		}
		a := acc(0)
		for _, bytes := range []int{8, 4} {
			o.p("\tVEXT $%d, V%d.B16, V%d.B16, V0.B16\n%s", bytes, a, a, neonThree(fold, a, a, 0))
		}
		o.p("\tFMOVS F%d, %d(R0)", a, vecOut)
	}
	o.p("\tRET")
}

// vecPackageARM64 writes the NEON kernels of package vec.
func vecPackageARM64() (asm, decl string) {
	o, d, decls := &text{}, &text{}, &text{}
	var table []uint32
	ops := vecOps()
	d.p("\nimport \"github.com/walnut-ai/walnut/internal/kernel/isa\"\n")
	d.p("// run calls the assembly of k for the current level; false means that there is none.\nfunc run(k kernel, p *args) bool {\n\tif !isa.Best().Includes(isa.NEON) {\n\t\treturn false\n\t}\n\tswitch k {")
	for i := range ops {
		vecKernelNEON(o, &ops[i], &table)
		d.p("\tcase kernel%s:\n\t\t%s%s(p)", strings.ToUpper(ops[i].name[:1])+ops[i].name[1:], ops[i].name, neon.name)
		decls.p("//go:noescape\nfunc %s%s(p *args)\n", ops[i].name, neon.name)
	}
	d.p("\tdefault:\n\t\treturn false\n\t}\n\treturn true\n}\n%s", decls.String())
	o.p("")
	for i, u := range table {
		for lane := range 4 {
			o.p("DATA vecConst<>+%d(SB)/4, $0x%08x", i*16+lane*4, u)
		}
	}
	o.p("GLOBL vecConst<>(SB), RODATA|NOPTR, $%d", max(16, len(table)*16))
	return o.String(), d.String()
}
