package media

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// imageDecoder is ImageDecoder: the bytes of a file become pixels [H, W, 3], or
// [H, W, 1] for Grayscale. Pixels are those of Pillow, which the standard's
// reference uses: for JPEG this is libjpeg's arithmetic, for WebP libwebp's, for
// JPEG 2000 OpenJPEG's. Only grey images of 16 bits differ: they keep the upper
// half of their samples, where Pillow cuts everything above 255.
type imageDecoder struct{ format string }

var imageDecoderDef = &op.Def{Name: "ImageDecoder", New: func(a *op.Args) (op.Op, error) {
	return &imageDecoder{a.OneOf("pixel_format", "RGB", "RGB", "BGR", "Grayscale")}, nil
}}

func (o *imageDecoder) channels() int {
	if o.format == "Grayscale" {
		return 1
	}
	return 3
}

func (o *imageDecoder) Infer(c *op.Infer) error {
	if s := c.Shape(0); s != nil && len(s) != 1 {
		return fmt.Errorf("input is %v, must be the bytes of a file", s)
	}
	c.Out(0, tensor.Uint8, graph.Shape{c.Fresh(), c.Fresh(), graph.D(o.channels())})
	return nil
}

func (o *imageDecoder) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.DType() != tensor.Uint8 || x.Rank() != 1 {
		return fmt.Errorf("input is %v, must be the bytes of a file", x)
	}
	p, err := decodeImage(e, x.Bytes())
	if err != nil {
		return err
	}
	y, err := e.Out(0, tensor.Uint8, p.h, p.w, o.channels())
	if err != nil {
		return err
	}
	o.store(y.Bytes(), p)
	return nil
}

// store writes the pixels of p in the order of the format.
func (o *imageDecoder) store(dst []byte, p *pixels) {
	for i := range p.w * p.h {
		s := p.pix[i*p.ch : (i+1)*p.ch]
		switch {
		case o.format == "Grayscale" && p.ch == 1:
			dst[i] = s[0]
		case o.format == "Grayscale":
			// ITU-R 601 in fixed point, as Pillow's conversion to "L"
			dst[i] = byte((int(s[0])*19595 + int(s[1])*38470 + int(s[2])*7471 + 0x8000) >> 16)
		case p.ch == 1:
			dst[3*i], dst[3*i+1], dst[3*i+2] = s[0], s[0], s[0]
		case o.format == "BGR":
			dst[3*i], dst[3*i+1], dst[3*i+2] = s[2], s[1], s[0]
		default:
			copy(dst[3*i:3*i+3], s)
		}
	}
}

// pixels is a decoded image: grey (ch 1) or RGB (ch 3), rows without padding.
type pixels struct {
	w, h, ch int
	pix      []byte
}

// maxPixels bounds images whatever the memory budget, as Pillow does.
const maxPixels = 178956970

// newPixels makes an image within the run's memory budget.
func newPixels(e *op.Eval, w, h, ch int) (*pixels, error) {
	b, err := newPlane(e, w, h, ch)
	return &pixels{w, h, ch, b}, err
}

func newPlane(e *op.Eval, w, h, ch int) ([]byte, error) {
	if err := checkSize(w, h); err != nil {
		return nil, err
	}
	t, err := e.Temp(tensor.Uint8, h, w, ch)
	if err != nil {
		return nil, err
	}
	return t.Bytes(), nil
}

func checkSize(w, h int) error {
	if w < 1 || h < 1 || h > maxPixels/w {
		return fmt.Errorf("image of %d x %d pixels, allowed are 1 to %d", w, h, maxPixels)
	}
	return nil
}

var errTruncated = errors.New("the image ends before its data does")

