package nn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// TestNormGolden compares with values that ONNX Runtime 1.32 computed.
func TestNormGolden(t *testing.T) {
	run(t, []optest.Case{
		{Name: "BatchNormalization inference", Op: "BatchNormalization", Opset: 9, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 2, 3, 2),
				optest.T([]float32{0.5, 0, -0.5}, 3),
				optest.T([]float32{-0.5, 0.75, 0.25}, 3),
				optest.T([]float32{0.25, -0.25, -0.75}, 3),
				optest.T([]float32{1.75, 1.5, 1}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.68898165, -0.87796336, 0.75, 0.75, 0.12500063, -0.49999624, -0.49999997, -0.68898165, 0.75, 0.75, -0.12499812, 0.12500063}, 2, 3, 2),
			}},
		{Name: "BatchNormalization momentum does not train", Op: "BatchNormalization", Opset: 9, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("momentum", 0.5)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 3, 2),
				optest.T([]float32{0.75, 0.25, -0.25}, 3),
				optest.T([]float32{-0.25, -0.75, 0.5}, 3),
				optest.T([]float32{0.5, 0, -0.5}, 3),
				optest.T([]float32{1.5, 1.75, 1.25}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.5561852, -0.8623704, -0.60826373, -0.70275456, 0.4440985, 0.55590147, -0.25, -0.5561852, -0.8444908, -0.60826373, 0.33229557, 0.4440985}, 2, 3, 2),
			}},
		{Name: "BatchNormalization rank 2", Op: "BatchNormalization", Opset: 15, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("epsilon", 0.1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5}, 2, 3),
				optest.T([]float32{-0.75, 0.5, 0}, 3),
				optest.T([]float32{0, -0.5, 0.75}, 3),
				optest.T([]float32{0.75, 0.25, -0.25}, 3),
				optest.T([]float32{1.25, 1.75, 1.5}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.3227486, -0.6838037, 0.75, 0.1613743, -0.59190184, 0.75}, 2, 3),
			}},
		{Name: "BatchNormalization rank 1", Op: "BatchNormalization", Opset: 15, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75}, 4),
				optest.T([]float32{-0.5}, 1),
				optest.T([]float32{0.25}, 1),
				optest.T([]float32{-0.75}, 1),
				optest.T([]float32{1}, 1),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.37499687, -0.12499812, 0.12500063, -0.49999624}, 4),
			}},
		{Name: "BatchNormalization training", Op: "BatchNormalization", Opset: 15, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("training_mode", 1), optest.Float("momentum", 0.75)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 2, 3, 2),
				optest.T([]float32{-0.25, -0.75, 0.5}, 3),
				optest.T([]float32{0.5, 0, -0.5}, 3),
				optest.T([]float32{-0.5, 0.75, 0.25}, 3),
				optest.T([]float32{1.25, 1.25, 1.75}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.2862076, 0.5305418, 0, 1.0606177, -0.07241514, -0.56108356, 0.8970431, 0.2862076, -1.0606178, 0, -1.2940862, -0.07241514}, 2, 3, 2),
				optest.T([]float32{-0.296875, 0.5, 0.203125}, 3),
				optest.T([]float32{1.0029297, 0.96875, 1.3779297}, 3),
			}},
		{Name: "InstanceNormalization 3-D", Op: "InstanceNormalization", Opset: 7, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 2, 2, 4),
				optest.T([]float32{0, -0.5}, 2),
				optest.T([]float32{0.75, 0.25}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.75, 0.75, 0.75, 0.75, -0.41033816, 0.029887274, 0.47011274, 0.91033816, 0.75, 0.75, 0.75, 0.75, -0.068632945, 0.44117975, 0.95099247, -0.32353932}, 2, 2, 4),
			}},
		{Name: "GroupNormalization groups", Op: "GroupNormalization", Opset: 21, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("num_groups", 2), optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 2, 4, 3),
				optest.T([]float32{0.5, 0, -0.5, 0.75}, 4),
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.69359493, -1.1582229, 0.00334692, 0.75, 0.75, 0.75, -0.1775836, 0.39252788, 0.96263933, 0.818959, -0.036208212, -0.8913754, 0.1626296, -0.3343426, -0.8313148, 0.75, 0.75, 0.75, 0.70517284, -0.43275928, 0.022413582, -0.59137964, -1.2741389, 0.43275928}, 2, 4, 3),
			}},
		{Name: "LayerNormalization axis 1", Op: "LayerNormalization", Opset: 17, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("axis", 1), optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 2, 2, 3),
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25}, 2, 3),
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75}, 2, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.6413754, -0.6425279, 0.75, -0.46263933, -0.036208212, -0.9637918, -0.9939444, -0.3343426, 0.75, 1.0782869, 0.37121522, -0.7914144}, 2, 2, 3),
				optest.T([]float32{-0.125, 0.083333336}, 2, 1, 1),
				optest.T([]float32{2.2804458, 1.9878887}, 2, 1, 1),
			}},
		{Name: "LayerNormalization negative axis broadcast", Op: "LayerNormalization", Opset: 17, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 2, 2, 3),
				optest.T([]float32{-0.25, -0.75, 0.5}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.30617702, -0, -0.61235404, 0.3244367, -0.85164624, 0.081109166, 0.3244367, -0.85164624, 0.081109166, 0.04055459, 0.8516463, 0.6488733}, 2, 2, 3),
			}},
		{Name: "LayerNormalization double", Op: "LayerNormalization", Opset: 17, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float64{0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 3),
				optest.T([]float64{-0.5, 0.75, 0.25}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float64{-0.5947886896648693, 0, -0.29739434483243465, -0.5947886896648693, 0, -0.29739434483243465}, 2, 3),
			}},
		{Name: "RMSNormalization axis -2", Op: "RMSNormalization", Opset: 23, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("axis", -2), optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 2, 2, 3),
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25}, 2, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.41120332, -0.27413556, -0, -0.5482711, 0, -0.27413556, -1.1031533, 0.24514517, -0, 0.73543555, 0.7354355, 0}, 2, 2, 3),
			}},
		{Name: "SimplifiedLayerNormalization inverse", Op: "SimplifiedLayerNormalization", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("epsilon", 0.01), optest.Int("axis", -1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75}, 2, 3),
				optest.T([]float32{0.75, 0.25, -0.25}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0, -0.23587705, -0.3538156, 0.38339898, -0.12779966, 0.38339898}, 2, 3),
				optest.T([]float32{1.8870164, 2.0447946}, 2, 1),
			}},
		{Name: "SkipLayerNormalization bias", Op: "SkipLayerNormalization", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 2, 2, 3),
				optest.T([]float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2, 2, 3),
				optest.T([]float32{-0.5, 0.75, 0.25}, 3),
				optest.T([]float32{0.25, -0.25, -0.75}, 3),
				optest.T([]float32{-0.75, 0.5, 0}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.8543672, -0.25, -0.4478164, 0.8543672, -0.25, -0.4478164, 0.44090092, 0.7522296, -0.9886261, 0.44090086, 0.7522296, -0.9886261}, 2, 2, 3),
			}},
		{Name: "SkipLayerNormalization broadcast skip", Op: "SkipLayerNormalization", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 2, 3),
				optest.T([]float32{0, 0, 0, 0, 0, 0}, 1, 2, 3),
				optest.T([]float32{-0.25, -0.75, 0.5}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.039808117, 0.8359704, 0.63692975, -0.29739434, -0, -0.5947887, -0.29739434, -0, -0.5947887, -0.29739434, -0, -0.5947887}, 2, 2, 3),
			}},
		{Name: "SkipSimplifiedLayerNormalization 2-D skip", Op: "SkipSimplifiedLayerNormalization", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("epsilon", 0.01)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25}, 2, 2, 3),
				optest.T([]float32{-0.25, -0.25, -0.25, -0.25, -0.25, -0.25}, 2, 3),
				optest.T([]float32{0.25, -0.25, -0.75}, 3),
				optest.T([]float32{-0.75, 0.5, 0}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.22758642, -0.11379321, 1.0241389, -0.14063598, -0.28127196, 0.8438159, -0.3930187, -0.16843659, 0.16843659, -0.35863692, -0.23909126, -0}, 2, 2, 3),
			}},
		{Name: "LRN all attributes", Op: "LRN", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("size", 3), optest.Float("alpha", 0.5), optest.Float("beta", 0.6), optest.Float("bias", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 1, 4, 2, 1),
			},
			Want: []tensor.Value{
				optest.T([]float32{0, -0.32482764, 0.47996897, 0.15811838, -0.15811838, -0.47996897, 0.32482764, 0}, 1, 4, 2, 1),
			}},
		{Name: "LRN odd size", Op: "LRN", Opset: 7, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("size", 3)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5}, 1, 5, 1, 1),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.7499883, 0.24999574, -0.24999574, -0.74998367, 0.49998987}, 1, 5, 1, 1),
			}},
		{Name: "GatedRMSNorm heads", Op: "GatedRMSNorm", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("activation", "sigmoid")},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 4),
				optest.T([]float32{0.5, 0}, 2),
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 2, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.08441932, -0, 0.39750287, 0, -0.12583493, 0, 0.24998, -0}, 2, 4),
			}},
		{Name: "GatedRMSNorm silu", Op: "GatedRMSNorm", Domain: "com.microsoft", Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5}, 2, 2),
				optest.T([]float32{-0.75, 0.5}, 2),
				optest.T([]float32{0, -0.5, 0.75, 0.25}, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0, 0.09437763, 0.4495374, 0.05512526}, 2, 2),
			}},
		{Name: "SoftmaxCrossEntropyLoss weights", Op: "SoftmaxCrossEntropyLoss", Opset: 13, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 2, 3, 2),
				optest.T([]int64{0, 2, 1, 1}, 2, 2),
				optest.T([]float32{0.75, 1.25, 1}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.0715628}),
				optest.T([]float32{-0.7639225, -0.7639225, -1.7639225, -1.7639225, -1.0139225, -1.0139225, -1.3598993, -0.7639225, -0.6098992, -1.7639225, -1.6098993, -1.0139225}, 2, 3, 2),
			}},
		{Name: "SoftmaxCrossEntropyLoss ignored sum", Op: "SoftmaxCrossEntropyLoss", Opset: 12, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("reduction", "sum"), optest.Int("ignore_index", -1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25}, 3, 4),
				optest.T([]int32{0, -1, 3}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{2.542195}),
			}},
		{Name: "SoftmaxCrossEntropyLoss none", Op: "SoftmaxCrossEntropyLoss", Opset: 13, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("reduction", "none")},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 2, 3),
				optest.T([]int64{2, 0}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.1381816, 1.3146722}, 2),
			}},
		{Name: "NegativeLogLikelihoodLoss mean weights ignore", Op: "NegativeLogLikelihoodLoss", Opset: 13, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("ignore_index", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 2, 3, 2),
				optest.T([]int64{0, 2, 1, 1}, 2, 2),
				optest.T([]float32{1.25, 1, 0.5}, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.035714287}),
			}},
		{Name: "NegativeLogLikelihoodLoss none", Op: "NegativeLogLikelihoodLoss", Opset: 12, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("reduction", "none")},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 3, 2),
				optest.T([]int64{0, 2, 1, 1}, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0, 0.75, 0.5, -0.75}, 2, 2),
			}},
	})
}
