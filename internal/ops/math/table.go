// Package math holds the element-wise operators: arithmetic, comparison,
// logic, bits, activations, casts, and the random generators.
package math

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	absDef, acosDef, acoshDef, asinDef, asinhDef, atanDef, atanhDef, ceilDef,
	cosDef, coshDef, erfDef, expDef, floorDef, logDef, negDef, reciprocalDef,
	roundDef, sigmoidDef, signDef, sinDef, sinhDef, sqrtDef, tanDef, tanhDef,
	notDef, bitwiseNotDef, isInfDef, isNaNDef,

	reluDef, leakyReluDef, eluDef, seluDef, celuDef, geluDef, hardSigmoidDef,
	hardSwishDef, mishDef, preluDef, shrinkDef, softplusDef, softsignDef,
	swishDef, swigluDef, thresholdedReluDef, clipDef,

	addDef, subDef, mulDef, divDef, modDef, powDef, andDef, orDef, xorDef,
	equalDef, greaterDef, greaterOrEqualDef, lessDef, lessOrEqualDef,
	bitShiftDef, bitwiseAndDef, bitwiseOrDef, bitwiseXorDef,

	sumDef, meanDef, maxDef, minDef, whereDef,
	castDef, castLikeDef, bitCastDef,

	bernoulliDef, multinomialDef, randomNormalDef, randomNormalLikeDef,
	randomUniformDef, randomUniformLikeDef, dropoutOpDef,

	msGeluDef, fastGeluDef, biasGeluDef, quickGeluDef, biasAddDef,
	biasSplitGeluDef, biasDropoutDef, bitmaskDropoutDef, bitmaskBiasDropoutDef,
}
