// Package ml holds the operators of ai.onnx.ml: linear models, support vector
// machines, tree ensembles, and the encoders around them.
//
// The standard leaves much of these operators open. Where it does, they do what
// ONNX Runtime does, which the converters of scikit-learn, LightGBM and XGBoost
// write for.
package ml

import "github.com/walnut-ai/walnut/internal/op"

const domain = "ai.onnx.ml"

// Table lists the operators of this package.
var Table = []*op.Def{
	arrayFeatureExtractorDef,
	binarizerDef,
	castMapDef,
	categoryMapperDef,
	dictVectorizerDef,
	featureVectorizerDef,
	imputerDef,
	labelEncoderDef,
	linearClassifierDef,
	linearRegressorDef,
	normalizerDef,
	oneHotEncoderDef,
	scalerDef,
	svmClassifierDef,
	svmRegressorDef,
	treeEnsembleDef,
	treeEnsembleClassifierDef,
	treeEnsembleRegressorDef,
	zipMapDef,
}
