package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/internal/media"
	"github.com/walnut-ai/walnut/tensor"
)

// values collects a value for every input that must be fed.
func (f *runFlags) values(m *walnut.Model) (walnut.Values, error) {
	in := walnut.Values{}
	infos := m.Inputs()
	if f.inputDir != "" {
		if err := f.fromDir(infos, in); err != nil {
			return nil, err
		}
	}
	for _, arg := range f.inputs {
		if err := f.fromFlag(infos, arg, in); err != nil {
			return nil, err
		}
	}
	shapes, err := parseShapes(f.shapes)
	if err != nil {
		return nil, err
	}
	for name := range shapes {
		if find(infos, name) == nil {
			return nil, usageError{fmt.Errorf("--shape: no input %q; %s", name, wants(infos))}
		}
	}
	rng := rand.New(rand.NewPCG(uint64(f.random), 0))
	var missing []string
	for i := range infos {
		x := &infos[i]
		if _, ok := in[x.Name]; ok || x.Optional {
			continue
		}
		if !f.useRandom {
			missing = append(missing, fmt.Sprintf("%q", x.Name))
			continue
		}
		v, err := randomValue(x, shapes[x.Name], rng)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", x.Name, err)
		}
		in[x.Name] = v
	}
	if missing != nil {
		return nil, fmt.Errorf("no value for input %s; %s\ngive --input NAME=FILE, --inputs DIR, or --random SEED to fill them", strings.Join(missing, ", "), wants(infos))
	}
	return in, nil
}

// wants lists what a model takes.
func wants(infos []walnut.Info) string {
	var b strings.Builder
	b.WriteString("the model takes:")
	for _, x := range infos {
		fmt.Fprintf(&b, "\n  %s: %s", x.Name, x.Type)
		if x.Optional {
			b.WriteString(" (has a default)")
		}
	}
	return b.String()
}

func find(infos []walnut.Info, name string) *walnut.Info {
	for i := range infos {
		if infos[i].Name == name {
			return &infos[i]
		}
	}
	return nil
}

// fromFlag reads one --input.
func (f *runFlags) fromFlag(infos []walnut.Info, arg string, in walnut.Values) error {
	name, file, ok := strings.Cut(arg, "=")
	for i := range infos { // names may contain "="
		if strings.HasPrefix(arg, infos[i].Name+"=") && len(infos[i].Name) > len(name) {
			name, file = infos[i].Name, arg[len(infos[i].Name)+1:]
		}
	}
	if !ok {
		if strings.HasSuffix(arg, ".npz") {
			return f.fromNPZ(infos, arg, in)
		}
		if len(infos) != 1 {
			return usageError{fmt.Errorf("--input %q needs NAME=FILE; %s", arg, wants(infos))}
		}
		name, file = infos[0].Name, arg
	}
	x := find(infos, name)
	if x == nil {
		return usageError{fmt.Errorf("--input: no input %q; %s", name, wants(infos))}
	}
	v, err := f.readValue(file, x)
	if err != nil {
		return fmt.Errorf("input %q: %w", name, err)
	}
	in[name] = v
	return nil
}

func (f *runFlags) fromNPZ(infos []walnut.Info, file string, in walnut.Values) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	arrays, err := tensor.ReadNPZ(bytes.NewReader(b), int64(len(b)), tensor.DefaultNPZLimit)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for name, t := range arrays {
		if find(infos, name) == nil {
			return fmt.Errorf("%s: array %q is no input; %s", file, name, wants(infos))
		}
		in[name] = t
	}
	return nil
}

// fromDir reads input_K.* by position and NAME.* by name.
func (f *runFlags) fromDir(infos []walnut.Info, in walnut.Values) error {
	entries, err := os.ReadDir(f.inputDir)
	if err != nil {
		return err
	}
	byStem := map[string]string{}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if knownExt[ext] {
			byStem[strings.TrimSuffix(e.Name(), ext)] = e.Name()
		}
	}
	for i := range infos {
		x := &infos[i]
		file, ok := byStem[fmt.Sprintf("input_%d", i)]
		if !ok {
			file, ok = byStem[x.Name]
		}
		if !ok {
			file, ok = byStem[fileName(x.Name)]
		}
		if !ok {
			continue
		}
		v, err := f.readValue(filepath.Join(f.inputDir, file), x)
		if err != nil {
			return fmt.Errorf("input %q: %w", x.Name, err)
		}
		in[x.Name] = v
	}
	return nil
}

