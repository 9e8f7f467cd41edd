package nn

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestNormTraps(t *testing.T) {
	x := f32([]float32{1, 3, 5, 7}, 1, 2, 2)
	half := float32(math.Sqrt(0.5))
	run(t, []optest.Case{
		{Name: "statistics for each element", Op: "BatchNormalization", Opset: 7, Attrs: attrs(fi("spatial", 0), ff("epsilon", 0)),
			Inputs: vals(x, ones(2, 2), ones(2, 2), f32([]float32{1, 2, 3, 4}, 2, 2), ones(2, 2)), Want: vals(f32([]float32{1, 2, 3, 4}, 1, 2, 2))},
		{Name: "version 6 without is_test", Op: "BatchNormalization", Opset: 6, Attrs: attrs(ff("epsilon", 0)),
			Inputs: vals(x, ones(2), ones(2), ones(2), ones(2)), Want: vals(f32([]float32{1, 3, 5, 7}, 1, 2, 2))},
		{Name: "version 7 trains with outputs", Op: "BatchNormalization", Opset: 7, Tol: 1e-6, Attrs: attrs(ff("epsilon", 1), ff("momentum", 0.5)),
			Inputs: vals(x, ones(2), ones(2), ones(2), ones(2)),
			Want: vals(f32([]float32{1 - half, 1 + half, 1 - half, 1 + half}, 1, 2, 2), f32([]float32{1.5, 3.5}, 2), f32([]float32{1, 1}, 2),
				f32([]float32{2, 6}, 2), f32([]float32{1, 1}, 2))},
		{Name: "training_mode missing", Op: "BatchNormalization", Outputs: 3, Inputs: vals(x, ones(2), ones(2), ones(2), ones(2)), Err: "training_mode"},
		{Name: "scale length", Op: "BatchNormalization", Inputs: vals(x, ones(3), ones(2), ones(2), ones(2)), Err: "scale"},
		{Name: "no batch", Op: "BatchNormalization", Inputs: vals(ones(0, 2, 2), ones(2), ones(2), ones(2), ones(2)), Want: vals(ones(0, 2, 2))},
		{Name: "version 18 scales groups", Op: "GroupNormalization", Opset: 18, Tol: 1e-6, Attrs: attrs(fi("num_groups", 1), ff("epsilon", 0)),
			Inputs: vals(f32([]float32{1, 3}, 1, 2, 1), f32([]float32{2}, 1), f32([]float32{10}, 1)), Want: vals(f32([]float32{8, 12}, 1, 2, 1))},
		{Name: "groups", Op: "GroupNormalization", Attrs: attrs(fi("num_groups", 3)), Inputs: vals(x, ones(2), ones(2)), Err: "3 groups"},
		{Name: "channels last SiLU", Op: "GroupNorm", Domain: msDomain, Tol: 1e-6, Attrs: attrs(fi("groups", 2), fi("activation", 1), ff("epsilon", 0)),
			Inputs: vals(f32([]float32{1, 10, 3, 30}, 1, 1, 2, 2), ones(2), f32([]float32{0, 1}, 2)),
			Want:   vals(f32([]float32{-0.26894142, 0, 0.7310586, 1.7615942}, 1, 1, 2, 2))},
		{Name: "skip and bias", Op: "SkipGroupNorm", Domain: msDomain, Tol: 1e-5, Attrs: attrs(fi("groups", 1), fi("activation", 0), fi("channels_last", 0), ff("epsilon", 0)),
			Inputs: vals(f32([]float32{1, 2}, 1, 2, 1, 1), ones(2), f32([]float32{0, 0}, 2), f32([]float32{10, 20}, 1, 2), f32([]float32{100, 200}, 2)),
			Want:   vals(f32([]float32{-1, 1}, 1, 2, 1, 1), f32([]float32{111, 222}, 1, 2, 1, 1))},
		{Name: "even size", Op: "LRN", Tol: 1e-6, Attrs: attrs(fi("size", 2), ff("alpha", 2), ff("beta", 1)), Inputs: vals(f32([]float32{1, 2, 3}, 1, 3, 1)),
			Want: vals(f32([]float32{1. / 6, 2. / 14, 3. / 10}, 1, 3, 1))}, // a channel and the one behind it
		{Name: "size 0", Op: "LRN", Attrs: attrs(fi("size", 0)), Inputs: vals(x), Err: "size"},
		{Name: "stash bfloat16", Op: "LayerNormalization", Attrs: attrs(fi("stash_type", int64(tensor.BFloat16)), ff("epsilon", 0)), Tol: 1e-2,
			Inputs: vals(f32([]float32{1, 3}, 1, 2), ones(2)),
			Want:   vals(f32([]float32{-1, 1}, 1, 2), optest.As(tensor.BFloat16, f32([]float32{2}, 1, 1)), optest.As(tensor.BFloat16, ones(1, 1)))},
		{Name: "no rows", Op: "LayerNormalization", Inputs: vals(ones(0, 2), ones(2)), Want: vals(ones(0, 2), ones(0, 1))},
		{Name: "axis", Op: "LayerNormalization", Attrs: attrs(fi("axis", 2)), Inputs: vals(ones(1, 2), ones(2)), Err: "axis 2"},
		{Name: "scale", Op: "LayerNormalization", Inputs: vals(ones(1, 2), ones(3)), Err: "broadcast"},
		{Name: "scale's type", Op: "SimplifiedLayerNormalization", Opset: 1, Attrs: attrs(ff("epsilon", 0)), Tol: 1e-3,
			Inputs: vals(optest.As(tensor.Float16, f32([]float32{3, 4}, 1, 2)), f32([]float32{1, 2}, 2)), Want: vals(f32([]float32{0.848528, 2.262742}, 1, 2))},
		{Name: "skip sum", Op: "SkipLayerNormalization", Domain: msDomain, Tol: 1e-6,
			Inputs: vals(f32([]float32{1, 2}, 1, 1, 2), f32([]float32{3, 6}, 1, 1, 2), ones(2)),
			Want:   vals(f32([]float32{-1, 1}, 1, 1, 2), f32([]float32{6}, 1, 1, 1), f32([]float32{0.5}, 1, 1, 1), f32([]float32{4, 8}, 1, 1, 2))},
		{Name: "ignored everything", Op: "NegativeLogLikelihoodLoss", Attrs: attrs(fi("ignore_index", 5)), Inputs: vals(ones(1, 2), i64(5)), Want: vals(f32([]float32{float32(math.NaN())}))},
		{Name: "target", Op: "NegativeLogLikelihoodLoss", Inputs: vals(ones(1, 2), i64(2)), Err: "target 2"},
		{Name: "negative target", Op: "SoftmaxCrossEntropyLoss", Inputs: vals(ones(1, 2), i64(-1)), Err: "target -1"},
		{Name: "target shape", Op: "SoftmaxCrossEntropyLoss", Inputs: vals(ones(1, 2, 3), i64(0)), Err: "target"},
		{Name: "large scores", Op: "SoftmaxCrossEntropyLoss", Inputs: vals(f32([]float32{1e4, 0}, 1, 2), i64(1)), Want: vals(f32([]float32{1e4}))},
	})
}

