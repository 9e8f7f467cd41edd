// Package isa says which instruction sets kernels may use.
//
// The level is found once at start. The environment variable WALNUT_ISA forces a lower one (WALNUT_ISA=generic runs no assembly),
// and tests force each in turn.
package isa

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// Level is a set of instructions that kernels are written for.
type Level uint8

// The levels. Each has all that those named in its comment have; Includes knows the order.
const (
	Generic    Level = iota // Go code only
	AVX2                    // amd64: AVX2, FMA, F16C
	AVXVNNI                 // AVX2 and the VEX form of VPDPBUSD
	AVX512                  // AVX2 and AVX-512 F, CD, BW, DQ, VL
	AVX512VNNI              // AVX512 and the EVEX form of VPDPBUSD
	NEON                    // arm64: Advanced SIMD
	DotProd                 // NEON and SDOT, UDOT
	I8MM                    // DotProd and SMMLA, USMMLA
	levels
)

// Variable is the environment variable that forces a level.
const Variable = "WALNUT_ISA"

var names = [levels]string{"generic", "avx2", "avxvnni", "avx512", "vnni", "neon", "dotprod", "i8mm"}

// above lists the levels that a level includes besides itself and Generic.
var above = [levels][]Level{
	AVXVNNI:    {AVX2},
	AVX512:     {AVX2},
	AVX512VNNI: {AVX2, AVX512},
	DotProd:    {NEON},
	I8MM:       {NEON, DotProd},
}

// String is the name that WALNUT_ISA takes.
func (l Level) String() string {
	if l >= levels {
		return fmt.Sprintf("level(%d)", uint8(l))
	}
	return names[l]
}

// Includes says whether a CPU that runs l runs what is written for other.
func (l Level) Includes(other Level) bool {
	if l >= levels {
		return false
	}
	if other == Generic || other == l {
		return true
	}
	for _, m := range above[l] {
		if m == other {
			return true
		}
	}
	return false
}

// Parse finds the level of that name.
func Parse(name string) (Level, error) {
	for l, n := range names {
		if strings.EqualFold(n, name) {
			return Level(l), nil
		}
	}
	return Generic, fmt.Errorf("unknown instruction set %q; known are %s", name, strings.Join(names[:], ", "))
}

var (
	supported = detect() // ascending, Generic first
	best      atomic.Uint32
	override  error
)

func init() {
	l, err := choose(os.Getenv(Variable), supported)
	override = err
	best.Store(uint32(l))
}

// choose applies an override to what the CPU has. With an error the level is that of the CPU.
func choose(name string, supported []Level) (Level, error) {
	top := supported[len(supported)-1]
	if name == "" {
		return top, nil
	}
	l, err := Parse(name)
	if err != nil {
		return top, fmt.Errorf("%s: %w", Variable, err)
	}
	for _, s := range supported {
		if s == l {
			return l, nil
		}
	}
	return top, fmt.Errorf("%s=%s, but this CPU goes up to %s", Variable, l, top)
}

// Err reports that WALNUT_ISA names an unknown level or one that this CPU lacks; the CPU's best is used then.
func Err() error { return override }

// Supported lists the levels that this CPU runs, Generic first, the best last.
func Supported() []Level { return append([]Level(nil), supported...) }

// Best is the level that kernels are chosen for. It changes in tests only.
func Best() Level { return Level(best.Load()) }

// Force makes Best return l until restore is called; l must be supported. It is for tests: a plan made under one level
// keeps the data layout of that level.
func Force(l Level) (restore func(), err error) {
	if _, err := choose(l.String(), supported); err != nil {
		return nil, err
	}
	old := best.Swap(uint32(l))
	return func() { best.Store(old) }, nil
}
