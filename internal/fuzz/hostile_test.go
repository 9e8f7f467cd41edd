package fuzz

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// hostile is a model that asks for too much or contradicts itself.
type hostile struct {
	name  string
	model []byte
	want  string // part of the error; "" = an error or a result
}

// large is a hostile model with a large file, which is made when it is tried.
type large struct {
	name  string
	build func() []byte
	want  string
}

var (
	anyF   = graph.TensorType(tensor.Float32, nil)
	boolT  = graph.TensorType(tensor.Bool, graph.Shape{})
	scalar = graph.TensorType(tensor.Int64, graph.Shape{})
	xF     = in("x", graph.TensorType(tensor.Float32, graph.Dims(2, 3)))
	yF     = out("y", graph.Type{})
)

func i64(name string, v ...int64) []byte { return initial(name, tensor.MustFrom(v, len(v))) }
func i0(name string, v int64) []byte     { return initial(name, tensor.Scalar(v)) }
func f32(name string, v ...float32) []byte {
	return initial(name, tensor.MustFrom(v, len(v)))
}
func f0(name string, v float32) []byte { return initial(name, tensor.Scalar(v)) }

// one is a model of one node over initializers and input x.
func one(call string, parts ...[]byte) []byte { return oneOf(1, call, parts...) }

// oneOf is one for a node of up to 2 outputs.
func oneOf(outs int, call string, parts ...[]byte) []byte {
	var attrs, rest [][]byte
	for _, p := range parts {
		if p[0] == 0x0a { // an attribute starts with its name, field 1
			attrs = append(attrs, p)
		} else {
			rest = append(rest, p)
		}
	}
	if outs == 2 {
		return model(join(xF, yF, out("z", graph.Type{}), join(rest...), node("y,z = "+call, attrs...)))
	}
	return model(join(xF, yF, join(rest...), node("y = "+call, attrs...)))
}

// loop is a Loop over one state that starts as v0, for n rounds.
func loop(n int64, body []byte, more ...[]byte) []byte {
	b := join(in("i", scalar), in("c", boolT), in("s", graph.Type{}), out("c", boolT), out("t", graph.Type{}), body)
	return model(join(xF, yF, i0("n", n), initial("yes", tensor.Scalar(true)), join(more...), node("y = Loop(n,yes,v0)", aGraph("body", b))))
}

// deepIf nests If in a then_branch.
func deepIf(n int) []byte {
	g := join(out("o", graph.Type{}), node("o = Neg(x)"))
	for range n {
		g = join(out("o", graph.Type{}), node("o = If(c)", aGraph("then_branch", g), aGraph("else_branch", out("p", graph.Type{}), node("p = Neg(x)"))))
	}
	return model(join(xF, yF, in("c", boolT), node("y = Identity(o)"), g[len(out("o", graph.Type{})):]))
}

// wideIf nests If in both branches.
func wideIf(n int) []byte {
	g := join(out("o", graph.Type{}), node("o = Neg(x)"))
	for range n {
		g = join(out("o", graph.Type{}), node("o = If(c)", aGraph("then_branch", g), aGraph("else_branch", g)))
	}
	return model(join(xF, yF, in("c", boolT), node("y = Identity(o)"), g[len(out("o", graph.Type{})):]))
}

// deepLoop nests loops whose states grow, so that each level is inferred several times.
func deepLoop(n int) []byte {
	g := node("t = Concat(s,s)", aInt("axis", 0))
	for range n {
		b := join(in("i", scalar), in("c", boolT), in("s", graph.Type{}), out("c", boolT), out("t", graph.Type{}), g)
		g = node("t = Loop(n,yes,s)", aGraph("body", b))
	}
	return model(join(xF, i0("n", 2), initial("yes", tensor.Scalar(true)), node("s = Identity(x)"), g, out("t", graph.Type{})))
}

