package text

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value
type attrs = []graph.Attr

func strs(s ...string) *tensor.Tensor { return optest.Strings(s, len(s)) }

func TestStrings(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "concat broadcast", Op: "StringConcat", Inputs: vals{strs("a", "b"), optest.Strings([]string{"x", "y"}, 2, 1)},
			Want: vals{optest.Strings([]string{"ax", "bx", "ay", "by"}, 2, 2)}},
		{Name: "concat scalar", Op: "StringConcat", Inputs: vals{optest.Strings([]string{"é"}), optest.Strings([]string{"ß"})}, Want: vals{optest.Strings([]string{"éß"})}},
		{Name: "concat empty", Op: "StringConcat", Inputs: vals{optest.Strings(nil, 0), strs("x")}, Want: vals{optest.Strings(nil, 0)}},
		{Name: "concat mismatch", Op: "StringConcat", Inputs: vals{strs("a", "b"), strs("a", "b", "c")}, Err: "broadcast"},

		{Name: "split white space", Op: "StringSplit", Inputs: vals{strs(" a\t b ", "", "c")},
			Want: vals{optest.Strings([]string{"a", "b", "", "", "c", ""}, 3, 2), optest.T([]int64{2, 0, 1}, 3)}},
		{Name: "split white space once", Op: "StringSplit", Attrs: attrs{optest.Int("maxsplit", 1)}, Inputs: vals{strs("  1  2   3  ")}, // by the text, unlike Python: trailing white space is removed
			Want: vals{optest.Strings([]string{"1", "2   3"}, 1, 2), optest.T([]int64{2}, 1)}},
		{Name: "split keeps empty parts", Op: "StringSplit", Attrs: attrs{optest.Str("delimiter", "--"), optest.Int("maxsplit", 2)}, Inputs: vals{strs("--a----b--")},
			Want: vals{optest.Strings([]string{"", "a", "--b--"}, 1, 3), optest.T([]int64{3}, 1)}},
		{Name: "split nothing", Op: "StringSplit", Inputs: vals{optest.Strings(nil, 0, 3)}, Want: vals{optest.Strings(nil, 0, 3, 0), optest.T([]int64{}, 0, 3)}},
		{Name: "split scalar", Op: "StringSplit", Attrs: attrs{optest.Str("delimiter", ",")}, Inputs: vals{optest.Strings([]string{"a,b"})},
			Want: vals{strs("a", "b"), optest.T([]int64{2})}},

		{Name: "normalize", Op: "StringNormalizer", Attrs: attrs{optest.Str("case_change_action", "LOWER"), optest.Strs("stopwords", "b")}, Inputs: vals{strs("Ä", "a", "B")},
			Want: vals{strs("ä", "a")}},
		{Name: "normalize in C", Op: "StringNormalizer", Attrs: attrs{optest.Str("case_change_action", "LOWER"), optest.Strs("stopwords", "b"), optest.Str("locale", "C")},
			Inputs: vals{strs("Ä", "a", "B")}, Want: vals{strs("Ä", "a")}},
		{Name: "normalize case-sensitive", Op: "StringNormalizer", Attrs: attrs{optest.Int("is_case_sensitive", 1), optest.Str("case_change_action", "UPPER"), optest.Strs("stopwords", "b")},
			Inputs: vals{optest.Strings([]string{"b", "B"}, 1, 2)}, Want: vals{optest.Strings([]string{"B"}, 1, 1)}},
		{Name: "normalize all away", Op: "StringNormalizer", Attrs: attrs{optest.Strs("stopwords", "b")}, Inputs: vals{optest.Strings([]string{"b", "B"}, 1, 2)},
			Want: vals{optest.Strings([]string{""}, 1, 1)}},
		{Name: "normalize rank", Op: "StringNormalizer", Inputs: vals{optest.Strings([]string{"b", "B"}, 2, 1)}, Err: "[1, C]"},
		{Name: "normalize bad UTF-8", Op: "StringNormalizer", Attrs: attrs{optest.Str("case_change_action", "UPPER")}, Inputs: vals{strs("\xff")}, Err: "UTF-8"},

		{Name: "regex", Op: "RegexFullMatch", Attrs: attrs{optest.Str("pattern", "a|ab")}, Inputs: vals{strs("ab", "abc", "ab\n")},
			Want: vals{optest.T([]bool{true, false, false}, 3)}},
		{Name: "regex unbalanced", Op: "RegexFullMatch", Attrs: attrs{optest.Str("pattern", "a)(b")}, Inputs: vals{strs("ab")}, Err: "unexpected )"},
		{Name: "regex missing", Op: "RegexFullMatch", Inputs: vals{strs("ab")}, Err: "pattern"},
	})
}

