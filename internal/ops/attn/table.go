// Package attn holds attention in all its forms, linear attention, rotary
// embeddings, and the embedding and position operators that go with them.
package attn

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	attentionDef,
	embedNormDef,
	gatedBiasDef,
	groupQueryDef,
	qEmbedNormDef,
	relativeBiasDef,
	decoderMultiDef,
	decoderSelfDef,
	msAttentionDef,
	multiHeadDef,
	packedAttentionDef,
	packedMultiHeadDef,
	qAttentionDef,
	flexDef,
	linearDef,
	msLinearDef,
	msRotaryDef,
	rotaryDef,
	sparseDef,
}
