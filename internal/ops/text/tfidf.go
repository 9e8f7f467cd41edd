package text

import (
	"encoding/binary"
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// tfIdfVectorizer is TfIdfVectorizer: it counts the n-grams of a pool in each
// row, with up to skip items left out between neighbours.
type tfIdfVectorizer struct {
	mode        string
	least, most int // lengths of n-grams that count
	skip        int
	strs        map[string]int32 // item -> number
	ints        map[int64]int32
	grams       map[string]int // numbers of the items, 4 bytes each -> n-gram in the pool
	columns     []int64        // output column of an n-gram
	weights     []float32
	width       int
}

var tfIdfVectorizerDef = &op.Def{Name: "TfIdfVectorizer", New: func(a *op.Args) (op.Op, error) {
	o := &tfIdfVectorizer{mode: a.OneOf("mode", "TF", "TF", "IDF", "TFIDF"), least: a.Int("min_gram_length", 1), most: a.Int("max_gram_length", 1),
		skip: a.Int("max_skip_count", 0), columns: a.Int64s("ngram_indexes"), weights: a.Floats("weights"),
		strs: map[string]int32{}, ints: map[int64]int32{}, grams: map[string]int{}}
	counts := a.Ints("ngram_counts")
	if o.least < 1 || o.most < o.least || o.most > len(counts) || o.skip < 0 {
		return nil, fmt.Errorf("min_gram_length %d, max_gram_length %d, max_skip_count %d don't fit %d ngram_counts", o.least, o.most, o.skip, len(counts))
	}
	for _, c := range o.columns {
		if c < 0 || c >= 1<<31-1 {
			return nil, fmt.Errorf("ngram_indexes has %d", c)
		}
		o.width = max(o.width, int(c)+1)
	}
	if len(o.weights) > 0 && len(o.weights) != len(o.columns) {
		return nil, fmt.Errorf("%d weights for %d ngram_indexes", len(o.weights), len(o.columns))
	}
	ps, pi := a.Strings("pool_strings"), a.Int64s("pool_int64s")
	if (len(ps) > 0) == (len(pi) > 0) {
		return nil, fmt.Errorf("exactly one of the attributes pool_strings and pool_int64s must have values")
	}
	items := make([]int32, 0, len(ps)+len(pi))
	for _, s := range ps {
		items = append(items, number(o.strs, s))
	}
	for _, v := range pi {
		items = append(items, number(o.ints, v))
	}
	return o, o.addPool(counts, items)
}}

// number returns the number of k, giving it the next one if it is new.
func number[K comparable](m map[K]int32, k K) int32 {
	n, ok := m[k]
	if !ok {
		n = int32(len(m))
		m[k] = n
	}
	return n
}

// addPool cuts the pool into n-grams: those of length n start at counts[n-1].
func (o *tfIdfVectorizer) addPool(counts []int, items []int32) error {
	id := 0
	for i, from := range counts {
		n, to := i+1, len(items)
		if i+1 < len(counts) {
			to = counts[i+1]
		}
		if from < 0 || to < from || to > len(items) || (to-from)%n != 0 {
			return fmt.Errorf("ngram_counts %v don't cut a pool of %d items into n-grams", counts, len(items))
		}
		for ; from < to; from += n {
			if id >= len(o.columns) {
				return fmt.Errorf("the pool has more n-grams than the %d ngram_indexes", len(o.columns))
			}
			if n >= o.least && n <= o.most {
				k := string(key(nil, items[from:from+n]))
				if _, ok := o.grams[k]; ok {
					return fmt.Errorf("the pool has an n-gram of %d items twice", n)
				}
				o.grams[k] = id
			}
			id++
		}
	}
	return nil
}

func key(dst []byte, items []int32) []byte {
	for _, v := range items {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
	}
	return dst
}

func (o *tfIdfVectorizer) Infer(c *op.Infer) error {
	s := c.Shape(0)
	switch {
	case s == nil:
	case len(s) > 2:
		return fmt.Errorf("input is %v, must be [C] or [N, C]", s)
	case len(s) == 2:
		c.Out(0, tensor.Float32, graph.Shape{s[0], graph.D(o.width)})
	default:
		c.Out(0, tensor.Float32, graph.Shape{graph.D(o.width)})
	}
	return nil
}

func (o *tfIdfVectorizer) Eval(e *op.Eval) error {
	x := e.In(0)
	if (x.DType() == tensor.String) != (len(o.strs) > 0) {
		return fmt.Errorf("input is %v, the pool has other items", x)
	}
	rows, dims := 1, []int{o.width}
	switch x.Rank() {
	case 0, 1:
	case 2:
		rows = x.Shape()[0]
		dims = []int{rows, o.width}
	default:
		return fmt.Errorf("input is %v, must be [C] or [N, C]", x)
	}
	y, err := e.Out(0, tensor.Float32, dims...)
	if err != nil {
		return err
	}
	if rows == 0 {
		return nil
	}
	n := x.Len() / rows
	tmp, err := e.Temp(tensor.Int32, n)
	if err != nil {
		return err
	}
	items := tensor.Of[int32](tmp)
	counts := make([]int64, len(o.columns))
	for r := range rows {
		o.read(items, x, r)
		clear(counts)
		if err := o.count(e, counts, items); err != nil {
			return err
		}
		o.store(y, r, counts)
	}
	return nil
}

// read numbers the items of row r; -1 stands for one that is not in the pool.
func (o *tfIdfVectorizer) read(dst []int32, x *tensor.Tensor, r int) {
	for j := range dst {
		var k int32
		var ok bool
		if x.DType() == tensor.String {
			k, ok = o.strs[x.Str(r*len(dst)+j)]
		} else {
			k, ok = o.ints[x.IntAt(r*len(dst)+j)]
		}
		if !ok {
			k = -1
		}
		dst[j] = k
	}
}

// count counts the n-grams of a row. Single items count once, whatever the skip.
func (o *tfIdfVectorizer) count(e *op.Eval, counts []int64, items []int32) error {
	if o.least == 1 {
		if err := e.Tick(len(items)); err != nil {
			return err
		}
		for i := range items {
			if id, ok := o.grams[string(key(nil, items[i:i+1]))]; ok {
				counts[id]++
			}
		}
	}
	var buf []byte
	least := max(o.least, 2)
	for dist := 1; dist-1 <= o.skip && (len(items)-1)/dist >= least-1; dist++ {
		for i := range items {
			buf = buf[:0]
			steps := 0
			for n, j := 1, i; n <= o.most && j < len(items) && items[j] >= 0; n, j = n+1, j+dist {
				buf = binary.LittleEndian.AppendUint32(buf, uint32(items[j]))
				if n >= least {
					if id, ok := o.grams[string(buf)]; ok {
						counts[id]++
					}
				}
				steps++
			}
			if err := e.Tick(1 + steps*steps/2); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *tfIdfVectorizer) store(y *tensor.Tensor, r int, counts []int64) {
	row := make([]float64, o.width)
	for id, n := range counts {
		if n == 0 {
			continue
		}
		v := float64(n)
		if o.mode == "IDF" {
			v = 1
		}
		if o.mode != "TF" && len(o.weights) > 0 {
			v *= float64(o.weights[id])
		}
		if c := o.columns[id]; o.mode != "IDF" || row[c] == 0 { // presence counts once a column
			row[c] += v
		}
	}
	for j, v := range row {
		y.SetFloatAt(r*o.width+j, v)
	}
}