func TestTokenizer(t *testing.T) {
	base := func(mark, least int64, more ...graph.Attr) attrs {
		return append(attrs{optest.Int("mark", mark), optest.Int("mincharnum", least), optest.Str("pad_value", "#")}, more...)
	}
	const d = "com.microsoft"
	optest.Run(t, Table, []optest.Case{ // values of ONNX Runtime 1.32
		{Name: "separators", Domain: d, Op: "Tokenizer", Attrs: base(1, 1, optest.Strs("separators", " ")), Inputs: vals{strs("a b c", "x", "")},
			Want: vals{optest.Strings([]string{"\x02", "a", "b", "c", "\x03", "\x02", "x", "\x03", "#", "#", "\x02", "\x03", "#", "#", "#"}, 3, 5)}},
		{Name: "mincharnum", Domain: d, Op: "Tokenizer", Attrs: base(0, 2, optest.Strs("separators", " ", ",")), Inputs: vals{strs("a  bc,d", "x")},
			Want: vals{optest.Strings([]string{"bc", "#"}, 2, 1)}},
		{Name: "characters", Domain: d, Op: "Tokenizer", Attrs: base(1, 1, optest.Strs("separators", "")), Inputs: vals{optest.Strings([]string{"añb", "x"}, 1, 2)},
			Want: vals{optest.Strings([]string{"\x02", "a", "ñ", "b", "\x03", "\x02", "x", "\x03", "#", "#"}, 1, 2, 5)}},
		{Name: "expression", Domain: d, Op: "Tokenizer", Attrs: base(0, 2, optest.Str("tokenexp", "[a-z]+")), Inputs: vals{strs("ab c def", "")},
			Want: vals{optest.Strings([]string{"ab", "def", "#", "#"}, 2, 2)}},
		{Name: "no tokens", Domain: d, Op: "Tokenizer", Attrs: base(1, 1, optest.Strs("separators", " ")), Inputs: vals{strs(" ", "")}, Want: vals{optest.Strings(nil, 2, 0)}},
		{Name: "empty", Domain: d, Op: "Tokenizer", Attrs: base(1, 1, optest.Strs("separators", " ")), Inputs: vals{optest.Strings(nil, 0)}, Want: vals{optest.Strings(nil, 0, 0)}},
		{Name: "boundary", Domain: d, Op: "Tokenizer", Attrs: base(0, 1, optest.Str("tokenexp", `\bb`)), Inputs: vals{strs("b bb ab")}, Want: vals{optest.Strings([]string{"b", "b"}, 1, 2)}},
		{Name: "no attributes", Domain: d, Op: "Tokenizer", Attrs: base(0, 1), Inputs: vals{strs("a")}, Err: "separators"},
		{Name: "rank", Domain: d, Op: "Tokenizer", Attrs: base(0, 1, optest.Strs("separators", " ")), Inputs: vals{optest.Strings([]string{"a"})}, Err: "[N, C]"},
	})
}

