package walnut_test

import (
	"context"
	"fmt"
	"log"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/models"
	"github.com/walnut-ai/walnut/tensor"
)

// Open a model, run it on named inputs, read the outputs.
func Example() {
	m, err := walnut.OpenBytes("digits", models.Digits())
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	images, err := tensor.ParseNPY(models.DigitsSamples()) // ten images of 8x8
	if err != nil {
		log.Fatal(err)
	}
	out, err := m.Run(context.Background(), walnut.Values{"image": images})
	if err != nil {
		log.Fatal(err)
	}
	p := out["probabilities"].(*tensor.Tensor)
	fmt.Println(p)
	best := 0
	for i, x := range tensor.Of[float32](p)[30:40] { // the fourth image
		if x > tensor.Of[float32](p)[30+best] {
			best = i
		}
	}
	fmt.Println("the fourth image is a", best)
	// Output:
	// float[10,10]
	// the fourth image is a 3
}

// RunInto writes into tensors of the caller and allocates nothing once it has
// seen the shapes.
func ExampleModel_RunInto() {
	m, err := walnut.OpenBytes("motion", models.Motion())
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	window, err := tensor.New(tensor.Float32, 1, 6, 100)
	if err != nil {
		log.Fatal(err)
	}
	probabilities, err := tensor.New(tensor.Float32, 1, 4)
	if err != nil {
		log.Fatal(err)
	}
	in, out := []*tensor.Tensor{window}, []*tensor.Tensor{probabilities}
	for range 3 { // fill tensor.Of[float32](window) with sensor values, then
		if err := m.RunInto(context.Background(), in, out); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(tensor.Of[float32](probabilities)), "probabilities")
	// Output: 4 probabilities
}

// Inputs and Metadata tell what a model takes and what its file says.
func ExampleModel_Inputs() {
	m, err := walnut.OpenBytes("motion", models.Motion())
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for _, x := range m.Inputs() {
		fmt.Println(x.Name, x.Type)
	}
	fmt.Println(m.Metadata().Values["labels"])
	// Output:
	// window float[batch,6,100]
	// Standing,Running,Walking,Badminton
}
