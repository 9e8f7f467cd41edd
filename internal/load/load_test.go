package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/mem"
	"github.com/walnut-ai/walnut/internal/testutil"
	"github.com/walnut-ai/walnut/tensor"
)

func tag(b []byte, num protowire.Number, v any) []byte {
	switch v := v.(type) {
	case int:
		return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
	case string:
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v.([]byte))
}

// externalTensor is a TensorProto uint8[n] with external_data entries.
func externalTensor(n int, kv ...string) []byte {
	b := tag(tag(tag(tag(nil, 1, n), 2, 2), 8, "w"), 14, 1)
	for i := 0; i < len(kv); i += 2 {
		b = tag(b, 13, tag(tag(nil, 1, kv[i]), 2, kv[i+1]))
	}
	return b
}

// places are the ways that a tensor gets into a model.
var places = map[string]func(tensor []byte) []byte{
	"initializer": func(t []byte) []byte { return tag(nil, 5, t) },
	"sparse":      func(t []byte) []byte { return tag(nil, 15, tag(tag(tag(nil, 1, t), 2, indices), 3, 9)) },
	"attribute":   func(t []byte) []byte { return constant(tag(tag(nil, 1, "value"), 5, t)) },
	"tensors":     func(t []byte) []byte { return constant(tag(tag(nil, 1, "value"), 10, t)) },
	"sparse_value": func(t []byte) []byte {
		return constant(tag(tag(nil, 1, "sparse_value"), 22, tag(tag(tag(nil, 1, t), 2, indices), 3, 9)))
	},
	"body": func(t []byte) []byte { return constant(tag(tag(nil, 1, "then_branch"), 6, tag(nil, 5, t))) },
	"indices": func(t []byte) []byte {
		values := tag(tag(tag(tag(nil, 1, 4), 2, 2), 8, "w"), 9, "abcd")
		return tag(nil, 15, tag(tag(tag(nil, 1, values), 2, t), 3, 9))
	},
}

// indices are 0, 1, 2, 3.
var indices = tag(tag(tag(nil, 1, 4), 2, 7), 7, []byte{0, 1, 2, 3})

func constant(attr []byte) []byte {
	return tag(nil, 1, tag(tag(tag(nil, 2, "c"), 4, "Constant"), 5, attr))
}

func model(graph []byte) []byte {
	return tag(tag(tag(nil, 1, 8), 8, tag(nil, 2, 17)), 7, graph)
}

