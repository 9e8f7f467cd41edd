package main

import "fmt"

// Offsets in the argument block of the depthwise kernel of package quant.
const (
	qdSrc, qdOffs, qdGroups, qdWeights, qdDst, qdN, qdFlip, qdInit, qdScale, qdLo, qdHi, qdZero = 0, 8, 16, 24, 32, 40, 48, 52, 56, 60, 64, 68
)

// quantDepthwise sums four weighted bytes at a time for n positions, 64 of them together, and stores them requantised.
// What unpacking puts out of order within 128 bits, packing puts back.
func quantDepthwise(o, d *text) {
	const name = "depthwiseVNNI"
	o.p("\n// func %s(p *depthwiseArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	d.p("//go:noescape\nfunc %s(p *depthwiseArgs)\n", name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), DX", qdSrc, qdDst, qdN)
	o.p("\tVPBROADCASTB %d(AX), Z31\n\tVPBROADCASTD %d(AX), Z30\n\tVBROADCASTSS %d(AX), Z29\n\tVBROADCASTSS %d(AX), Z28\n\tVBROADCASTSS %d(AX), Z27\n\tVPBROADCASTD %d(AX), Z26", qdFlip, qdInit, qdScale, qdLo, qdHi, qdZero)
	o.p("\tMOVL $0x00ff00ff, BX\n\tVPBROADCASTD BX, Z25\n\tKXNORQ K1, K1, K1\nblock:\n\tCMPQ DX, $64\n\tJGE whole\n\tMOVQ DX, CX\n\tMOVQ $-1, BX\n\tSHLQ CX, BX\n\tNOTQ BX\n\tKMOVQ BX, K1\nwhole:")
	for i := range 4 {
		o.p("\tVMOVDQA32 Z30, Z%d", i)
	}
	o.p("\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), R9\n\tMOVQ %d(AX), R10\ngroup:", qdOffs, qdWeights, qdGroups)
	for i := range 4 {
		o.p("\tMOVQ %d(R8), R11\n\tVMOVDQU8.Z (SI)(R11*1), K1, Z%d\n\tVPXORD Z31, Z%d, Z%d", 8*i, 4+i, 4+i, 4+i)
	}
	o.p("\tVPBROADCASTD (R9), Z16\n\tVPUNPCKLBW Z5, Z4, Z8\n\tVPUNPCKHBW Z5, Z4, Z9\n\tVPUNPCKLBW Z7, Z6, Z10\n\tVPUNPCKHBW Z7, Z6, Z11")
	o.p("\tVPUNPCKLWD Z10, Z8, Z12\n\tVPUNPCKHWD Z10, Z8, Z13\n\tVPUNPCKLWD Z11, Z9, Z14\n\tVPUNPCKHWD Z11, Z9, Z15")
	for i := range 4 {
		o.p("\tVPDPBUSD Z16, Z%d, Z%d", 12+i, i)
	}
	o.p("\tADDQ $32, R8\n\tADDQ $4, R9\n\tDECQ R10\n\tJNZ group")
	for i := range 4 {
		r := fmt.Sprintf("Z%d", i)
		o.p("\tVCVTDQ2PS %s, %s\n\tVMULPS Z29, %s, %s\n\tVMAXPS Z28, %s, %s\n\tVMINPS Z27, %s, %s\n\tVCVTPS2DQ %s, %s\n\tVPADDD Z26, %s, %s", r, r, r, r, r, r, r, r, r, r, r, r)
	}
	o.p("\tVPACKSSDW Z1, Z0, Z0\n\tVPACKSSDW Z3, Z2, Z2\n\tVPANDD Z25, Z0, Z0\n\tVPANDD Z25, Z2, Z2\n\tVPACKUSWB Z2, Z0, Z0\n\tVMOVDQU8 Z0, K1, (DI)")
	o.p("\tADDQ $64, SI\n\tADDQ $64, DI\n\tSUBQ $64, DX\n\tJGT block\n\tVZEROUPPER\n\tRET")
}

// Offsets in the argument block of the copying kernels of package quant.
const (
	qlSrc, qlDst, qlOdd, qlSrcPitch, qlDstPitch, qlWidth, qlLines = 0, 8, 16, 24, 32, 40, 48
)

// quantLines copies lines; split stores their even and odd bytes apart.
func quantLines(o, d *text, split bool) {
	name, half := "copyLinesAVX512", 1
	if split {
		name, half = "splitLinesAVX512", 2
	}
	o.p("\n// func %s(p *linesArgs)\nTEXT ·%s(SB), NOSPLIT, $0-8", name, name)
	d.p("//go:noescape\nfunc %s(p *linesArgs)\n", name)
	o.p("\tMOVQ p+0(FP), AX\n\tMOVQ %d(AX), SI\n\tMOVQ %d(AX), DI\n\tMOVQ %d(AX), R8\n\tMOVQ %d(AX), R9\n\tMOVQ %d(AX), R10\n\tMOVQ %d(AX), R11\n\tMOVQ %d(AX), R12", qlSrc, qlDst, qlOdd, qlSrcPitch, qlDstPitch, qlWidth, qlLines)
	// Masks of the last bytes of a line.
	mask := func(k int) { o.p("\tMOVQ $-1, BX\n\tSHLQ CX, BX\n\tNOTQ BX\n\tKMOVQ BX, K%d", k) }
	o.p("\tMOVQ R11, CX\n\tANDQ $63, CX")
	mask(1)
	if split {
		o.p("\tMOVQ CX, DX\n\tINCQ CX\n\tSHRQ $1, CX")
		mask(2)
		o.p("\tMOVQ DX, CX\n\tSHRQ $1, CX")
		mask(3)
	}
	store := func(masks ...string) {
		if !split {
			o.p("\tVMOVDQU8 Z0, %s(DI)(R13*1)", masks[0])
			return
		}
		o.p("\tVPSRLW $8, Z0, Z1\n\tVPMOVWB Z0, Y2\n\tVPMOVWB Z1, Y3\n\tVMOVDQU8 Y2, %s(DI)(R14*1)\n\tVMOVDQU8 Y3, %s(R8)(R14*1)", masks[0], masks[1])
	}
	o.p("line:\n\tXORQ R13, R13\n\tXORQ R14, R14\n\tMOVQ R11, CX\n\tSUBQ $64, CX\n\tJLT rest\nblock:\n\tVMOVDQU32 (SI)(R13*1), Z0")
	store("", "")
	o.p("\tADDQ $64, R13\n\tADDQ $%d, R14\n\tSUBQ $64, CX\n\tJGE block\nrest:\n\tADDQ $64, CX\n\tJZ next\n\tVMOVDQU8.Z (SI)(R13*1), K1, Z0", 64/half)
	if split {
		store("K2, ", "K3, ")
	} else {
		store("K1, ")
	}
	o.p("next:\n\tADDQ R9, SI\n\tADDQ R10, DI\n\tADDQ R10, R8\n\tDECQ R12\n\tJNZ line\n\tVZEROUPPER\n\tRET")
}
