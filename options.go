package walnut

import "github.com/walnut-ai/walnut/internal/engine"

// Option changes how a model is opened.
type Option func(*options)

type options struct {
	engine  engine.Options
	profile bool
}

// WithThreads lets a run use up to n threads; the default is 1, the caller's
// goroutine alone. Results are the same for every n.
func WithThreads(n int) Option { return func(o *options) { o.engine.Threads = n } }

// WithMemoryBudget bounds the bytes that one run may allocate, its planned
// arena included; the default is 8 GiB. A run that needs more fails with ErrBudget.
func WithMemoryBudget(bytes int64) Option { return func(o *options) { o.engine.Memory = bytes } }

// WithIterationBudget bounds the iterations that all loops of one run may make
// together; the default is 2^32.
func WithIterationBudget(n int64) Option { return func(o *options) { o.engine.Iterations = n } }

// WithSignatures sets for how many combinations of input shapes plans are
// kept; the default is 16. The least recently used is dropped first.
func WithSignatures(n int) Option { return func(o *options) { o.engine.Signatures = n } }

// WithProfile measures every node; see Model.Profile.
func WithProfile() Option { return func(o *options) { o.profile = true } }

// WithoutPasses leaves out optimisation passes by name, "all" for every one.
func WithoutPasses(names ...string) Option {
	return func(o *options) { o.engine.SkipPasses = append(o.engine.SkipPasses, names...) }
}

// WithReference runs every operator by its plain definition, without kernels or
// plans: slow, and the measure of everything else.
func WithReference() Option { return func(o *options) { o.engine.Reference = true } }
