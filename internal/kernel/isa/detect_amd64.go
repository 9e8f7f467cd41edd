//go:build amd64 && !purego

package isa

import "golang.org/x/sys/cpu"

func detect() []Level {
	x := &cpu.X86
	found := []Level{Generic}
	if !(x.HasAVX2 && x.HasFMA && x.HasBMI1 && x.HasBMI2) {
		return found
	}
	found = append(found, AVX2)
	if x.HasAVXVNNI {
		found = append(found, AVXVNNI)
	}
	if !(x.HasAVX512F && x.HasAVX512CD && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL) {
		return found
	}
	found = append(found, AVX512)
	if x.HasAVX512VNNI {
		found = append(found, AVX512VNNI)
	}
	return found
}
