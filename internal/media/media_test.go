package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/tensor"
)

// wav builds a RIFF/WAVE file.
func wav(format, channels, bits int, data []byte) []byte {
	var b bytes.Buffer
	le := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("RIFF")
	le(uint32(36 + len(data)))
	b.WriteString("WAVEfmt ")
	le(uint32(16))
	le(uint16(format))
	le(uint16(channels))
	le(uint32(16000))
	le(uint32(16000 * channels * bits / 8))
	le(uint16(channels * bits / 8))
	le(uint16(bits))
	b.WriteString("data")
	le(uint32(len(data)))
	b.Write(data)
	return b.Bytes()
}

func TestWAV(t *testing.T) {
	f32 := make([]byte, 8)
	binary.LittleEndian.PutUint32(f32, math.Float32bits(0.25))
	binary.LittleEndian.PutUint32(f32[4:], math.Float32bits(-1))
	tests := []struct {
		name                   string
		format, channels, bits int
		data                   []byte
		want                   []float32 // mono
	}{
		{"8 bit", 1, 1, 8, []byte{0, 128, 192}, []float32{-1, 0, 0.5}},
		{"16 bit", 1, 1, 16, []byte{0, 0x80, 0, 0x40, 0xff, 0x7f}, []float32{-1, 0.5, 32767.0 / 32768}},
		{"16 bit stereo", 1, 2, 16, []byte{0, 0x40, 0, 0xc0, 0, 0x40, 0, 0x40}, []float32{0, 0.5}},
		{"24 bit", 1, 1, 24, []byte{0, 0, 0x40, 0, 0, 0x80}, []float32{0.5, -1}},
		{"32 bit", 1, 1, 32, []byte{0, 0, 0, 0xc0}, []float32{-0.5}},
		{"float", 3, 1, 32, f32, []float32{0.25, -1}},
		{"half a frame is dropped", 1, 2, 16, []byte{0, 0x40, 0, 0x40, 1}, []float32{0.5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := WAV(wav(tt.format, tt.channels, tt.bits, tt.data))
			if err != nil {
				t.Fatal(err)
			}
			got := a.Mono()
			if a.Rate != 16000 || len(got) != len(tt.want) {
				t.Fatalf("rate %d, samples %v, want %v", a.Rate, got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("sample %d is %v, want %v", i, got[i], tt.want[i])
				}
			}
		})
	}
	good := wav(1, 1, 16, make([]byte, 8))
	for n := range len(good) {
		if n < 44 { // a file cut in its samples is taken, cut in its headers not
			if _, err := WAV(good[:n]); err == nil {
				t.Errorf("the first %d bytes are taken", n)
			}
		}
	}
	for _, bad := range [][]byte{wav(7, 1, 8, []byte{1}), wav(1, 1, 12, []byte{1, 2}), wav(1, 0, 16, []byte{1, 2})} {
		if _, err := WAV(bad); err == nil || !strings.Contains(err.Error(), "wav:") {
			t.Errorf("error %v", err)
		}
	}
}

func picture(w, h int) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(10 * x), uint8(20 * y), 200, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestImage(t *testing.T) {
	opts := func(s string) ImageOptions {
		o, err := ParseImageOptions(s)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	tests := []struct {
		opt   string
		shape []int
		at    int
		want  float64
	}{
		{"", []int{1, 3, 2, 3}, 5, 20.0 / 255},                                   // red of (2,1)
		{"layout=nhwc,scale=1", []int{1, 2, 3, 3}, 3, 10},                        // red of (1,0)
		{"layout=chw,color=bgr,scale=1", []int{3, 2, 3}, 0, 200},                 // blue first
		{"layout=hwc,color=gray,scale=1", []int{2, 3, 1}, 0, 0.114 * 200},        // BT.601
		{"scale=1,mean=100,std=50", []int{1, 3, 2, 3}, 12, 2},                    // (200-100)/50
		{"scale=1,mean=1:2:3,std=1:1:2", []int{1, 3, 2, 3}, 12, 98.5},            // a value a channel
		{"size=6x4,layout=nchw,scale=1,dtype=uint8", []int{1, 3, 4, 6}, 60, 200}, // blue is the same everywhere
	}
	for _, tt := range tests {
		x, err := Image(picture(3, 2), opts(tt.opt))
		if err != nil {
			t.Errorf("%q: %v", tt.opt, err)
			continue
		}
		if !tensor.SameShape(x.Shape(), tt.shape) || math.Abs(x.FloatAt(tt.at)-tt.want) > 1e-4 {
			t.Errorf("%q: %v with %v at %d, want %v with %v", tt.opt, x, x.FloatAt(tt.at), tt.at, tt.shape, tt.want)
		}
	}
	for _, bad := range []string{"size=3", "size=0x3", "size=99999x2", "layout=cwh", "mean=a", "std=1/0", "nonsense", "color=red", "dtype=float7"} {
		if _, err := ParseImageOptions(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := Image([]byte("not an image"), opts("")); err == nil {
		t.Error("text is taken for an image")
	}
	if _, err := Image(picture(3, 2), opts("mean=1:2")); err == nil {
		t.Error("two means for three channels are taken")
	}
	huge := picture(1, 1)
	binary.BigEndian.PutUint32(huge[16:], 1<<20) // width and height of the header, whose checksum is then wrong too
	binary.BigEndian.PutUint32(huge[20:], 1<<20)
	if _, err := Image(huge, opts("")); err == nil {
		t.Error("an image of 2^40 pixels is taken")
	}
}