func TestRecurrentTraps(t *testing.T) {
	x, w, r := f32([]float32{1, 2, 3, 4}, 2, 2, 1), ones(1, 1, 1), ones(1, 1, 1)
	relu := optest.Strs("activations", "Relu")
	run(t, []optest.Case{
		{Name: "sums", Op: "RNN", Attrs: attrs(relu), Inputs: vals(x, w, r), Want: vals(f32([]float32{1, 2, 4, 6}, 2, 1, 2, 1), f32([]float32{4, 6}, 1, 2, 1))},
		{Name: "batch first", Op: "RNN", Attrs: attrs(relu, fi("layout", 1)), Inputs: vals(x, w, r, nil, nil, f32([]float32{10, 20}, 2, 1, 1)),
			Want: vals(f32([]float32{11, 13, 23, 27}, 2, 2, 1, 1), f32([]float32{13, 27}, 2, 1, 1))},
		{Name: "threshold default 1", Op: "RNN", Attrs: attrs(optest.Strs("activations", "ThresholdedRelu")), Inputs: vals(f32([]float32{0.5, 1}, 1, 2, 1), w, r),
			Want: vals(f32([]float32{0, 1}, 1, 1, 2, 1))},
		{Name: "clip", Op: "RNN", Attrs: attrs(relu, ff("clip", 3)), Inputs: vals(x, w, r), Want: vals(f32([]float32{1, 2, 3, 3}, 2, 1, 2, 1))},
		{Name: "version 1 direction", Op: "GRU", Opset: 1, Inputs: vals(ones(1, 1, 1), f32([]float32{0, 0, 0}, 1, 3, 1), f32([]float32{0, 0, 0}, 1, 3, 1)),
			Want: vals(f32([]float32{0}, 1, 1, 1, 1), f32([]float32{0}, 1, 1, 1))},
		{Name: "no steps", Op: "LSTM", Inputs: vals(ones(0, 1, 1), ones(1, 4, 1), ones(1, 4, 1)), Want: vals(ones(0, 1, 1, 1), f32([]float32{0}, 1, 1, 1), f32([]float32{0}, 1, 1, 1))},
		{Name: "activations", Op: "LSTM", Attrs: attrs(relu), Inputs: vals(ones(1, 1, 1), ones(1, 4, 1), ones(1, 4, 1)), Err: "needs 3"},
		{Name: "unknown activation", Op: "RNN", Attrs: attrs(optest.Strs("activations", "Swish")), Inputs: vals(x, w, r), Err: "Swish"},
		{Name: "direction", Op: "RNN", Attrs: attrs(fs("direction", "up")), Inputs: vals(x, w, r), Err: "direction"},
		{Name: "W", Op: "GRU", Inputs: vals(x, w, ones(1, 3, 1)), Err: "shape"},
		{Name: "lengths", Op: "RNN", Inputs: vals(x, w, r, nil, optest.T([]int32{1, 3}, 2)), Err: "sequence_lens"},
		{Name: "hidden", Op: "RNN", Attrs: attrs(fi("hidden_size", 2)), Inputs: vals(x, w, r), Err: "shape"},
	})
}

