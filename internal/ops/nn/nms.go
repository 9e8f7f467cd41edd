package nn

import (
	"fmt"
	"sort"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// nms is NonMaxSuppression: for each image and class, boxes in the order of
// falling scores (ties: lower index first) that overlap no chosen one by more
// than iou_threshold. The result lists [image, class, box].
type nms struct{ center bool }

var nmsDef = &op.Def{Name: "NonMaxSuppression", New: func(a *op.Args) (op.Op, error) {
	return &nms{a.Bool("center_point_box", false)}, nil
}}

func (o *nms) Infer(c *op.Infer) error {
	b, s := c.Shape(0), c.Shape(1)
	if b != nil && len(b) != 3 || s != nil && len(s) != 3 {
		return fmt.Errorf("boxes %v and scores %v must have 3 axes", b, s)
	}
	c.Out(0, tensor.Int64, graph.Shape{c.Fresh(), graph.D(3)})
	return nil
}

// scalar returns the only element of optional input i as a float32.
func scalar(e *op.Eval, i int, name string) (float32, error) {
	t := e.In(i)
	if t == nil || t.Len() == 0 {
		return 0, nil
	}
	if t.Len() != 1 {
		return 0, fmt.Errorf("%s %v must be a scalar", name, t)
	}
	return float32(t.FloatAt(0)), nil
}

func (o *nms) Eval(e *op.Eval) error {
	boxes, scores := e.In(0), e.In(1)
	bs, ss := boxes.Shape(), scores.Shape()
	if len(bs) != 3 || len(ss) != 3 || bs[2] != 4 || bs[0] != ss[0] || bs[1] != ss[2] {
		return fmt.Errorf("boxes %v must be [images,n,4] and scores %v [images,classes,n]", boxes, scores)
	}
	most := int64(0)
	if t := e.In(2); t != nil && t.Len() > 0 {
		most = t.IntAt(0)
	}
	iou, err := scalar(e, 3, "iou_threshold")
	if err != nil {
		return err
	}
	least, err := scalar(e, 4, "score_threshold")
	if err != nil {
		return err
	}
	j := &nmsJob{o: o, most: most, iou: iou, least: least, limit: e.Has(4) && e.In(4).Len() > 0}
	var out []int64
	if most > 0 && boxes.Len() > 0 {
		b, err := tensor.Data[float32](boxes.Aligned())
		if err != nil {
			return err
		}
		s, err := tensor.Data[float32](scores.Aligned())
		if err != nil {
			return err
		}
		for i := range bs[0] {
			for c := range ss[1] {
				picked, err := j.class(e, b[i*bs[1]*4:][:bs[1]*4], s[(i*ss[1]+c)*ss[2]:][:ss[2]])
				if err != nil {
					return err
				}
				for _, p := range picked {
					out = append(out, int64(i), int64(c), int64(p))
				}
			}
		}
	}
	return e.SetInts(0, tensor.Int64, []int{len(out) / 3, 3}, out)
}

// nmsJob is one evaluation. It computes in float32, as thresholds are compared
// with values that other engines compute so.
type nmsJob struct {
	o          *nms
	most       int64
	iou, least float32
	limit      bool // score_threshold is given
}

// class returns the boxes chosen for one image and class.
func (j *nmsJob) class(e *op.Eval, boxes, scores []float32) ([]int, error) {
	var order []int
	for i, s := range scores {
		if !j.limit || s > j.least {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool {
		x, y := scores[order[a]], scores[order[b]]
		return x > y || x == x && y != y // NaN last
	})
	var picked []int
	for _, i := range order {
		if int64(len(picked)) >= j.most {
			break
		}
		if err := e.Tick(1 + len(picked)); err != nil {
			return nil, err
		}
		keep := true
		for _, p := range picked {
			if j.overlap(boxes[4*i:4*i+4], boxes[4*p:4*p+4]) {
				keep = false
				break
			}
		}
		if keep {
			picked = append(picked, i)
		}
	}
	return picked, nil
}

// extent returns the limits of a box along axis 0 (x) or 1 (y).
func (j *nmsJob) extent(b []float32, axis int) (lo, hi float32) {
	if j.o.center { // x, y, width, height
		half := b[2+axis] / 2
		return b[axis] - half, b[axis] + half
	}
	lo, hi = b[1-axis], b[3-axis] // y1, x1, y2, x2
	if lo >= hi {
		lo, hi = hi, lo
	}
	return lo, hi
}

// overlap reports whether two boxes overlap by more than the threshold.
func (j *nmsJob) overlap(a, b []float32) bool {
	ax, aX := j.extent(a, 0)
	bx, bX := j.extent(b, 0)
	ay, aY := j.extent(a, 1)
	by, bY := j.extent(b, 1)
	w := min(aX, bX) - max(ax, bx)
	h := min(aY, bY) - max(ay, by)
	if !(w > 0) || !(h > 0) {
		return false
	}
	common := float32(w * h)
	areaA, areaB := float32((aX-ax)*(aY-ay)), float32((bX-bx)*(bY-by))
	union := areaA + areaB - common
	if common <= 0 || areaA <= 0 || areaB <= 0 || union <= 0 {
		return false
	}
	return common/union > j.iou
}
