package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Offsets in the argument block of package vec.
const (
	vecDst, vecA, vecB, vecC, vecN, vecS, vecT, vecOut = 0, 8, 16, 24, 32, 40, 44, 48
)

// temp is a vector register that every unrolled instance of a body has of its own.
type temp int

// pred is the mask register of an instance.
type pred struct{}

// opVec is an element-wise kernel or a reduction.
type opVec struct {
	name   string
	inputs int  // 1 to 3: a, b, c
	temps  int  // registers an instance needs; inputs come in T0.., the result is left in T0
	s, t   bool // scalars s and t are used
	store  bool // the result is stored in dst
	reduce string
	body   func(b *vecBody)
}

// vecBody emits the instructions of a kernel for all unrolled instances at once.
type vecBody struct {
	target
	*text
	op       *opVec
	unroll   int
	now      int // instances being emitted
	masked   bool
	pinned   map[string]string // constants, scalars and accumulators in registers
	top      int               // the next register to pin
	consts   []uint32          // constants in the order of first use
	mustPin  map[uint32]bool
	collects bool // a dry run that finds the constants
	table    *[]uint32
}

// each emits one instruction for every instance.
func (b *vecBody) each(op string, operands ...any) {
	for i := range b.now {
		if b.v == "V" {
			b.neonEach(op, i, operands)
			continue
		}
		var s []string
		for _, o := range operands {
			switch o := o.(type) {
			case temp:
				s = append(s, b.reg(i*b.op.temps+int(o)))
			case pred:
				s = append(s, fmt.Sprintf("K%d", 2+i))
			case int:
				s = append(s, fmt.Sprintf("$%d", o))
			case string:
				s = append(s, o)
			}
		}
		b.p("\t%s %s", op, strings.Join(s, ", "))
	}
}

// c is a constant as the first (Go order) source operand: a register or memory.
func (b *vecBody) c(v float32) string { return b.bits(math.Float32bits(v)) }

func (b *vecBody) bits(u uint32) string {
	if !slices.Contains(b.consts, u) {
		b.consts = append(b.consts, u)
	}
	if b.collects {
		return b.reg(0)
	}
	if r, ok := b.pinned[fmt.Sprint(u)]; ok {
		return r
	}
	i := slices.Index(*b.table, u)
	if i < 0 {
		i = len(*b.table)
		*b.table = append(*b.table, u)
	}
	stride := 64
	if b.v == "V" {
		stride = 16
	}
	return fmt.Sprintf("vecConst<>+%d(SB)", i*stride)
}

// r is a constant that must be in a register.
func (b *vecBody) r(v float32) string {
	b.mustPin[math.Float32bits(v)] = true
	return b.bits(math.Float32bits(v))
}

func (b *vecBody) scalar(name string) string { return b.pinned[name] }

// pin takes a register for the whole kernel.
func (b *vecBody) pin(name string) string {
	r := b.reg(b.top)
	b.pinned[name] = r
	b.top--
	return r
}

