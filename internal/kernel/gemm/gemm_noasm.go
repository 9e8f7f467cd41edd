//go:build !(amd64 || arm64) || purego

package gemm

import "github.com/walnut-ai/walnut/internal/kernel/isa"

func layoutFor(isa.Level) *layout { return &layoutGeneric }

func call(int, *kernelArgs) { panic("gemm: no assembly") }

func canTranspose8() bool { return false }

func transpose8(*transposeArgs) { panic("gemm: no assembly") }

const leavesPartial = false
