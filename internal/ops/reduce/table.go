// Package reduce holds the operators that fold or order elements along axes:
// reductions, arg-extremes, running sums, softmax and norms, TopK.
package reduce

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	sumDef, meanDef, prodDef, maxDef, minDef, l1Def, l2Def, sumSquareDef,
	logSumDef, logSumExpDef,
	argMaxDef, argMinDef,
	cumSumDef, cumProdDef,
	softmaxOpDef, logSoftmaxDef, hardmaxDef, biasSoftmaxDef,
	lpNormDef, mvnDef,
	topKDef,
}
