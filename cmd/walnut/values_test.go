package main

import (
	"strings"
	"testing"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/tensor"
)

func dims(d ...any) []walnut.Dim {
	var l []walnut.Dim
	for _, x := range d {
		switch x := x.(type) {
		case int:
			l = append(l, walnut.Dim{Size: x})
		case string:
			l = append(l, walnut.Dim{Name: x})
		}
	}
	return l
}

// TestParseFiles reads values of the text formats into the shape that an input declares.
func TestParseFiles(t *testing.T) {
	float := &walnut.Info{Name: "x", Type: "float[n,3]", DType: tensor.Float32, Shape: dims("n", 3)}
	scalar := &walnut.Info{Name: "x", Type: "int64[]", DType: tensor.Int64, Shape: []walnut.Dim{}}
	batched := &walnut.Info{Name: "x", Type: "float[1,c,4]", DType: tensor.Float32, Shape: dims(1, "c", 4)}
	text := &walnut.Info{Name: "x", Type: "string[n,1]", DType: tensor.String, Shape: dims("n", 1)}
	bools := &walnut.Info{Name: "x", Type: "bool[n]", DType: tensor.Bool, Shape: dims("n")}
	type parser func([]byte, *walnut.Info) (tensor.Value, error)
	tests := []struct {
		name string
		f    parser
		x    *walnut.Info
		in   string
		want string // type and shape, or "error: ..."
		last float64
	}{
		{"json", parseJSON, float, "[[1,2,3],[4,5,6]]", "float[2,3]", 6},
		{"json flat", parseJSON, float, "[1,2,3,4,5,6]", "float[2,3]", 6},
		{"json scalar", parseJSON, scalar, "9007199254740993", "int64[]", 9007199254740993},
		{"json bool", parseJSON, bools, "[true,false,true]", "bool[3]", 1},
		{"json strings", parseJSON, text, `["a","b"]`, "string[2,1]", 0},
		{"json empty", parseJSON, float, "[]", "float[0,3]", 0},
		{"json ragged", parseJSON, float, "[[1,2],[3]]", "error: json", 0},
		{"json mixed", parseJSON, float, `[1,"a"]`, "error: json", 0},
		{"json depth", parseJSON, float, strings.Repeat("[", 1000), "error: json", 0},
		{"json object", parseJSON, float, `{"a":1}`, "error: json", 0},
		{"json trailing", parseJSON, float, `[1,2,3] 4`, "error: json", 0},
		{"csv", parseCSV, float, "1,2,3\n4,5,6\n", "float[2,3]", 6},
		{"csv header", parseCSV, float, "a,b,c\n4,5,7\n", "float[1,3]", 7},
		{"csv to channels", parseCSV, batched, "1,2,3,4\n5,6,7,8\n", "float[1,2,4]", 8},
		{"csv words", parseCSV, float, "1,2,3\n4,x,6\n", "error: row 2, column 2", 0},
		{"csv strings", parseCSV, text, "one\ntwo\n", "string[2,1]", 0},
		{"lines", parseLines, text, "one\ntwo\nthree", "string[3,1]", 0},
		{"numbers", parseLines, float, "1\n2\n3\n", "float[1,3]", 3},
		{"bad number", parseLines, float, "1\nx\n", "error: line 2", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := tt.f([]byte(tt.in), tt.x)
			if want, ok := strings.CutPrefix(tt.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("%v, error %v, want one with %q", v, err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			x := v.(*tensor.Tensor)
			if x.String() != tt.want {
				t.Fatalf("read %v, want %s", x, tt.want)
			}
			if x.DType() != tensor.String && x.Len() > 0 && (x.FloatAt(x.Len()-1) != tt.last && x.IntAt(x.Len()-1) != int64(tt.last)) {
				t.Errorf("last element %v, want %v", x.FloatAt(x.Len()-1), tt.last)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	if got := fileName("out/put:0 ä-1.x_Y"); got != "out_put_0__-1.x_Y" {
		t.Errorf("got %q", got)
	}
}