func TestResizeTraps(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2)
	words := optest.Strings([]string{"a", "b"}, 1, 1, 1, 2)
	twice := f32([]float32{1, 1, 1, 2}, 4)
	run(t, []optest.Case{
		{Name: "strings", Op: "Resize", Inputs: vals(words, nil, twice), Want: vals(optest.Strings([]string{"a", "a", "b", "b"}, 1, 1, 1, 4))},
		{Name: "complex", Op: "Resize", Inputs: vals(optest.T([]complex64{1i, 2}, 2), nil, f32([]float32{2}, 1)), Want: vals(optest.T([]complex64{1i, 1i, 2, 2}, 4))},
		{Name: "uint64", Op: "Resize", Inputs: vals(optest.T([]uint64{1<<63 + 1}, 1), nil, f32([]float32{2}, 1)), Want: vals(optest.T([]uint64{1<<63 + 1, 1<<63 + 1}, 2))},
		{Name: "scale in float32", Op: "Resize", Inputs: vals(ones(10), nil, f32([]float32{0.7}, 1)), Want: vals(ones(7))},
		{Name: "fractional align corners", Op: "Resize", Opset: 13, Tol: 1e-6, Attrs: attrs(fs("mode", "linear"), fs("coordinate_transformation_mode", "align_corners")),
			Inputs: vals(f32([]float32{1, 2, 3, 4}, 4), nil, f32([]float32{0.6}, 1)), Want: vals(f32([]float32{1, 3.142857}, 2))},
		{Name: "to nothing", Op: "Resize", Inputs: vals(x, nil, nil, i64(1, 1, 0, 2)), Want: vals(ones(1, 1, 0, 2))},
		{Name: "from nothing", Op: "Resize", Inputs: vals(ones(1, 0), nil, nil, i64(1, 2)), Err: "length 0"},
		{Name: "axes", Op: "Resize", Attrs: attrs(fis("axes", -1)), Inputs: vals(x, nil, f32([]float32{2}, 1)), Want: vals(f32([]float32{1, 1, 2, 2, 3, 3, 4, 4}, 1, 1, 2, 4))},
		{Name: "axis twice", Op: "Resize", Attrs: attrs(fis("axes", -1, 3)), Inputs: vals(x, nil, f32([]float32{2, 2}, 2)), Err: "twice"},
		{Name: "nothing given", Op: "Resize", Inputs: vals(x), Err: "scales and sizes"},
		{Name: "negative scale", Op: "Resize", Inputs: vals(x, nil, f32([]float32{1, 1, -1, 1}, 4)), Err: "positive"},
		{Name: "scales for too few axes", Op: "Resize", Inputs: vals(x, nil, f32([]float32{2}, 1)), Err: "1 scales for 4 axes"},
		{Name: "linear strings", Op: "Resize", Attrs: attrs(fs("mode", "linear")), Inputs: vals(words, nil, twice), Err: "nearest"},
		{Name: "version 1", Op: "Upsample", Opset: 1, Attrs: attrs(ff("height_scale", 1), ff("width_scale", 2)), Inputs: vals(x), Want: vals(f32([]float32{1, 1, 2, 2, 3, 3, 4, 4}, 1, 1, 2, 4))},
		{Name: "version 1 bilinear", Op: "Upsample", Opset: 1, Attrs: attrs(fs("mode", "bilinear"), ff("height_scale", 1), ff("width_scale", 2)), Inputs: vals(x),
			Want: vals(f32([]float32{1, 1.5, 2, 2, 3, 3.5, 4, 4}, 1, 1, 2, 4))},
		{Name: "grid strings", Op: "GridSample", Attrs: attrs(fs("mode", "nearest")), Inputs: vals(words, f32([]float32{0.5, 0, 9, 9}, 1, 1, 2, 2)),
			Want: vals(optest.Strings([]string{"b", ""}, 1, 1, 1, 2))},
		{Name: "grid complex", Op: "GridSample", Attrs: attrs(fi("align_corners", 1)), Inputs: vals(optest.T([]complex64{2, 4i}, 1, 1, 1, 2), f32([]float32{0, 0}, 1, 1, 1, 2)),
			Want: vals(optest.T([]complex64{1 + 2i}, 1, 1, 1, 1))},
		{Name: "grid int8", Op: "GridSample", Attrs: attrs(fi("align_corners", 1)), Inputs: vals(optest.T([]int8{-3, -4}, 1, 1, 1, 2), f32([]float32{0, 0}, 1, 1, 1, 2)),
			Want: vals(optest.T([]int8{-3}, 1, 1, 1, 1))},
		{Name: "grid NaN", Op: "GridSample", Inputs: vals(x, f32([]float32{float32(math.NaN()), 0}, 1, 1, 1, 2)), Want: vals(f32([]float32{0}, 1, 1, 1, 1))},
		{Name: "grid shape", Op: "GridSample", Inputs: vals(x, ones(1, 1, 1, 3)), Err: "grid"},
		{Name: "grid 1-D", Op: "GridSample", Attrs: attrs(fi("align_corners", 1)), Inputs: vals(f32([]float32{1, 3}, 1, 1, 2), f32([]float32{0, -1}, 1, 2, 1)), Want: vals(f32([]float32{2, 1}, 1, 1, 2))},
		{Name: "affine size 1", Op: "AffineGrid", Attrs: attrs(fi("align_corners", 1)), Inputs: vals(f32([]float32{1, 1, 5, 1, 1, 6}, 1, 2, 3), i64(1, 1, 1, 1)),
			Want: vals(f32([]float32{5, 6}, 1, 1, 1, 2))},
		{Name: "affine theta", Op: "AffineGrid", Inputs: vals(ones(1, 3, 4), i64(1, 1, 2, 2)), Err: "theta"},
		{Name: "affine size", Op: "AffineGrid", Inputs: vals(ones(1, 2, 3), i64(1, 1, 2)), Err: "size"},
		{Name: "letters", Op: "WordConvEmbedding", Domain: msDomain, Inputs: vals(optest.T([]int32{9}, 1, 1), ones(1, 1, 1, 1), ones(1), ones(2, 1)), Err: "character 9"},
		{Name: "padding word", Op: "WordConvEmbedding", Domain: msDomain, Inputs: vals(optest.T([]int32{0, 1}, 1, 2), ones(1, 1, 1, 1), ones(1), ones(2, 1)), Want: vals(f32([]float32{0}, 1, 1))},
		{Name: "gate shape", Op: "GatedRMSNorm", Domain: msDomain, Inputs: vals(ones(1, 4), ones(2), ones(1, 3)), Err: "gate"},
		{Name: "branches", Op: "BranchwiseRMSNorm", Domain: msDomain, Attrs: attrs(fi("num_branches", 3)), Inputs: vals(ones(1, 4)), Err: "num_branches"},
	})
}