// TestExternalData tries each hostile location at each place where a tensor can
// be, with files that would satisfy it.
func TestExternalData(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "model")
	secret := filepath.Join(root, "secret.bin")
	for path, s := range map[string]string{secret: "SECRET", filepath.Join(dir, "w.bin"): "0123", filepath.Join(dir, "sub", "w.bin"): "0123",
		filepath.Join(dir, "twin.bin"): "SECRET", filepath.Join(dir, "short.bin"): "012"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		kv   []string
		want string // empty: it loads
	}{
		{"plain", []string{"location", "w.bin"}, ""},
		{"dot", []string{"location", "./w.bin"}, ""},
		{"folder", []string{"location", "sub/w.bin", "offset", "0", "length", "4"}, ""},
		{"unknown keys", []string{"location", "w.bin", "__class__", "x", "basepath", "/etc", "mode", "rw"}, ""},
		{"checksum", []string{"location", "w.bin", "checksum", "1af4041bf86d03bcfe7ff5b73dad6120d32b03f5"}, "SHA-1"},
		{"right checksum", []string{"location", "w.bin", "checksum", "C4B5C86BD577DA3D93FEA7C89CBA61C78B48E589"}, ""},
		{"missing", []string{"location", "missing.bin"}, "missing.bin"},
		{"no location", []string{"offset", "0"}, "no location"},
		{"empty location", []string{"location", ""}, "no location"},
		{"two locations", []string{"location", "w.bin", "location", "../secret.bin"}, "two locations"},
		{"up", []string{"location", "../secret.bin"}, `".."`},
		{"down and up", []string{"location", "sub/../w.bin"}, `".."`},
		{"far up", []string{"location", "sub/../../secret.bin"}, `".."`},
		{"absolute", []string{"location", secret}, "external data location"},
		{"proc", []string{"location", "/proc/self/fd/0"}, "absolute"},
		{"backslash", []string{"location", `..\secret.bin`}, "backslash"},
		{"drive", []string{"location", "C:secret.bin"}, "colon"},
		{"NUL", []string{"location", "w.bin\x00.txt"}, "control"},
		{"newline", []string{"location", "w.bin\n"}, "control"},
		{"empty part", []string{"location", "sub//w.bin"}, "empty part"},
		{"slash at the end", []string{"location", "w.bin/"}, "empty part"},
		{"dot only", []string{"location", "."}, "names no file"},
		{"the folder", []string{"location", "sub"}, "regular file"},
		{"too short", []string{"location", "short.bin"}, "needs 4 bytes at offset 0"},
		{"offset 1", []string{"location", "w.bin", "offset", "1"}, "offset 1 of"},
		{"offset at end", []string{"location", "w.bin", "offset", "4"}, "offset 4 of"},
		{"offset max", []string{"location", "w.bin", "offset", "9223372036854775807"}, "offset 9223372036854775807"},
		{"offset too large", []string{"location", "w.bin", "offset", "9223372036854775808"}, "offset is"},
		{"offset -1", []string{"location", "w.bin", "offset", "-1"}, "offset is"},
		{"offset text", []string{"location", "w.bin", "offset", "1e3"}, "offset is"},
		{"length -1", []string{"location", "w.bin", "length", "-1"}, "length is"},
		{"length 0", []string{"location", "w.bin", "length", "0"}, "length 0"},
		{"length 3", []string{"location", "w.bin", "length", "3"}, "length 3"},
		{"length 5", []string{"location", "w.bin", "length", "5"}, "length 5"},
		{"petabyte", []string{"location", "w.bin", "length", "1125899906842624"}, "length 1125899906842624"},
		{"length max", []string{"location", "w.bin", "offset", "1", "length", "9223372036854775807"}, "length 9223372036854775807"},
		{"long", []string{"location", strings.Repeat("a/", 600) + "b"}, "too long"},
	}
	links := map[string][]string{}
	if os.Symlink(secret, filepath.Join(dir, "link.bin")) == nil && os.Symlink(root, filepath.Join(dir, "up")) == nil &&
		os.Symlink("w.bin", filepath.Join(dir, "inner.bin")) == nil && os.Symlink("sub", filepath.Join(dir, "inner")) == nil {
		links["link"] = []string{"link.bin", "up/secret.bin", "inner.bin", "inner/w.bin"}
	}
	if os.Link(filepath.Join(dir, "twin.bin"), filepath.Join(root, "twin")) == nil {
		links["hard link"] = []string{"twin.bin"}
	}
	for what, locs := range links {
		for _, loc := range locs {
			tests = append(tests, struct {
				name string
				kv   []string
				want string
			}{what + " " + loc, []string{"location", loc}, "link"})
		}
	}
	before := mem.Total()
	for place, put := range places {
		for _, tt := range tests {
			t.Run(place+"/"+tt.name, func(t *testing.T) {
				tensor, want := externalTensor(4, tt.kv...), tt.want
				if place == "indices" && want == "" {
					want = "indices"
				}
				path := filepath.Join(dir, "m.onnx")
				if err := os.WriteFile(path, model(put(tensor)), 0o600); err != nil {
					t.Fatal(err)
				}
				m, src, err := File(path)
				if want == "" {
					if err != nil {
						t.Fatal(err)
					}
					src.Close()
					return
				}
				if err == nil {
					src.Close()
					t.Fatalf("no error, read %v", m.Graph)
				}
				if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m.onnx") {
					t.Errorf("error %q, want %q in it", err, want)
				}
				if strings.Contains(err.Error(), "SECRET") {
					t.Errorf("error tells what is in the file: %v", err)
				}
			})
		}
	}
	if after := mem.Total(); after != before {
		t.Errorf("%+v is left open, %+v was", after, before)
	}
}