// wideLoop is deepLoop with a loop beside each.
func wideLoop(n int) []byte {
	g := node("t = Concat(s,s)", aInt("axis", 0))
	for range n {
		b := join(in("i", scalar), in("c", boolT), in("s", graph.Type{}), in("r", graph.Type{}), out("c", boolT), out("t", graph.Type{}), out("s", graph.Type{}), g)
		g = node("t,q = Loop(n,yes,s,s)", aGraph("body", b))
	}
	return model(join(xF, i0("n", 2), initial("yes", tensor.Scalar(true)), node("s = Identity(x)"), g, out("t", graph.Type{})))
}

func treeAttrs(trueIDs, falseIDs []int64) [][]byte {
	n := len(trueIDs)
	zeros, ids := make([]int64, n), make([]int64, n)
	vals, modes := make([]float32, n), make([]string, n)
	for i := range ids {
		ids[i], modes[i] = int64(i), "BRANCH_LEQ"
	}
	return [][]byte{aInts("nodes_treeids", zeros...), aInts("nodes_nodeids", ids...), aInts("nodes_featureids", zeros...), aFloats("nodes_values", vals...),
		aStrs("nodes_modes", modes...), aInts("nodes_truenodeids", trueIDs...), aInts("nodes_falsenodeids", falseIDs...),
		aInts("target_treeids", 0), aInts("target_nodeids", 0), aInts("target_ids", 0), aFloats("target_weights", 1)}
}

func ones(n int) *tensor.Tensor { return mustNew(1, n, 1) }
func commas(n int) string       { return strings.Repeat("a, ", n/3) }
func str(name, s string) []byte { return initial(name, optest.Strings([]string{s}, 1)) }

