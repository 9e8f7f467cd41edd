//go:build arm64 && !purego

package isa

import "golang.org/x/sys/cpu"

func detect() []Level {
	found := []Level{Generic}
	if !cpu.ARM64.HasASIMD {
		return found
	}
	found = append(found, NEON)
	if !cpu.ARM64.HasASIMDDP {
		return found
	}
	found = append(found, DotProd)
	if cpu.ARM64.HasI8MM {
		found = append(found, I8MM)
	}
	return found
}
