package math

// mt19937 is the Mersenne Twister of Matsumoto and Nishimura (1998), seeded and
// read as numpy.random.RandomState does: the masks of ONNX's own Dropout cases
// come from it.
type mt19937 struct {
	key [624]uint32
	pos int
}

// newMT19937 seeds with the low 32 bits of seed (init_genrand).
func newMT19937(seed uint64) *mt19937 {
	m := &mt19937{pos: 624}
	s := uint32(seed)
	for i := range m.key {
		m.key[i] = s
		s = 1812433253*(s^s>>30) + uint32(i) + 1
	}
	return m
}

func (m *mt19937) uint32() uint32 {
	if m.pos == len(m.key) {
		m.twist()
	}
	y := m.key[m.pos]
	m.pos++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (m *mt19937) twist() {
	const n = 624
	for i := range m.key {
		y := m.key[i]&0x80000000 | m.key[(i+1)%n]&0x7fffffff
		v := m.key[(i+397)%n] ^ y>>1
		if y&1 != 0 {
			v ^= 0x9908b0df
		}
		m.key[i] = v
	}
	m.pos = 0
}

// float64 is uniform in [0, 1) with 53 bits (genrand_res53).
func (m *mt19937) float64() float64 {
	a, b := m.uint32()>>5, m.uint32()>>6
	return (float64(a)*(1<<26) + float64(b)) / (1 << 53)
}