func letters(n int) string {
	s := ""
	for i := range n {
		s += string("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[i%52])
	}
	return s
}

// hostileModels returns the table but for large files.
func hostileModels() []hostile {
	const big, maxI, minI = int64(1 << 40), int64(math.MaxInt64), int64(math.MinInt64)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	wide := func(rank int) []byte {
		dims := make([]int, rank)
		for i := range dims {
			dims[i] = 2
		}
		if rank > 12 {
			for i := range dims {
				dims[i] = 1
			}
		}
		n, _ := tensor.NumElements(dims)
		return initial("w", tensor.MustFrom(make([]float32, n), dims...))
	}
	image := func(b []byte) []byte { return initial("b", tensor.MustFrom(b, len(b))) }
	l := []hostile{
		{"If 1 deep", deepIf(1), ""}, {"If 10 deep", deepIf(10), ""}, {"If 16 deep", deepIf(16), ""}, {"If 17 deep", deepIf(17), "nested deeper"},
		{"If 100 deep", deepIf(100), "nested deeper"}, {"If 1000 deep", deepIf(1000), "nested deeper"}, {"If 2^9 wide", wideIf(9), ""},
		{"Loop 4 deep", deepLoop(4), ""}, {"Loop 16 deep", deepLoop(16), ""}, {"Loop 16 deep and 2 wide", wideLoop(16), "budget"},
		{"Loop without end", loop(maxI, node("t = Identity(s)"), f0("v0", 1)), "budget"},
		{"Loop without M", model(join(xF, yF, initial("yes", tensor.Scalar(true)), node("y = Loop(,yes,x)", aGraph("body",
			in("i", scalar), in("c", boolT), in("s", anyF), out("c", boolT), out("t", anyF), node("t = Neg(s)"))))), "budget"},
		{"Loop doubles its state", loop(maxI, node("t = Concat(s,s)", aInt("axis", 0)), f32("v0", 1)), "budget"},
		{"Loop grows its state", loop(maxI, node("t = Concat(s,v0)", aInt("axis", 0)), f32("v0", 1)), "budget"},
		{"Loop of large scan outputs", model(join(xF, out("z", graph.Type{}), i0("n", maxI), initial("yes", tensor.Scalar(true)), i64("k", 10000), node("y,z = Loop(n,yes,x)", aGraph("body",
			in("i", scalar), in("c", boolT), in("s", anyF), out("c", boolT), out("s", anyF), out("o", anyF), node("o = ConstantOfShape(k)"))))), "budget"},
		{"Loop inserts into a sequence", model(join(xF, out("q", graph.Type{}), i0("n", maxI), initial("yes", tensor.Scalar(true)), i64("k", 250000), node("v0 = SequenceEmpty()"),
			node("b = ConstantOfShape(k)"), node("q = Loop(n,yes,v0)", aGraph("body", in("i", scalar), in("c", boolT), in("s", graph.Type{}),
				out("c", boolT), out("t", graph.Type{}), node("t = SequenceInsert(s,b)"))))), "budget"},
		{"Loop joins strings", loop(maxI, node("t = StringConcat(s,s)"), str("v0", "abc")), "budget"},
		{"function calls itself", model(join(xF, yF, node("y = f.F(x)")), msg(25, join(msg(10, "f", 1, "F", 4, "a", 5, "b", 9, msg(1, "f", 2, 1)), msg(7, nodeMsg("b = f.F(a)"))))), "calls itself"},
		{"functions call each other", model(join(xF, yF, node("y = f.F(x)")),
			msg(25, join(msg(10, "f", 1, "F", 4, "a", 5, "b", 9, msg(1, "f", 2, 1)), msg(7, nodeMsg("b = f.G(a)")))),
			msg(25, join(msg(10, "f", 1, "G", 4, "a", 5, "b", 9, msg(1, "f", 2, 1)), msg(7, nodeMsg("b = f.F(a)"))))), "calls itself"},
		{"cycle", model(join(xF, yF, node("y = Add(x,z)"), node("z = Add(y,x)"))), "cycle"},

		{"ConstantOfShape 2^40", one("ConstantOfShape(s)", i64("s", big)), "budget"},
		{"ConstantOfShape 2^31 by 2^32", one("ConstantOfShape(s)", i64("s", 1<<31, 1<<32)), " "},
		{"ConstantOfShape max by max", one("ConstantOfShape(s)", i64("s", maxI, maxI)), " "},
		{"ConstantOfShape -1", one("ConstantOfShape(s)", i64("s", -1)), " "},
		{"ConstantOfShape in between", model(join(xF, yF, i64("s", big), node("a = ConstantOfShape(s)"), node("y = ReduceSum(a)"))), "budget"},
		{"ConstantOfShape of a run", model(join(in("s", graph.TensorType(tensor.Int64, graph.Dims(5))), yF, i0("k", 1<<30), node("t = Add(s,k)"), node("y = ConstantOfShape(t)"))), " "},
		{"Expand", one("Expand(x,s)", i64("s", big, 2, 3)), "budget"},
		{"Expand sum", model(join(xF, yF, i64("s", 1<<33, 2, 3), node("a = Expand(x,s)"), node("y = ReduceSum(a)"))), "budget"},
		{"Expand wraps", one("Expand(x,s)", i64("s", 1<<62, 4, 2, 3)), " "},
		{"Tile", one("Tile(x,s)", i64("s", big, 1)), "budget"}, {"Tile max", one("Tile(x,s)", i64("s", maxI, maxI)), " "}, {"Tile min", one("Tile(x,s)", i64("s", minI, 1)), " "},
		{"Range", one("Range(a,b,d)", i0("a", 0), i0("b", maxI), i0("d", 1)), " "}, {"Range down", one("Range(a,b,d)", i0("a", maxI), i0("b", minI), i0("d", -1)), " "},
		{"Range of floats", one("Range(a,b,d)", f0("a", 0), f0("b", 1e30), f0("d", 1e-30)), " "}, {"Range by 0", one("Range(a,b,d)", i0("a", 0), i0("b", 1), i0("d", 0)), " "},
		{"Range by NaN", one("Range(a,b,d)", f0("a", 0), f0("b", 1), f0("d", nan)), " "}, {"Range to infinity", one("Range(a,b,d)", f0("a", 0), f0("b", inf), f0("d", 1)), " "},
		{"Resize to 2^40", one("Resize(x,,,s)", i64("s", big, 3)), " "}, {"Resize by 1e30", one("Resize(x,,s)", f32("s", 1e30, 1)), " "},
		{"Resize by NaN", one("Resize(x,,s)", f32("s", nan, 1)), " "}, {"Resize by infinity", one("Resize(x,,s)", f32("s", inf, 1)), " "},
		{"Resize by -1", one("Resize(x,,s)", f32("s", -1, 1)), " "}, {"Resize by tiny", one("Resize(x,,s)", f32("s", 1e-30, 1)), ""},
		{"Resize antialias", one("Resize(x,,s)", f32("s", 1e-7, 1), aInt("antialias", 1), aStr("mode", "cubic")), ""},
		{"Upsample", model(join(xF, yF, f32("s", 1e9, 1e9), node("y = Upsample(x,s)"))), " "},
		{"Pad", one("Pad(x,p)", i64("p", 0, big, 0, 0)), "budget"}, {"Pad max", one("Pad(x,p)", i64("p", maxI, maxI, maxI, maxI)), " "}, {"Pad min", one("Pad(x,p)", i64("p", minI, 0, 0, minI)), " "},
		{"Pad reflect", one("Pad(x,p)", i64("p", 0, 1<<33, 0, 0), aStr("mode", "reflect")), "budget"},
		{"OneHot", one("OneHot(i,d,v)", i64("i", 1, 2), i0("d", big), f32("v", 0, 1)), "budget"}, {"OneHot max", one("OneHot(i,d,v)", i64("i", minI, maxI), i0("d", maxI), f32("v", 0, 1)), " "},
		{"EyeLike", one("EyeLike(x)", aInt("k", minI)), ""}, {"EyeLike huge", model(join(xF, yF, i64("s", 1<<20, 1<<20), node("a = ConstantOfShape(s)"), node("y = EyeLike(a)"))), "budget"},
		{"Reshape", one("Reshape(x,s)", i64("s", maxI, maxI, 0)), " "}, {"Reshape -1 of 0", one("Reshape(z,s)", initial("z", tensor.MustFrom([]float32{}, 0)), i64("s", -1, 0)), ""},
		{"Reshape by 0", one("Reshape(x,s)", i64("s", 0, -1, 0), aInt("allowzero", 1)), " "}, {"Reshape -1 twice", one("Reshape(x,s)", i64("s", -1, -1)), " "},
		{"Gather", one("Gather(x,i)", i64("i", maxI)), " "}, {"Gather min", one("Gather(x,i)", i64("i", minI)), " "}, {"Gather axis", one("Gather(x,i)", i64("i", 0), aInt("axis", minI)), " "},
		{"GatherND", one("GatherND(x,i)", i64("i", minI, 1)), " "}, {"GatherElements", one("GatherElements(x,i)", initial("i", tensor.MustFrom([]int64{minI}, 1, 1))), " "},
		{"ScatterND", one("ScatterND(x,i,u)", i64("i", maxI, 1), f0("u", 1)), " "}, {"ScatterElements", one("ScatterElements(x,i,u)", initial("i", tensor.MustFrom([]int64{maxI}, 1, 1)), initial("u", tensor.MustFrom([]float32{1}, 1, 1))), " "},
		{"Slice", one("Slice(x,a,b,c,d)", i64("a", minI), i64("b", maxI), i64("c", 0), i64("d", minI)), ""}, {"Slice by 0", one("Slice(x,a,b,c,d)", i64("a", 0), i64("b", maxI), i64("c", 0), i64("d", 0)), " "},
		{"Slice back", one("Slice(x,a,b,c,d)", i64("a", maxI), i64("b", minI), i64("c", -1), i64("d", -1)), ""},
		{"Split into 2^30", one("Split(x)", aInt("num_outputs", 1<<30)), ""}, {"TopK", oneOf(2, "TopK(x,k)", i64("k", maxI)), " "},
		{"HannWindow", one("HannWindow(n)", i0("n", big)), "budget"}, {"MelWeightMatrix", one("MelWeightMatrix(a,b,c,d,e)", i0("a", 1<<31), i0("b", 1<<31), i0("c", 8000), f0("d", 0), f0("e", 1)), " "},
		{"Scan of nothing", model(join(yF, initial("z", tensor.MustFrom([]float32{}, 0, 2)), node("y = Scan(z)", aInt("num_scan_inputs", 1), aGraph("body", in("a", anyF), out("b", anyF), node("b = Neg(a)"))))), ""},
		{"Scan of 2^40 nothings", model(join(yF, in("z", graph.TensorType(tensor.Float32, graph.Dims(1<<40, 0))), node("y = Scan(z)", aInt("num_scan_inputs", 1), aGraph("body", in("a", anyF), out("b", anyF), node("b = Neg(a)"))))), ""},
		{"tree with a cycle", one("ai.onnx.ml.TreeEnsembleRegressor(x)", treeAttrs([]int64{1, 2, 0}, []int64{1, 2, 0})...), " "},
		{"tree that reads itself", one("ai.onnx.ml.TreeEnsembleRegressor(x)", treeAttrs([]int64{0}, []int64{0})...), " "},
		{"tree without children", one("ai.onnx.ml.TreeEnsembleRegressor(x)", treeAttrs([]int64{77}, []int64{-5})...), " "},
		{"tree of shared children", one("ai.onnx.ml.TreeEnsembleRegressor(x)", treeAttrs([]int64{1, 2, 3, 4}, []int64{1, 2, 3, maxI})...), " "},
		{"LabelEncoder", one("ai.onnx.ml.LabelEncoder(x)", aFloats("keys_floats", 1, 2, 3), aFloats("values_floats", 1)), " "},
		{"LinearClassifier", oneOf(2, "ai.onnx.ml.LinearClassifier(x)", aFloats("coefficients", 1), aFloats("intercepts", 1, 2, 3), aInts("classlabels_ints", 1, 2, 3, 4)), ""},
		{"TfIdf", one("TfIdfVectorizer(i)", i64("i", 1, 2), aStr("mode", "TF"), aInt("min_gram_length", 1), aInt("max_gram_length", maxI), aInt("max_skip_count", maxI),
			aInts("ngram_counts", 0, maxI, minI), aInts("ngram_indexes", maxI, minI), aInts("pool_int64s", 1, 2, 3)), " "},
		{"TfIdf of a vast index", one("TfIdfVectorizer(i)", i64("i", 1, 2), aStr("mode", "TF"), aInt("min_gram_length", 1), aInt("max_gram_length", 1), aInt("max_skip_count", 0),
			aInts("ngram_counts", 0), aInts("ngram_indexes", big), aInts("pool_int64s", 1)), " "},
		{"Einsum of 52 letters", one("Einsum(w)", wide(52), aStr("equation", letters(52)+"->")), ""}, {"Einsum of 60 letters", one("Einsum(w)", wide(60), aStr("equation", letters(60)+"->")), ""},
		{"Einsum of 48 summed letters", one("Einsum(w,w,w,w)", wide(12), aStr("equation", letters(52)[:12]+","+letters(52)[12:24]+","+letters(52)[24:36]+","+letters(52)[36:48]+"->")), ""},
		{"Einsum of all outer products", one("Einsum(w,w,w,w)", wide(12), aStr("equation", letters(52)[:12]+","+letters(52)[12:24]+","+letters(52)[24:36]+","+letters(52)[36:48]+"->"+letters(48))), " "},
		{"regular expression", one("RegexFullMatch(s)", str("s", strings.Repeat("a", 1000)), aStr("pattern", "(a*)*(a*)*(a*)*b")), ""},
		{"regular expression of repeats", one("RegexFullMatch(s)", str("s", "a"), aStr("pattern", "((((a{1,100}){1,100}){1,100}){1,100}){1,100}")), " "},
		{"GRU", one("GRU(w,w,w)", initial("w", tensor.MustFrom(make([]float32, 8), 2, 2, 2)), aInt("hidden_size", maxI)), " "},
		{"MatMulNBits", one("com.microsoft.MatMulNBits(x,b,s)", initial("b", tensor.MustFrom(make([]uint8, 16), 1, 1, 16)), f32("s", 1), aInt("K", big), aInt("N", big), aInt("bits", 4), aInt("block_size", 32)), " "},
		{"DFT of 2^40", one("DFT(w,n)", initial("w", ones(4)), i0("n", big)), " "}, {"STFT", one("STFT(w,n)", initial("w", ones(4)), i0("n", 0)), " "},
		{"RandomNormal", one("RandomNormal()", aInts("shape", big)), "budget"}, {"Multinomial", one("Multinomial(x)", aInt("sample_size", maxI)), " "},
		{"DepthToSpace", one("DepthToSpace(w)", initial("w", tensor.MustFrom(make([]float32, 8), 1, 2, 2, 2)), aInt("blocksize", 1<<32)), " "},
		{"Col2Im", one("Col2Im(w,s,b)", initial("w", tensor.MustFrom(make([]float32, 8), 1, 4, 2)), i64("s", big, big), i64("b", 2, 2)), " "},
		{"AffineGrid", one("AffineGrid(w,s)", initial("w", tensor.MustFrom(make([]float32, 6), 1, 2, 3)), i64("s", 1, 1, 1<<20, 1<<20)), "budget"},
		{"CenterCropPad", one("CenterCropPad(x,s)", i64("s", big, 3)), "budget"},
		{"MaxPool of a vast window", one("MaxPool(w)", initial("w", tensor.MustFrom(make([]float32, 16), 1, 1, 4, 4)), aInts("kernel_shape", 1<<30, 1<<30), aInts("pads", 1<<29, 1<<29, 1<<29, 1<<29)), ""},
		{"AveragePool of a vast window", one("AveragePool(w)", initial("w", tensor.MustFrom(make([]float32, 16), 1, 1, 4, 4)), aInts("kernel_shape", 1<<30, 1<<30), aInts("pads", 1<<29, 1<<29, 1<<29, 1<<29), aInt("count_include_pad", 1)), ""},
		{"RoiAlign", one("RoiAlign(w,r,b)", initial("w", tensor.MustFrom(make([]float32, 16), 1, 1, 4, 4)), initial("r", tensor.MustFrom([]float32{0, 0, 1, 1}, 1, 4)), i64("b", 0), aInt("sampling_ratio", 1<<30)), ""},
		{"RoiAlign of a vast region", one("RoiAlign(w,r,b)", initial("w", tensor.MustFrom(make([]float32, 16), 1, 1, 4, 4)), initial("r", tensor.MustFrom([]float32{0, 0, 1e9, 1e9}, 1, 4)), i64("b", 0)), ""},
		{"GIF", one("ImageDecoder(b)", image([]byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00;"))), ""},
		{"BMP", one("ImageDecoder(b)", image([]byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))), " "},
		{"PNM", one("ImageDecoder(b)", image([]byte("P6\n65535 65535\n255\n"))), " "},
	}
	return l
}

// largeModels returns the models with large files.
func largeModels() []large {
	const maxI = int64(math.MaxInt64)
	perm := make([]int64, 1<<20)
	for i := range perm {
		perm[i] = int64(i)
	}
	flat := func(n int) []byte {
		t, _ := tensor.New(tensor.Float32, n)
		return initial("w", t)
	}
	square := func(name string, n int) []byte {
		t, _ := tensor.New(tensor.Float32, 1, 1, n, n)
		return initial(name, t)
	}
	nodes := func(n int, one func(i int) []byte) []byte {
		b := join(xF, node("v0 = Neg(x)"))
		for i := range n {
			b = append(b, one(i)...)
		}
		return model(append(b, out(fmt.Sprintf("v%d", n), graph.Type{})...))
	}
	return []large{
		{"40000 nodes in a row", func() []byte {
			return nodes(40000, func(i int) []byte { return node(fmt.Sprintf("v%d = Add(v%d,x)", i+1, i)) })
		}, ""},
		{"40000 nodes with two outputs", func() []byte {
			return nodes(40000, func(i int) []byte { return node(fmt.Sprintf("v%d,m%d = Dropout(v%d)", i+1, i, i)) })
		}, ""},
		{"20000 nodes that live long", func() []byte {
			return nodes(10000, func(i int) []byte {
				return join(node(fmt.Sprintf("w%d = Exp(v%d)", 10000-i, i)), node(fmt.Sprintf("v%d = Add(v%d,w%d)", i+1, i, 10000-i)))
			})
		}, ""},
		{"Concat of 100000", func() []byte {
			return model(join(xF, yF, node("y = Concat("+strings.TrimSuffix(strings.Repeat("x,", 100000), ",")+")", aInt("axis", 0))))
		}, ""},
		{"10000 constants", func() []byte {
			return nodes(10000, func(i int) []byte {
				return join(i64(fmt.Sprintf("c%d", i), int64(i)), node(fmt.Sprintf("d%d = Cast(c%d)", i, i), aInt("to", 1)), node(fmt.Sprintf("v%d = Add(v%d,d%d)", i+1, i, i)))
			})
		}, ""},
		{"Transpose of 2^20 axes", func() []byte { return one("Transpose(x)", aInts("perm", perm...)) }, " "},
		{"Squeeze of 2^20 axes", func() []byte { return one("Squeeze(x,w)", i64("w", perm...)) }, " "},
		{"Unsqueeze of 2^20 axes", func() []byte { return one("Unsqueeze(x,w)", i64("w", perm...)) }, ""},
		{"Reshape to rank 2^20", func() []byte { return one("Reshape(x,w)", i64("w", perm...)) }, " "},
		{"SplitToSequence of 10^6", func() []byte { return one("SplitToSequence(w)", flat(1000000)) }, ""},
		{"Scan of 10^6", func() []byte {
			return model(join(yF, flat(1000000), node("y = Scan(w)", aInt("num_scan_inputs", 1), aGraph("body", in("a", anyF), out("b", anyF), node("b = Neg(a)")))))
		}, "budget"},
		{"DFT of a prime", func() []byte { return one("DFT(w)", initial("w", ones(1000003))) }, ""},
		{"DFT of a large prime of a run", func() []byte {
			return model(join(yF, in("n", scalar), initial("w", ones(1000003)), node("y = DFT(w)")))
		}, ""},
		{"StringSplit of 10 MB", func() []byte { return oneOf(2, "StringSplit(s)", str("s", commas(10<<20)), aStr("delimiter", " ")) }, ""},
		{"Tokenizer of 10 MB", func() []byte {
			return one("com.microsoft.Tokenizer(s)", str("s", commas(10<<20)), aInt("mark", 1), aInt("mincharnum", 1), aStr("pad_value", "#"), aStrs("separators", ""))
		}, ""},
		{"Tokenizer of 10 MB by expression", func() []byte {
			return one("com.microsoft.Tokenizer(s)", str("s", commas(10<<20)), aInt("mark", 1), aInt("mincharnum", 1), aStr("pad_value", "#"), aStr("tokenexp", "[a-z]*"))
		}, ""},
		{"regular expression on 10 MB", func() []byte {
			return one("RegexFullMatch(s)", str("s", strings.Repeat("a", 10<<20)), aStr("pattern", "(a|aa)+$"))
		}, ""},
		{"regular expression with counts on 10 MB", func() []byte {
			return one("RegexFullMatch(s)", str("s", strings.Repeat("a", 10<<20)), aStr("pattern", "(a?){500}(a*)*b"))
		}, ""},
		{"regular expression of 1 MB", func() []byte {
			return one("RegexFullMatch(s)", str("s", "a"), aStr("pattern", strings.Repeat("(a|b)*", 1<<20/6)))
		}, ""},
		{"StringNormalizer of 10 MB", func() []byte {
			return one("StringNormalizer(s)", str("s", strings.Repeat("ß", 5<<20)), aStr("case_change_action", "UPPER"))
		}, ""},
		{"Conv of large planes", func() []byte { return one("Conv(a,b)", square("a", 1200), square("b", 600)) }, ""},
		{"ConvTranspose of large planes", func() []byte { return one("ConvTranspose(a,b)", square("a", 1000), square("b", 600)) }, ""},
		{"MaxPool of large windows", func() []byte { return one("MaxPool(a)", square("a", 1200), aInts("kernel_shape", 600, 600)) }, ""},
		{"AveragePool of large windows", func() []byte { return one("AveragePool(a)", square("a", 1200), aInts("kernel_shape", 600, 600)) }, ""},
		{"LpPool of large windows", func() []byte { return one("LpPool(a)", square("a", 1200), aInts("kernel_shape", 600, 600)) }, ""},
		{"MatMul", func() []byte { return one("MatMul(a,a)", square("a", 2000)) }, ""},
		{"Det", func() []byte { return one("Det(a)", square("a", 1500)) }, ""},
		{"com.microsoft.Inverse", func() []byte { return one("com.microsoft.Inverse(a)", square("a", 1200)) }, ""},
		{"Einsum of matrices", func() []byte { return one("Einsum(a,a)", square("a", 1500), aStr("equation", "xyij,xyjk->ik")) }, ""},
		{"NonMaxSuppression", func() []byte {
			return one("NonMaxSuppression(b,s,m)", initial("b", mustNew(1, 20000, 4)), initial("s", mustNew(1, 1, 20000)), i0("m", maxI))
		}, ""},
		{"RNN of many steps", func() []byte {
			return one("RNN(w,a,b)", initial("w", mustNew(1000000, 1, 1)), initial("a", mustNew(1, 4, 1)), initial("b", mustNew(1, 4, 4)), aInt("hidden_size", 4))
		}, ""},
		{"Attention", func() []byte { return one("Attention(a,a,a)", square("a", 3000)) }, ""},
		{"Unique", func() []byte { return one("Unique(w)", flat(2000000)) }, ""},
		{"TopK of all", func() []byte { return oneOf(2, "TopK(w,k)", flat(2000000), i64("k", 2000000)) }, ""},
		{"Resize cubic", func() []byte {
			return one("Resize(a,,,s)", square("a", 100), i64("s", 1, 1, 3000, 3000), aStr("mode", "cubic"))
		}, ""},
		{"GridSample", func() []byte {
			return one("GridSample(a,g)", square("a", 100), initial("g", mustNew(1, 1500, 1500, 2)), aStr("mode", "cubic"))
		}, ""},
	}
}

func mustNew(dims ...int) *tensor.Tensor {
	t, err := tensor.New(tensor.Float32, dims...)
	if err != nil {
		panic(err)
	}
	return t
}

// TestHostile opens and runs the table, planned and by definitions: each opens
// within 2 s and runs within 2 s, with a result or an error, in the run's
// budget of memory and the size of the file.
func TestHostile(t *testing.T) {
	measure := !testing.Short() && !raceEnabled
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	var l []large
	for _, h := range hostileModels() {
		l = append(l, large{h.name, func() []byte { return h.model }, h.want})
	}
	if !testing.Short() {
		l = append(l, largeModels()...)
	}
	for _, h := range l {
		for _, reference := range []bool{false, true} {
			name := h.name
			if reference {
				name += " by definition"
			}
			t.Run(name, func(t *testing.T) {
				model := h.build()
				stop := peak()
				start := time.Now()
				err := openAndRun(model, reference)
				took, most := time.Since(start), stop()
				t.Logf("%d bytes: %v, %d MB, %v", len(model), took.Round(time.Millisecond), most>>20, err)
				if bad := broken(err); bad != "" {
					t.Error(bad)
				}
				if h.want != "" && (err == nil || !strings.Contains(err.Error(), h.want)) {
					t.Errorf("error %v, want one with %q", err, h.want)
				}
				if measure && took > 2*caseTime+caseTime/2 { // to open, to run, and a slow machine
					t.Errorf("it took %v", took)
				}
				if limit := int64(modelBytes + len(model) + 32<<20); measure && most > limit {
					t.Errorf("it took %d MB, at most %d are allowed", most>>20, limit>>20)
				}
			})
		}
	}
}

func openAndRun(b []byte, reference bool) error {
	m, in, err := open(b, nil, reference)
	if err != nil || in == nil {
		return err
	}
	defer m.Close()
	_, err = runModel(m, in)
	return err
}

// peak watches the heap; what it returns tells by how much it grew at most.
func peak() func() int64 {
	runtime.GC()
	read := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	base, most := read(), int64(0)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			most = max(most, read()-base)
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	return func() int64 {
		close(done)
		wg.Wait()
		return most
	}
}