// TestSymbols checks what inference says about symbolic dimensions.
func TestSymbols(t *testing.T) {
	n, h := graph.Dim{Sym: "n"}, graph.Dim{Sym: "h"}
	shape := func(d ...graph.Dim) op.Fact { return op.Fact{Type: graph.TensorType(tensor.Float32, d)} }
	x := shape(n, graph.D(3), h, graph.D(8))
	sizes := op.Fact{Type: graph.TensorType(tensor.Int64, graph.Dims(4)), Elems: []graph.Dim{n, graph.D(3), h, h}}
	for _, c := range []struct {
		name, op string
		attrs    []graph.Attr
		in       []op.Fact
		want     string
	}{
		{"same", "Conv", attrs(fs("auto_pad", "SAME_UPPER")), []op.Fact{x, shape(graph.Dims(4, 3, 3, 3)...)}, "[n,4,h,8]"},
		{"pads keep the length", "Conv", attrs(fis("pads", 1, 1, 1, 1)), []op.Fact{x, shape(graph.Dims(4, 3, 3, 3)...)}, "[n,4,h,8]"},
		{"unknown length", "MaxPool", attrs(fis("kernel_shape", 2, 2)), []op.Fact{x}, "[n,3,?1,7]"},
		{"global", "GlobalMaxPool", nil, []op.Fact{x}, "[n,3,1,1]"},
		{"sizes", "Resize", nil, []op.Fact{x, {}, {}, sizes}, "[n,3,h,h]"},
		{"recurrent", "GRU", nil, []op.Fact{shape(h, n, graph.D(2)), shape(graph.Dims(1, 15, 2)...), shape(graph.Dims(1, 15, 5)...)}, "[h,1,n,5]"},
		{"grid", "GridSample", nil, []op.Fact{x, shape(n, h, graph.D(7), graph.D(2))}, "[n,3,h,7]"},
		{"affine", "AffineGrid", nil, []op.Fact{shape(n, graph.D(2), graph.D(3)), sizes}, "[n,h,h,2]"},
		{"loss", "SoftmaxCrossEntropyLoss", attrs(fs("reduction", "none")), []op.Fact{shape(n, graph.D(5), h)}, "[n,h]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := make([]tensor.Value, len(c.in))
			for i, f := range c.in {
				if f.Type.Kind == graph.KindTensor {
					in[i], _ = tensor.New(f.Type.Elem)
				}
			}
			if c.op == "SoftmaxCrossEntropyLoss" {
				in, c.in = append(in, i64()), append(c.in, op.Fact{Type: graph.TensorType(tensor.Int64, nil)})
			}
			m, err := optest.Model(optest.Case{Op: c.op, Attrs: c.attrs, Inputs: in})
			if err != nil {
				t.Fatal(err)
			}
			if err := op.NewCatalog(Table).Resolve(m); err != nil {
				t.Fatal(err)
			}
			out, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, c.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := out[0].Type.Shape.String(); got != c.want {
				t.Errorf("inferred %s, want %s", got, c.want)
			}
		})
	}
}
