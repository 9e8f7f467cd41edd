//go:build !amd64 || purego

package quant

import "github.com/walnut-ai/walnut/internal/kernel/isa"

func quantizeFast(*rowArgs) int { return 0 }

func dequantizeFast(*rowArgs, bool, bool) int { return 0 }

func extentFast(*rowArgs) int { return 0 }

func widenFast(*rowArgs, bool) int { return 0 }

func layoutFor(isa.Level, form) *layout { return &layoutGeneric }

func product(int, *productArgs) { panic("quant: no assembly") }

func finishTile(*productArgs) bool { return false }

func packFast(*packArgs, int) bool { return false }

func depthwiseFast(*depthwiseArgs) { panic("quant: no assembly") }

func linesFast(*linesArgs, bool) bool { return false }

func bitsFast(int, int, *bitsArgs) bool { return false }
