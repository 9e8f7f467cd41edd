package op

// Strides returns the distances, in elements, between neighbours along each axis
// of a dense row-major tensor.
func Strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= dims[i]
	}
	return s
}

// BroadcastStrides returns strides for reading a tensor of shape dims as one of
// shape out: 0 along axes that are repeated. dims must broadcast to out.
func BroadcastStrides(dims, out []int) []int {
	s := make([]int, len(out))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		if dims[i] != 1 {
			s[len(out)-len(dims)+i] = n
		}
		n *= dims[i]
	}
	return s
}

// Each calls f for every index of a tensor of shape dims in row-major order: k
// counts from 0, off[j] is the offset given by strides[j]. The slices handed to
// f are reused.
func Each(dims []int, strides [][]int, f func(k int, idx, off []int) error) error {
	n := 1
	for _, d := range dims {
		n *= d
	}
	idx, off := make([]int, len(dims)), make([]int, len(strides))
	for k := range n {
		if err := f(k, idx, off); err != nil {
			return err
		}
		for a := len(dims) - 1; a >= 0; a-- {
			idx[a]++
			if idx[a] < dims[a] {
				for j := range strides {
					off[j] += strides[j][a]
				}
				break
			}
			for j := range strides {
				off[j] -= strides[j][a] * (dims[a] - 1)
			}
			idx[a] = 0
		}
	}
	return nil
}

// Each2 is Each over two operands that broadcast to dims.
func Each2(dims, a, b []int, f func(k, i, j int) error) error {
	s := [][]int{BroadcastStrides(a, dims), BroadcastStrides(b, dims)}
	return Each(dims, s, func(k int, _, off []int) error { return f(k, off[0], off[1]) })
}

// Prod returns the product of dims.
func Prod(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
