package llm

// UsageSource says where token counts come from.
type UsageSource string

// The sources of Usage. The zero value is read as UsageUnknown.
const (
	UsageReported  UsageSource = "reported"  // by the provider
	UsageEstimated UsageSource = "estimated" // by Pitot, from the text
	UsageUnknown   UsageSource = "unknown"
)

// Usage is what a Call consumed. InputTokens includes cache reads and writes;
// OutputTokens includes reasoning: the other counts are parts of these two and
// are never added to them.
type Usage struct {
	InputTokens      Opt[int64] `json:"input_tokens,omitzero"`
	OutputTokens     Opt[int64] `json:"output_tokens,omitzero"`
	CacheReadTokens  Opt[int64] `json:"cache_read_tokens,omitzero"`  // part of input
	CacheWriteTokens Opt[int64] `json:"cache_write_tokens,omitzero"` // part of input
	ReasoningTokens  Opt[int64] `json:"reasoning_tokens,omitzero"`   // part of output

	// Parts of CacheWriteTokens by lifetime.
	CacheWrite5mTokens Opt[int64] `json:"cache_write_5m_tokens,omitzero"`
	CacheWrite1hTokens Opt[int64] `json:"cache_write_1h_tokens,omitzero"`

	// Parts of input and output by modality, where the price depends on it.
	InputAudioTokens     Opt[int64] `json:"input_audio_tokens,omitzero"`
	InputImageTokens     Opt[int64] `json:"input_image_tokens,omitzero"`
	InputVideoTokens     Opt[int64] `json:"input_video_tokens,omitzero"`
	OutputAudioTokens    Opt[int64] `json:"output_audio_tokens,omitzero"`
	OutputImageTokens    Opt[int64] `json:"output_image_tokens,omitzero"`
	CacheReadAudioTokens Opt[int64] `json:"cache_read_audio_tokens,omitzero"` // part of CacheReadTokens

	// Units that are priced by themselves.
	Images       Opt[int64]   `json:"images,omitzero"`        // images generated
	AudioSeconds Opt[float64] `json:"audio_seconds,omitzero"` // audio transcribed
	Characters   Opt[int64]   `json:"characters,omitzero"`    // text spoken
	Searches     Opt[int64]   `json:"searches,omitzero"`      // rerank or web searches

	Source UsageSource `json:"source"`
}

// CostState says how far a cost can be trusted.
type CostState string

// The states of Cost. The zero value is read as CostUnpriced.
const (
	CostReported  CostState = "reported"  // the provider said so
	CostComputed  CostState = "computed"  // reported usage × price
	CostEstimated CostState = "estimated" // estimated usage × price
	CostUnpriced  CostState = "unpriced"  // no price or no usage is known
)

// Cost is the price of a Call in US dollars. USD is unknown when, and only
// when, State is CostUnpriced.
type Cost struct {
	USD   Opt[float64] `json:"usd,omitzero"`
	State CostState    `json:"state"`
	// Rule is the price rule that was used, as `pitot prices explain` names it.
	Rule string `json:"rule,omitempty"`
	// Reason says why a Call is unpriced: "unknown_model", "unknown_usage", ...
	Reason string `json:"reason,omitempty"`
}
