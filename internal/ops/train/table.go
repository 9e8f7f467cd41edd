// Package train holds the operators of ai.onnx.preview.training: optimizers'
// steps and the gradient of a part of the graph.
package train

import "github.com/walnut-ai/walnut/internal/op"

const domain = "ai.onnx.preview.training"

// Table lists the operators of this package.
var Table = []*op.Def{
	adagradDef,
	adamDef,
	gradientDef,
	momentumDef,
}
