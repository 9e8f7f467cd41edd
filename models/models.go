// Package models holds Walnut's built-in models and a few inputs to try them on.
//
// Two small ONNX models are embedded in the program, so that they run without
// any file:
//
//   - digits: handwritten digits. Input "image", float32 [batch,1,8,8], pixel
//     values from 0 (background) to 16 (ink); output "probabilities", float32
//     [batch,10].
//   - motion: the activity in ten seconds of smart-watch motion. Input
//     "window", float32 [batch,6,100], accelerometer x, y, z and gyroscope x,
//     y, z at 10 Hz; output "probabilities", float32 [batch,4].
//
// Both take raw values: the normalisation is part of the graph, and so is the
// final softmax. The batch size is free.
//
// The samples are NPY files (NumPy's array format, version 1.0, C order). No
// sample was used to train its model.
//
// REPORT.md tells how the models were trained and how accurate they are; the
// scripts in train/ make them again. LICENSES.md, also returned by [Licenses],
// names the sources of the data and their licences. A program that embeds this
// package passes on samples of that data and should show these notices.
package models

import (
	_ "embed"
	"slices"
)

// The files are embedded as strings, which nothing can change; every accessor
// returns a copy.
var (
	//go:embed digits.onnx
	digitsModel string
	//go:embed demo/digits_samples.npy
	digitsSamples string
	//go:embed demo/digits_labels.npy
	digitsSampleLabels string

	//go:embed motion.onnx
	motionModel string
	//go:embed demo/motion_samples.npy
	motionSamples string
	//go:embed demo/motion_labels.npy
	motionSampleLabels string

	//go:embed LICENSES.md
	licenses string
)

// Model describes one embedded model.
type Model struct {
	// Name is the short name of the model, such as "digits".
	Name string
	// Data is the ONNX file.
	Data []byte
	// Labels names the classes, in the order of the output's last axis.
	Labels []string
	// Description says in one line what the model does.
	Description string

	// Input is the name of the only input, which is float32.
	Input string
	// InputShape is the shape of one item: the input's shape without the
	// leading batch axis.
	InputShape []int
	// Output is the name of the only output, float32 [batch,len(Labels)].
	Output string

	// Samples is an NPY file of inputs, float32 [len(Labels),InputShape...]:
	// one held-out item of each class, in the order of Labels.
	Samples []byte
	// SampleLabels is an NPY file of the samples' true classes, int64.
	SampleLabels []byte
}

// All lists the embedded models. Treat it as read-only; the functions of this
// package return copies that may be changed.
var All = []Model{
	{
		Name:         "digits",
		Data:         Digits(),
		Labels:       []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
		Description:  "Handwritten digits, 8x8 grey values from 0 to 16",
		Input:        "image",
		InputShape:   []int{1, 8, 8},
		Output:       "probabilities",
		Samples:      DigitsSamples(),
		SampleLabels: DigitsSampleLabels(),
	},
	{
		Name:         "motion",
		Data:         Motion(),
		Labels:       []string{"Standing", "Running", "Walking", "Badminton"},
		Description:  "Activity in 10 s of smart-watch accelerometer and gyroscope data at 10 Hz",
		Input:        "window",
		InputShape:   []int{6, 100},
		Output:       "probabilities",
		Samples:      MotionSamples(),
		SampleLabels: MotionSampleLabels(),
	},
}

// Lookup returns the model of that name from [All].
func Lookup(name string) (Model, bool) {
	i := slices.IndexFunc(All, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, false
	}
	return All[i], true
}

// Digits returns the ONNX file of the digits classifier.
func Digits() []byte { return []byte(digitsModel) }

// DigitsSamples returns an NPY file with one held-out image of each digit,
// float32 [10,1,8,8]. Its rows are inputs of the model of [Digits].
func DigitsSamples() []byte { return []byte(digitsSamples) }

// DigitsSampleLabels returns an NPY file with the digits that the images of
// [DigitsSamples] show, int64 [10].
func DigitsSampleLabels() []byte { return []byte(digitsSampleLabels) }

// Motion returns the ONNX file of the motion classifier.
func Motion() []byte { return []byte(motionModel) }

// MotionSamples returns an NPY file with one held-out window of each activity,
// float32 [4,6,100]. Its rows are inputs of the model of [Motion].
func MotionSamples() []byte { return []byte(motionSamples) }

// MotionSampleLabels returns an NPY file with the activities of the windows of
// [MotionSamples], int64 [4].
func MotionSampleLabels() []byte { return []byte(motionSampleLabels) }

// Licenses returns LICENSES.md: the sources of the data that the models were
// trained on and the samples were taken from, with their licences.
func Licenses() string { return licenses }
