package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// magics are the formats that people mistake for ONNX, by bytes at an offset.
var magics = []struct {
	at    int
	magic string
	what  string
}{
	{0, "GGUF", "a GGUF file; Walnut reads ONNX models, export the model to ONNX"},
	{0, "ggml", "a GGML file; Walnut reads ONNX models, export the model to ONNX"},
	{0, "lmgg", "a GGML file; Walnut reads ONNX models, export the model to ONNX"},
	{4, "TFL3", "a TensorFlow Lite model; convert it with tf2onnx --tflite"},
	{4, "ORTM", "ONNX Runtime's own format; use the .onnx file that it was made from"},
	{0, "PK\x03\x04", "a zip archive (PyTorch and Keras store checkpoints so); export the model with torch.onnx.export, or unpack the archive"},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file (a Keras model); convert it with tf2onnx"},
	{0, "version https://git-lfs", "a Git LFS pointer, not the model; fetch it with git lfs pull"},
	{0, "\x1f\x8b", "compressed with gzip; unpack it first"},
	{0, "\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"},
	{0, "<!DOCTYPE", "an HTML page, probably a failed download"},
	{0, "<html", "an HTML page, probably a failed download"},
	{0, "\x80\x02", "a Python pickle, which is never loaded; export the model to ONNX"},
	{0, "\x80\x04", "a Python pickle, which is never loaded; export the model to ONNX"},
}

// sniff returns nil for what may be ONNX, which has no magic number: an error
// names the format it is instead.
func sniff(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("%w: the file is empty", ErrFormat)
	}
	for _, m := range magics {
		if len(b) >= m.at && bytes.HasPrefix(b[m.at:], []byte(m.magic)) {
			return fmt.Errorf("%w: it is %s", ErrFormat, m.what)
		}
	}
	// safetensors: length of a JSON header, then the header.
	if len(b) > 9 && b[8] == '{' {
		if n := binary.LittleEndian.Uint64(b); n > 1 && n < 1<<32 && n <= uint64(len(b)-8) {
			return fmt.Errorf("%w: it is a safetensors file, which has weights but no graph; Walnut reads ONNX models", ErrFormat)
		}
	}
	return nil
}
