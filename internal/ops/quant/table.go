// Package quant holds the operators on quantised tensors: conversion to and
// from 8-bit, 4-bit and smaller types, integer matrix products and
// convolutions, ONNX Runtime's QLinear operators, and products with weights
// quantised in blocks, mixtures of experts included.
package quant

import "github.com/walnut-ai/walnut/internal/op"

// ms is ONNX Runtime's domain for operators beyond the standard.
const ms = "com.microsoft"

// Table lists the operators of this package.
var Table = []*op.Def{
	convIntegerDef,
	dequantizeDef,
	dequantizeMsDef,
	dynamicQuantizeDef,
	dynamicQuantizeLSTMDef,
	dynamicQuantizeMatMulDef,
	gatherBlockQuantizedDef,
	matMulBnb4Def,
	matMulFpQ4Def,
	matMulInteger16Def,
	matMulIntegerDef,
	matMulIntegerToFloatDef,
	matMulNBitsDef,
	moeDef,
	mulIntegerDef,
	qGemmDef,
	qLinearAddDef,
	qLinearAveragePoolDef,
	qLinearConcatDef,
	qLinearConvDef,
	qLinearConvMsDef,
	qLinearGlobalAveragePoolDef,
	qLinearLeakyReluDef,
	qLinearMatMulDef,
	qLinearMulDef,
	qLinearReduceMeanDef,
	qLinearSigmoidDef,
	qLinearSoftmaxDef,
	qLinearWhereDef,
	qMoEDef,
	quantizeDef,
	quantizeMsDef,
	reduceSumIntegerDef,
}