var knownExt = map[string]bool{".npy": true, ".pb": true, ".json": true, ".csv": true, ".txt": true, ".wav": true, ".png": true, ".jpg": true, ".jpeg": true}

// maxInputFile bounds the size of an input file.
const maxInputFile = 1 << 31

// readValue reads a file for input x.
func (f *runFlags) readValue(file string, x *walnut.Info) (tensor.Value, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxInputFile {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", file, st.Size(), int64(maxInputFile))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var v tensor.Value
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".npy":
		v, err = tensor.ParseNPY(b)
	case ".pb":
		v, err = parseProto(b, x)
	case ".json":
		v, err = parseJSON(b, x)
	case ".csv":
		v, err = parseCSV(b, x)
	case ".txt":
		v, err = parseLines(b, x)
	case ".wav":
		v, err = parseWAV(b, x)
	case ".png", ".jpg", ".jpeg":
		var o media.ImageOptions
		if o, err = f.imageOptions(x); err == nil {
			v, err = media.Image(b, o)
		}
	default:
		err = fmt.Errorf("unknown ending %q; known are .npy .npz .pb .json .csv .txt .wav .png .jpg", ext)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

func parseProto(b []byte, x *walnut.Info) (tensor.Value, error) {
	kind := tensor.ProtoTensor
	switch {
	case strings.HasPrefix(x.Type, "seq("):
		kind = tensor.ProtoSequence
	case strings.HasPrefix(x.Type, "map("):
		kind = tensor.ProtoMap
	case strings.HasPrefix(x.Type, "optional("):
		kind = tensor.ProtoOptional
	}
	_, v, err := tensor.ParseValueProto(kind, b)
	return v, err
}

func (f *runFlags) imageOptions(x *walnut.Info) (media.ImageOptions, error) {
	spec := ""
	for _, p := range f.preprocess {
		if rest, ok := strings.CutPrefix(p, x.Name+":"); ok {
			spec = rest
		} else if spec == "" && !strings.Contains(strings.SplitN(p, "=", 2)[0], ":") {
			spec = p
		}
	}
	o, err := media.ParseImageOptions(spec)
	if err == nil && !strings.Contains(spec, "dtype=") && x.DType.Valid() {
		o.DType = x.DType
	}
	return o, err
}

// fit gives n elements the shape that input x declares, if at most one of its
// dimensions is not a number; otherwise they keep dims.
func fit(x *walnut.Info, n int, dims []int) []int {
	if x.Shape == nil || len(x.Shape) == len(dims) {
		return dims
	}
	out := make([]int, len(x.Shape))
	known, open := 1, -1
	for i, d := range x.Shape {
		switch {
		case d.Name == "":
			out[i] = d.Size
			known *= d.Size
		case open < 0:
			open = i
		default: // of several open dimensions the last takes the elements, the others are 1
			out[open] = 1
			open = i
		}
	}
	if open >= 0 && known > 0 && n%known == 0 {
		out[open] = n / known
		known *= out[open]
	}
	if known != n {
		return dims
	}
	return out
}

// floatsFor stores f in a tensor of x's element type.
func floatsFor(x *walnut.Info, f []float64, dims []int) (tensor.Value, error) {
	dt := x.DType
	if !dt.Valid() {
		dt = tensor.Float32
	}
	t, err := tensor.New(dt, fit(x, len(f), dims)...)
	if err != nil {
		return nil, err
	}
	if t.Len() != len(f) {
		return nil, fmt.Errorf("%d values for %v", len(f), t)
	}
	t.SetFloats(f)
	return t, nil
}

func parseWAV(b []byte, x *walnut.Info) (tensor.Value, error) {
	a, err := media.WAV(b)
	if err != nil {
		return nil, err
	}
	mono := a.Mono()
	f := make([]float64, len(mono))
	for i, v := range mono {
		f[i] = float64(v)
	}
	return floatsFor(x, f, []int{len(f)})
}

func parseLines(b []byte, x *walnut.Info) (tensor.Value, error) {
	text := strings.ReplaceAll(strings.TrimSuffix(string(b), "\n"), "\r\n", "\n")
	var l []string
	if text != "" {
		l = strings.Split(text, "\n")
	}
	if x.DType != tensor.String {
		f := make([]float64, len(l))
		for i, s := range l {
			var err error
			if f[i], err = strconv.ParseFloat(strings.TrimSpace(s), 64); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
		}
		return floatsFor(x, f, []int{len(f)})
	}
	return tensor.FromStrings(l, fit(x, len(l), []int{len(l)})...)
}

// parseCSV reads rows of numbers (strings for a string input). A first row that
// holds no numbers is a header.
func parseCSV(b []byte, x *walnut.Info) (tensor.Value, error) {
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) > 0 && x.DType != tensor.String {
		if _, err := strconv.ParseFloat(strings.TrimSpace(rows[0][0]), 64); err != nil {
			rows = rows[1:]
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("no rows")
	}
	dims := []int{len(rows), len(rows[0])}
	var f []float64
	var s []string
	for i, r := range rows {
		for k, cell := range r {
			if x.DType == tensor.String {
				s = append(s, cell)
				continue
			}
			v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
			if err != nil {
				return nil, fmt.Errorf("row %d, column %d: %w", i+1, k+1, err)
			}
			f = append(f, v)
		}
	}
	if x.DType == tensor.String {
		return tensor.FromStrings(s, fit(x, len(s), dims)...)
	}
	return floatsFor(x, f, dims)
}

// parseShapes reads --shape flags.
func parseShapes(l []string) (map[string][]int, error) {
	m := map[string][]int{}
	for _, s := range l {
		i := strings.LastIndex(s, "=")
		if i < 0 {
			return nil, usageError{fmt.Errorf("--shape %q, must be NAME=D,D,...", s)}
		}
		dims := []int{}
		for _, p := range strings.Split(s[i+1:], ",") {
			if p == "" {
				continue
			}
			d, err := strconv.Atoi(p)
			if err != nil || d < 0 {
				return nil, usageError{fmt.Errorf("--shape %q: %q is no dimension", s, p)}
			}
			dims = append(dims, d)
		}
		m[s[:i]] = dims
	}
	return m, nil
}

// randomValue makes a value for x: floats from a standard normal distribution,
// integers 0 or 1, empty sequences and optionals. Dimensions with a name are 1
// unless dims says otherwise.
func randomValue(x *walnut.Info, dims []int, rng *rand.Rand) (tensor.Value, error) {
	switch {
	case strings.HasPrefix(x.Type, "seq("):
		return &tensor.Sequence{Elem: tensor.Float32}, nil
	case strings.HasPrefix(x.Type, "optional("):
		return &tensor.Optional{}, nil
	case !x.DType.Valid():
		return nil, fmt.Errorf("can't make up a value of type %s", x.Type)
	}
	if dims == nil {
		for _, d := range x.Shape {
			n := d.Size
			if d.Name != "" {
				n = 1
			}
			dims = append(dims, n)
		}
	}
	t, err := tensor.New(x.DType, dims...)
	if err != nil {
		return nil, err
	}
	if x.DType == tensor.String {
		return t, nil
	}
	for i := range t.Len() {
		switch {
		case x.DType.IsFloat() || x.DType.Class() == tensor.ClassComplex:
			t.SetFloatAt(i, rng.NormFloat64())
		default:
			t.SetIntAt(i, int64(rng.IntN(2)))
		}
	}
	return t, nil
}

// measureMemory runs a model once on made-up inputs and returns its counters.
func (f *runFlags) measureMemory(ctx context.Context, path string) (*walnut.Memory, error) {
	f.useRandom = true
	m, err := f.open(path, false)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	in, err := f.values(m)
	if err != nil {
		return nil, err
	}
	for range 2 { // the second run shows what is reused
		if _, err := m.Run(ctx, in); err != nil {
			return nil, err
		}
	}
	mem := m.Memory()
	sort.Slice(mem.Plans, func(i, j int) bool { return mem.Plans[i].Graph < mem.Plans[j].Graph })
	return &mem, nil
}
