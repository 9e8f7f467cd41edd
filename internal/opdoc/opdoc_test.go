package opdoc

import (
	"os"
	"testing"

	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops"
)

// TestDocInSync compares docs/operators.md with the catalogue.
func TestDocInSync(t *testing.T) {
	b, err := os.ReadFile("../../docs/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != Markdown(Rows()) {
		t.Error("docs/operators.md is out of date: go run ./cmd/walnut ops --markdown > docs/operators.md")
	}
}

// TestComplete checks that every operator of the standard is in the catalogue.
func TestComplete(t *testing.T) {
	for _, d := range []string{"", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.preview"} {
		for _, n := range schema.Names(d) {
			if ops.Catalog().Find(d, n) == nil {
				t.Errorf("%s %s is not in the catalogue", d, n)
			}
		}
	}
	for _, n := range contrib {
		if ops.Catalog().Find("com.microsoft", n) == nil {
			t.Errorf("com.microsoft %s is not in the catalogue", n)
		}
	}
}

// TestSchemas checks that every definition has a schema.
func TestSchemas(t *testing.T) {
	for _, d := range ops.Catalog().All() {
		if len(schema.Versions(d.Domain, d.Name)) == 0 {
			t.Errorf("%s %s has no schema", d.Domain, d.Name)
		}
	}
}

// contrib lists the operators of com.microsoft that Walnut promises.
var contrib = []string{
	"Attention", "MultiHeadAttention", "GroupQueryAttention", "DecoderMaskedMultiHeadAttention", "PackedAttention",
	"PackedMultiHeadAttention", "RelativePositionBias", "GatedRelativePositionBias", "RotaryEmbedding", "EmbedLayerNormalization",
	"SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "Gelu", "FastGelu", "BiasGelu",
	"QuickGelu", "BiasSoftmax", "BiasAdd", "BiasSplitGelu", "GroupNorm", "FusedMatMul", "TransposeMatMul", "FusedConv", "FusedGemm",
	"NhwcConv", "NhwcMaxPool", "MatMulNBits", "MatMulBnb4", "GatherBlockQuantized", "QuantizeLinear", "DequantizeLinear",
	"DynamicQuantizeMatMul", "MatMulIntegerToFloat", "DynamicQuantizeLSTM", "QAttention", "QEmbedLayerNormalization", "QLinearAdd",
	"QLinearMul", "QLinearConcat", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearWhere", "QLinearReduceMean",
	"QLinearAveragePool", "QLinearGlobalAveragePool", "QGemm", "QMoE", "MoE", "Inverse", "Trilu", "Unique", "ExpandDims", "Pad",
	"Range", "GridSample", "CropAndResize", "NGramRepeatBlock", "WordConvEmbedding", "Tokenizer", "MurmurHash3",
	"ConvTransposeWithDynamicPads", "SparseToDenseMatMul", "CDist", "BitmaskDropout",
}
