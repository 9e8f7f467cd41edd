package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Audio is sound: samples from -1 to 1, channels interleaved.
type Audio struct {
	Rate, Channels int
	Samples        []float32
}

// WAV decodes a RIFF/WAVE file: PCM of 8, 16, 24 or 32 bits, or IEEE float of 32 or 64.
func WAV(b []byte) (*Audio, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, errors.New("wav: no RIFF/WAVE header")
	}
	var format, bits int
	a := &Audio{}
	for b = b[12:]; len(b) >= 8; {
		id, n := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if n > int64(len(b)) {
			if id != "data" { // a stream may have been cut in its samples
				return nil, fmt.Errorf("wav: chunk %q has %d bytes, the file %d more", id, n, len(b))
			}
			n = int64(len(b))
		}
		chunk := b[:n]
		b = b[min(int64(len(b)), n+n&1):]
		switch id {
		case "fmt ":
			if len(chunk) < 16 {
				return nil, errors.New("wav: short format chunk")
			}
			format = int(binary.LittleEndian.Uint16(chunk))
			a.Channels = int(binary.LittleEndian.Uint16(chunk[2:]))
			a.Rate = int(binary.LittleEndian.Uint32(chunk[4:]))
			bits = int(binary.LittleEndian.Uint16(chunk[14:]))
			if format == 0xfffe && len(chunk) >= 26 { // extensible: the real format follows
				format = int(binary.LittleEndian.Uint16(chunk[24:]))
			}
		case "data":
			if a.Channels == 0 {
				return nil, errors.New("wav: samples before the format")
			}
			return a, a.decode(chunk, format, bits)
		}
	}
	return nil, errors.New("wav: no samples")
}

func (a *Audio) decode(b []byte, format, bits int) error {
	size := bits / 8
	var f func([]byte) float32
	switch {
	case format == 1 && bits == 8:
		f = func(p []byte) float32 { return (float32(p[0]) - 128) / 128 }
	case format == 1 && bits == 16:
		f = func(p []byte) float32 { return float32(int16(binary.LittleEndian.Uint16(p))) / (1 << 15) }
	case format == 1 && bits == 24:
		f = func(p []byte) float32 {
			return float32(int32(uint32(p[0])<<8|uint32(p[1])<<16|uint32(p[2])<<24)>>8) / (1 << 23)
		}
	case format == 1 && bits == 32:
		f = func(p []byte) float32 { return float32(int32(binary.LittleEndian.Uint32(p))) / (1 << 31) }
	case format == 3 && bits == 32:
		f = func(p []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(p)) }
	case format == 3 && bits == 64:
		f = func(p []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(p))) }
	default:
		return fmt.Errorf("wav: format %d with %d bits is not supported, use PCM of 8 to 32 bits or IEEE float", format, bits)
	}
	n := len(b) / size
	n -= n % a.Channels
	a.Samples = make([]float32, n)
	for i := range a.Samples {
		a.Samples[i] = f(b[i*size:])
	}
	return nil
}

// Mono averages the channels.
func (a *Audio) Mono() []float32 {
	if a.Channels == 1 {
		return a.Samples
	}
	m := make([]float32, len(a.Samples)/a.Channels)
	for i := range m {
		for c := range a.Channels {
			m[i] += a.Samples[i*a.Channels+c]
		}
		m[i] /= float32(a.Channels)
	}
	return m
}