// decodeImage tells the format by the first bytes and decodes.
func decodeImage(e *op.Eval, b []byte) (*pixels, error) {
	has := func(s string) bool { return bytes.HasPrefix(b, []byte(s)) }
	var p *pixels
	var err error
	name := ""
	switch {
	case has("\xff\xd8"):
		name = "JPEG"
		p, err = decodeJPEG(e, b)
	case has("\x89PNG\r\n\x1a\n"):
		name = "PNG"
		p, err = decodeGo(e, b, png.DecodeConfig, png.Decode)
	case has("BM"):
		name = "BMP"
		p, err = decodeGo(e, b, bmp.DecodeConfig, bmp.Decode)
	case has("II*\x00"), has("MM\x00*"):
		name = "TIFF"
		p, err = decodeGo(e, b, tiff.DecodeConfig, tiff.Decode)
	case has("RIFF") && len(b) >= 12 && string(b[8:12]) == "WEBP":
		name = "WebP"
		p, err = decodeWebP(e, b)
	case len(b) > 2 && b[0] == 'P' && b[1] >= '1' && b[1] <= '6':
		name = "PNM"
		p, err = decodePNM(e, b)
	case has("\x00\x00\x00\x0cjP  "), has("\xff\x4f\xff\x51"):
		name = "JPEG 2000"
		p, err = decodeJ2K(e, b)
	default:
		return nil, fmt.Errorf("%d bytes are no image in a known format (BMP, JPEG, JPEG 2000, PNG, PNM, TIFF, WebP)", len(b))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// goSize checks the size that config finds and counts what the decoders of Go's
// library allocate against the budget: up to 8 bytes a pixel.
func goSize(e *op.Eval, b []byte, config func(io.Reader) (image.Config, error)) error {
	c, err := config(bytes.NewReader(b))
	if err != nil {
		return err
	}
	if err := checkSize(c.Width, c.Height); err != nil {
		return err
	}
	// No compression of these formats packs denser than this.
	if c.Width*c.Height/8 > 1<<16+2048*len(b) {
		return fmt.Errorf("%d bytes can't hold %d x %d pixels", len(b), c.Width, c.Height)
	}
	_, err = e.Temp(tensor.Uint8, c.Height, c.Width, 8)
	return err
}

// decodeGo decodes with a decoder of Go's libraries.
func decodeGo(e *op.Eval, b []byte, config func(io.Reader) (image.Config, error), decode func(io.Reader) (image.Image, error)) (*pixels, error) {
	if err := goSize(e, b, config); err != nil {
		return nil, err
	}
	m, err := decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return fromImage(e, m)
}

// fromImage takes over the pixels of an image of Go's libraries. Alpha is
// dropped, 16-bit samples keep their upper half.
func fromImage(e *op.Eval, m image.Image) (*pixels, error) {
	r := m.Bounds()
	ch := 3
	switch m.(type) {
	case *image.Gray, *image.Gray16:
		ch = 1
	}
	p, err := newPixels(e, r.Dx(), r.Dy(), ch)
	if err != nil {
		return nil, err
	}
	for y := range p.h {
		if err := e.Tick(p.w); err != nil {
			return nil, err
		}
		row := p.pix[y*p.w*ch : (y+1)*p.w*ch]
		switch m := m.(type) {
		case *image.Gray:
			copy(row, m.Pix[y*m.Stride:])
		case *image.Gray16:
			for x := range row {
				row[x] = m.Pix[y*m.Stride+2*x]
			}
		case *image.NRGBA:
			for x := range p.w {
				copy(row[3*x:3*x+3], m.Pix[y*m.Stride+4*x:])
			}
		case *image.NRGBA64:
			for x := range p.w {
				s := m.Pix[y*m.Stride+8*x:]
				row[3*x], row[3*x+1], row[3*x+2] = s[0], s[2], s[4]
			}
		default:
			for x := range p.w {
				c := color.NRGBAModel.Convert(m.At(r.Min.X+x, r.Min.Y+y)).(color.NRGBA)
				row[3*x], row[3*x+1], row[3*x+2] = c.R, c.G, c.B
			}
		}
	}
	return p, nil
}
