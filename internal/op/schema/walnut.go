package schema

// own lists operators that no standard has, in the form of schemas.txt: passes
// make them where a fused operator has no other form.
const own = "walnut\tFusedMatMul\t1\t-\t3\t3\t1\t1\tA:T,B:T,C:T\tY:T\tT=bfloat16|double|float|float16\t" +
	"activation:STRING;activation_alpha:FLOAT;activation_beta:FLOAT;activation_gamma:FLOAT;alpha:FLOAT;transA:INT;transB:INT\n"
