// Package nn holds the operators of neural networks over images and sequences:
// convolutions, pools, normalisations, recurrent layers, resampling, regions, losses.
package nn

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	convDef,
	fusedConvDef,
	nhwcConvDef,
	nhwcFusedConvDef,
	convTransposeDef,
	convTransposePadsDef,
	deformConvDef,
	causalConvDef,
	msCausalConvDef,
	maxPoolDef,
	averagePoolDef,
	lpPoolDef,
	nhwcMaxPoolDef,
	globalMaxPoolDef,
	globalAveragePoolDef,
	globalLpPoolDef,
	maxUnpoolDef,
	instanceNormDef,
	groupNormDef,
	msGroupNormDef,
	skipGroupNormDef,
	lrnDef,
	layerNormDef,
	rmsNormDef,
	simplifiedNormDef,
	skipNormDef,
	skipSimplifiedNormDef,
	batchNormDef,
	rnnDef,
	gruDef,
	lstmDef,
	resizeDef,
	upsampleDef,
}