func vecKernel(o *text, t target, op *opVec, table *[]uint32) {
	name := op.name + t.name
	unroll := 4
	if t.v == "Y" {
		unroll = 2
		if op.temps <= 2 {
			unroll = 4
		}
	}
	b := &vecBody{target: t, text: &text{}, op: op, unroll: unroll, now: 1, pinned: map[string]string{}, mustPin: map[uint32]bool{}, table: table, top: t.regs - 1}
	if t.v == "Y" {
		b.top-- // the tail mask
	}
	// A dry run finds the constants.
	b.collects = true
	b.pinned["s"], b.pinned["t"] = b.reg(0), b.reg(0)
	op.body(b)
	b.collects = false
	b.text = o
	b.pinned = map[string]string{}

	o.p("\n// func %s(p *args)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	o.p("\tMOVQ p+0(FP), AX")
	ptr := []string{"SI", "DX", "R8"}
	if op.store {
		o.p("\tMOVQ %d(AX), DI", vecDst)
	}
	for i := range op.inputs {
		o.p("\tMOVQ %d(AX), %s", vecA+8*i, ptr[i])
	}
	o.p("\tMOVQ %d(AX), CX", vecN)
	if op.s {
		o.p("\tVBROADCASTSS %d(AX), %s", vecS, b.pin("s"))
	}
	if op.t {
		o.p("\tVBROADCASTSS %d(AX), %s", vecT, b.pin("t"))
	}
	if op.reduce != "" {
		for i := range unroll {
			r := b.pin(fmt.Sprintf("acc%d", i))
			if op.reduce == "sum" {
				t.zero(o, r)
				continue
			}
			inf := math.Float32bits(float32(math.Inf(-1)))
			if op.reduce == "min" {
				inf = math.Float32bits(float32(math.Inf(1)))
			}
			o.p("\tMOVL $0x%x, BX\n\tVMOVD BX, X0\n\tVBROADCASTSS X0, %s", inf, r)
		}
		if op.reduce != "sum" {
			if t.v == "Y" {
				t.zero(o, b.pin("nan"))
			} else {
				o.p("\tKXORW K7, K7, K7")
			}
		}
	}
	// Constants that must be in registers first, the others while there is room.
	for _, must := range []bool{true, false} {
		for _, u := range b.consts {
			if b.mustPin[u] != must || !must && b.top < unroll*op.temps {
				continue
			}
			r := b.pin(fmt.Sprint(u))
			o.p("\tMOVL $0x%08x, BX\n\tVMOVD BX, X0\n\tVBROADCASTSS X0, %s", u, r)
		}
	}
	if b.top < unroll*op.temps-1 {
		panic(name + ": too many registers")
	}
	lanes := t.lanes()
	block := func(n int, masked bool) {
		b.now, b.masked = n, masked
		for in := range op.inputs {
			for i := range n {
				r := b.reg(i*op.temps + in)
				at := fmt.Sprintf("%d(%s)", i*t.width, ptr[in])
				switch {
				case !masked:
					o.p("\tVMOVUPS %s, %s", at, r)
				case t.v == "Z":
					o.p("\tVMOVUPS.Z %s, K1, %s", at, r)
				default:
					o.p("\tVMASKMOVPS %s, Y15, %s", at, r)
				}
			}
		}
		op.body(b)
		if op.store {
			for i := range n {
				r := b.reg(i * op.temps)
				at := fmt.Sprintf("%d(DI)", i*t.width)
				switch {
				case !masked:
					o.p("\tVMOVUPS %s, %s", r, at)
				case t.v == "Z":
					o.p("\tVMOVUPS %s, K1, %s", r, at)
				default:
					o.p("\tVMASKMOVPS %s, Y15, %s", r, at)
				}
			}
		}
		b.accumulate()
		if masked {
			return
		}
		for _, q := range ptr[:op.inputs] {
			o.p("\tADDQ $%d, %s", n*t.width, q)
		}
		if op.store {
			o.p("\tADDQ $%d, DI", n*t.width)
		}
	}
	o.p("\tSUBQ $%d, CX\n\tJLT single\n\tPCALIGN $32\nmany:", unroll*lanes)
	block(unroll, false)
	o.p("\tSUBQ $%d, CX\n\tJGE many", unroll*lanes)
	o.p("single:\n\tADDQ $%d, CX\n\tJLT tail\none:", (unroll-1)*lanes)
	block(1, false)
	o.p("\tSUBQ $%d, CX\n\tJGE one", lanes)
	o.p("tail:\n\tADDQ $%d, CX\n\tJZ done", lanes)
	if t.v == "Z" {
		o.p("\tMOVQ $-1, BX\n\tSHLQ CX, BX\n\tNOTQ BX\n\tKMOVW BX, K1")
	} else {
		o.p("\tLEAQ tailMask<>+32(SB), BX\n\tSHLQ $2, CX\n\tSUBQ CX, BX\n\tVMOVDQU (BX), Y15")
	}
	block(1, true)
	o.p("done:")
	b.finish()
	o.p("\tVZEROUPPER\n\tRET")
}

// accumulate adds the results of the instances to the accumulators.
func (b *vecBody) accumulate() {
	if b.op.reduce == "" {
		return
	}
	ins := map[string]string{"sum": "VADDPS", "max": "VMAXPS", "min": "VMINPS"}[b.op.reduce]
	for i := range b.now {
		x, acc := b.reg(i*b.op.temps), b.pinned[fmt.Sprintf("acc%d", i)]
		if b.op.reduce != "sum" {
			if b.v == "Z" {
				b.p("\tVCMPPS $3, %s, %s, K2\n\tKORW K2, K7, K7", x, x)
			} else {
				n, s := b.pinned["nan"], b.reg(i*b.op.temps+1)
				b.p("\tVCMPPS $3, %s, %s, %s\n\tVORPS %s, %s, %s", x, x, s, s, n, n)
			}
		}
		switch {
		case !b.masked:
			b.p("\t%s %s, %s, %s", ins, x, acc, acc)
		case b.v == "Z":
			b.p("\t%s %s, %s, K1, %s", ins, x, acc, acc)
		case b.op.reduce == "sum":
			b.p("\tVANDPS Y15, %s, %s\n\tVADDPS %s, %s, %s", x, x, x, acc, acc)
		default:
			b.p("\tVBLENDVPS Y15, %s, %s, %s\n\t%s %s, %s, %s", x, acc, x, ins, x, acc, acc)
		}
	}
}

// finish folds the accumulators into out.
func (b *vecBody) finish() {
	if b.op.reduce == "" {
		return
	}
	ins := map[string]string{"sum": "VADDPS", "max": "VMAXPS", "min": "VMINPS"}[b.op.reduce]
	acc := func(i int) string { return b.pinned[fmt.Sprintf("acc%d", i)] }
	for n := b.unroll / 2; n > 0; n /= 2 {
		for i := range n {
			b.p("\t%s %s, %s, %s", ins, acc(i+n), acc(i), acc(i))
		}
	}
	if b.v == "Z" {
		b.p("\tVEXTRACTF64X4 $1, %s, Y1\n\tVMOVAPS %s, Z0\n\t%s Y1, Y0, Y0", acc(0), acc(0), ins)
	} else {
		b.p("\tVMOVAPS %s, Y0", acc(0))
	}
	b.p("\tVEXTRACTF128 $1, Y0, X1\n\t%s X1, X0, X0", ins)
	b.p("\tVPERMILPS $0x4e, X0, X1\n\t%s X1, X0, X0", ins)
	b.p("\tVPERMILPS $0xb1, X0, X1\n\t%s X1, X0, X0", ins)
	b.p("\tVMOVSS X0, %d(AX)", vecOut)
	if b.op.reduce != "sum" {
		if b.v == "Z" {
			b.p("\tKMOVW K7, BX")
		} else {
			b.p("\tVMOVMSKPS %s, BX", b.pinned["nan"])
		}
		b.p("\tTESTL BX, BX\n\tJZ ordered\n\tMOVL $0x7fc00000, %d(AX)\nordered:", vecOut)
	}
}

// vecPackage writes the kernels of package vec.
func vecPackage() (asm, decl string) {
	o, d := &text{}, &text{}
	var table []uint32
	ops := vecOps()
	for _, t := range []target{avx2, avx512} {
		for i := range ops {
			vecKernel(o, t, &ops[i], &table)
		}
	}
	o.p("")
	maskTable(o)
	for i, u := range table {
		for lane := range 16 {
			o.p("DATA vecConst<>+%d(SB)/4, $0x%08x", i*64+lane*4, u)
		}
	}
	if len(table) > 0 {
		o.p("GLOBL vecConst<>(SB), RODATA|NOPTR, $%d", len(table)*64)
	}
	d.p("\nimport \"github.com/walnut-ai/walnut/internal/kernel/isa\"\n")
	d.p("// run calls the assembly of k for the current level; false means that there is none.\nfunc run(k kernel, p *args) bool {\n\tswitch isa.Best() {")
	for _, c := range []struct {
		levels string
		t      target
	}{{"isa.AVX2, isa.AVXVNNI", avx2}, {"isa.AVX512, isa.AVX512VNNI", avx512}} {
		d.p("\tcase %s:\n\t\tswitch k {", c.levels)
		for _, op := range ops {
			d.p("\t\tcase kernel%s:\n\t\t\t%s%s(p)", strings.ToUpper(op.name[:1])+op.name[1:], op.name, c.t.name)
		}
		d.p("\t\tdefault:\n\t\t\treturn false\n\t\t}\n\t\treturn true")
	}
	d.p("\t}\n\treturn false\n}\n")
	for _, t := range []target{avx2, avx512} {
		for _, op := range ops {
			d.p("//go:noescape\nfunc %s%s(p *args)\n", op.name, t.name)
		}
	}
	return o.String(), d.String()
}