func TestSources(t *testing.T) {
	path := testutil.Shared(t, "models", "external_data", "model.onnx")
	check := func(m *graph.Model, src *mem.Source, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		if src.Size().Sources < 3 || len(m.Graph.Nodes) != 11 {
			t.Errorf("%+v, %d nodes", src.Size(), len(m.Graph.Nodes))
		}
	}
	check(File(path))
	check(FS(os.DirFS(filepath.Dir(filepath.Dir(path))), "external_data/model.onnx"))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Bytes("bytes", b); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("external data of bytes: %v", err)
	}
}

func TestFS(t *testing.T) {
	w := externalTensor(4, "location", "w.bin")
	fsys := fstest.MapFS{
		"a/m.onnx": {Data: model(places["initializer"](w))}, "a/w.bin": {Data: []byte("0123")},
		"b/m.onnx": {Data: model(places["initializer"](w))}, "b/w.bin": {Data: []byte("../a/w.bin"), Mode: fs.ModeSymlink},
		"c/m.onnx": {Data: model(places["initializer"](w))},
	}
	if _, src, err := FS(fsys, "a/m.onnx"); err != nil || src.Size().Sources != 2 {
		t.Error(err)
	}
	if _, _, err := FS(fsys, "b/m.onnx"); !errors.Is(err, mem.ErrLink) {
		t.Errorf("symbolic link: %v", err)
	}
	for _, name := range []string{"c/m.onnx", "d/m.onnx", "a", "../a/m.onnx"} {
		if _, _, err := FS(fsys, name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSniff(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "empty"},
		{"GGUF\x03\x00\x00\x00", "GGUF"},
		{"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":          }", "safetensors"},
		{"PK\x03\x04....", "zip"},
		{"\x1c\x00\x00\x00TFL3", "TensorFlow Lite"},
		{"version https://git-lfs.github.com/spec/v1\n", "Git LFS"},
		{"\x80\x02}q", "pickle"},
		{"hello", "not a valid ONNX model"},
	}
	for _, tt := range tests {
		_, _, err := Bytes("file", []byte(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "file: ") {
			t.Errorf("%q: %v, want %q", tt.in, err, tt.want)
		}
	}
}

// FuzzExternalData feeds locations, offsets and lengths: what loads must lie in
// the model's folder, and what is read must be what was asked for.
func FuzzExternalData(f *testing.F) {
	for _, s := range []struct{ loc, off, length string }{
		{"w.bin", "0", "4"}, {"sub/w.bin", "", ""}, {"../secret", "0", "4"}, {"/etc/passwd", "", ""}, {"link", "1", "4"},
		{"w.bin", "9223372036854775807", "9223372036854775807"}, {"sub/./w.bin", "-0", "+4"},
	} {
		f.Add(s.loc, s.off, s.length)
	}
	root := f.TempDir()
	dir := filepath.Join(root, "model")
	os.MkdirAll(filepath.Join(dir, "sub"), 0o700)
	os.WriteFile(filepath.Join(root, "secret"), []byte("SECRET"), 0o600)
	os.WriteFile(filepath.Join(dir, "w.bin"), []byte("good data"), 0o600)
	os.WriteFile(filepath.Join(dir, "sub", "w.bin"), []byte("good data"), 0o600)
	os.Symlink(filepath.Join(root, "secret"), filepath.Join(dir, "link"))
	os.Symlink(root, filepath.Join(dir, "up"))
	f.Fuzz(func(t *testing.T, loc, off, length string) {
		w := externalTensor(4, "location", loc, "offset", off, "length", length)
		open := func(rel string) (*mem.Source, error) { return mem.MapBeneath(dir, rel) }
		m, src, err := read(mem.FromBytes("m", model(tag(places["initializer"](w), 12, tag(nil, 1, "w")))), open)
		if err != nil {
			return
		}
		defer src.Close()
		x := m.Graph.Outputs[0].Const.(*tensor.Tensor)
		at := 0
		fmt.Sscan(off, &at)
		if x.Len() != 4 || string(x.Bytes()) != "good data"[at:at+4] {
			t.Errorf("location %q, offset %q, length %q gave %q", loc, off, length, x.Bytes())
		}
	})
}
