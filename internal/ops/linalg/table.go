// Package linalg holds linear algebra: matrix products, Einsum, determinants,
// inverses and pairwise distances.
package linalg

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	cdistDef,
	detDef,
	einsumDef,
	fusedGemmDef,
	fusedMatMulActivationDef,
	biasedMatMulDef,
	fusedMatMulDef,
	gemmDef,
	inverseDef,
	matMulDef,
	sparseMatMulDef,
	transposeMatMulDef,
}