func TestMurmur(t *testing.T) {
	const d = "com.microsoft"
	seed, signed := attrs{optest.Int("seed", 5)}, attrs{optest.Int("positive", 0)}
	optest.Run(t, Table, []optest.Case{ // values of ONNX Runtime 1.32
		{Name: "strings", Domain: d, Op: "MurmurHash3", Inputs: vals{strs("", "a", "abcdefg")}, Want: vals{optest.T([]uint32{0, 1009084850, 2285673222}, 3)}},
		{Name: "int32", Domain: d, Op: "MurmurHash3", Attrs: seed, Inputs: vals{optest.T([]int32{1, 7}, 2)}, Want: vals{optest.T([]uint32{51827383, 1836245473}, 2)}},
		{Name: "uint32", Domain: d, Op: "MurmurHash3", Attrs: signed, Inputs: vals{optest.T([]uint32{1, 7}, 2)}, Want: vals{optest.T([]int32{-68075478, 1343918321}, 2)}},
		{Name: "int64", Domain: d, Op: "MurmurHash3", Attrs: signed, Inputs: vals{optest.T([]int64{1, 7}, 2)}, Want: vals{optest.T([]int32{1392991556, -137604029}, 2)}},
		{Name: "float", Domain: d, Op: "MurmurHash3", Attrs: seed, Inputs: vals{optest.T([]float32{1, 7}, 2)}, Want: vals{optest.T([]uint32{4291622742, 3847119799}, 2)}},
		{Name: "double", Domain: d, Op: "MurmurHash3", Attrs: signed, Inputs: vals{optest.T([]float64{1, 7}, 2)}, Want: vals{optest.T([]int32{-142385009, 785381853}, 2)}},
		{Name: "none", Domain: d, Op: "MurmurHash3", Inputs: vals{optest.T([]float64{}, 0, 2)}, Want: vals{optest.T([]uint32{}, 0, 2)}},
	})
}

func TestTfIdf(t *testing.T) {
	with := func(mode string, columns ...int64) attrs {
		return attrs{optest.Int("min_gram_length", 1), optest.Int("max_gram_length", 2), optest.Int("max_skip_count", 1), optest.Ints("ngram_counts", 0, 2),
			optest.Ints("ngram_indexes", columns...), optest.Ints("pool_int64s", 5, 6, 5, 6), optest.Floats("weights", 1, 10, 100), optest.Str("mode", mode)}
	}
	x := optest.T([]int64{5, 5, 6, 7, 5}, 1, 5)
	many := with("TF", 2, 0, 1)
	many[2] = optest.Int("max_skip_count", 1<<30)
	bad := with("TF", 2, 0, 1)
	bad[3] = optest.Ints("ngram_counts", 0, 1)
	optest.Run(t, Table, []optest.Case{ // values of ONNX Runtime 1.32
		{Name: "TF", Op: "TfIdfVectorizer", Attrs: with("TF", 2, 0, 1), Inputs: vals{x}, Want: vals{optest.T([]float32{1, 2, 3}, 1, 3)}},
		{Name: "IDF", Op: "TfIdfVectorizer", Attrs: with("IDF", 2, 0, 1), Inputs: vals{x}, Want: vals{optest.T([]float32{10, 100, 1}, 1, 3)}},
		{Name: "TFIDF int32", Op: "TfIdfVectorizer", Attrs: with("TFIDF", 2, 0, 1), Inputs: vals{optest.T([]int32{5, 5, 6, 7, 5}, 5)}, Want: vals{optest.T([]float32{10, 200, 3}, 3)}},
		{Name: "shared column", Op: "TfIdfVectorizer", Attrs: with("TF", 0, 0, 1), Inputs: vals{x}, Want: vals{optest.T([]float32{4, 2}, 1, 2)}},
		{Name: "shared column IDF", Op: "TfIdfVectorizer", Attrs: with("IDF", 0, 0, 1), Inputs: vals{x}, Want: vals{optest.T([]float32{1, 100}, 1, 2)}},
		{Name: "no items", Op: "TfIdfVectorizer", Attrs: with("TF", 0, 1, 2), Inputs: vals{optest.T([]int64{}, 2, 0)}, Want: vals{optest.T(make([]float32, 6), 2, 3)}},
		{Name: "no rows", Op: "TfIdfVectorizer", Attrs: with("TF", 0, 1, 2), Inputs: vals{optest.T([]int64{}, 0, 4)}, Want: vals{optest.T([]float32{}, 0, 3)}},
		{Name: "large skip ends", Op: "TfIdfVectorizer", Attrs: many, Inputs: vals{x}, Want: vals{optest.T([]float32{1, 2, 3}, 1, 3)}},
		{Name: "uneven pool", Op: "TfIdfVectorizer", Attrs: bad, Inputs: vals{x}, Err: "ngram_counts"},
		{Name: "strings", Op: "TfIdfVectorizer", Attrs: with("TF", 2, 0, 1), Inputs: vals{strs("5")}, Err: "other items"},
	})
}
