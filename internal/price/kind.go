package price

// Kind is what a price is for. Its text is the name that the configuration,
// the table and Explain use.
type Kind uint8

// The kinds of usage that can have a price. Those up to OutputImage are tokens.
const (
	Input          Kind = iota // input that none of the following kinds covers
	CacheRead                  // input read from the provider's cache
	CacheWrite                 // input written to the cache, 5 minutes or of unknown lifetime
	CacheWrite1h               // input written to the cache for an hour
	InputAudio                 // audio in the input
	CacheReadAudio             // audio in the input read from the cache
	InputImage                 // images in the input
	InputVideo                 // video in the input
	Output                     // output that none of the following kinds covers
	Reasoning                  // output that is reasoning
	OutputAudio                // audio in the output
	OutputImage                // images in the output
	Image                      // an image generated
	AudioSecond                // a second of audio transcribed
	Character                  // a character spoken
	Search                     // a web search, or a rerank search
	Request                    // the request itself

	kindCount = iota
)

// kindInfo describes a kind: its name, the unit its price is quoted for, and
// the kinds whose price stands in, in order, where it has none of its own.
type kindInfo struct {
	name      string
	per       float64
	unit      string
	fallbacks []Kind
}

// kinds is indexed by Kind; read only.
var kinds = [kindCount]kindInfo{
	Input:          {"input", 1e6, "million tokens", nil},
	CacheRead:      {"cache_read", 1e6, "million tokens", []Kind{Input}},
	CacheWrite:     {"cache_write", 1e6, "million tokens", []Kind{Input}},
	CacheWrite1h:   {"cache_write_1h", 1e6, "million tokens", []Kind{CacheWrite, Input}},
	InputAudio:     {"input_audio", 1e6, "million tokens", []Kind{Input}},
	CacheReadAudio: {"cache_read_audio", 1e6, "million tokens", []Kind{InputAudio, CacheRead, Input}},
	InputImage:     {"input_image", 1e6, "million tokens", []Kind{Input}},
	InputVideo:     {"input_video", 1e6, "million tokens", []Kind{Input}},
	Output:         {"output", 1e6, "million tokens", nil},
	Reasoning:      {"reasoning", 1e6, "million tokens", []Kind{Output}},
	OutputAudio:    {"output_audio", 1e6, "million tokens", []Kind{Output}},
	OutputImage:    {"output_image", 1e6, "million tokens", []Kind{Output}},
	Image:          {"image", 1, "image", nil},
	AudioSecond:    {"audio_second", 60, "minute of audio", nil},
	Character:      {"character", 1e6, "million characters", nil},
	Search:         {"search", 1e3, "thousand searches", nil},
	Request:        {"request", 1e3, "thousand requests", nil},
}

// String returns the name of the kind.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return "unknown"
}

// MarshalText encodes the kind as its name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Unit is what the price of the kind is quoted for: "million tokens", "image".
func (k Kind) Unit() string { return kinds[k].unit }

// discounted reports whether batch, flex and regional factors apply: they do
// to what the model processes, not to fees for a request or a search.
func (k Kind) discounted() bool { return k != Search && k != Request }

// isInput reports whether the kind is input tokens.
func (k Kind) isInput() bool { return k <= InputVideo }

// isToken reports whether the kind is counted in tokens.
func (k Kind) isToken() bool { return k <= OutputImage }

// rates are unit prices by kind. It is a value: copies share nothing.
type rates struct {
	usd [kindCount]float64 // per kinds[k].per units
	set uint32             // bit k: usd[k] is known
}

func (r *rates) put(k Kind, usd float64) {
	r.usd[k] = usd
	r.set |= 1 << k
}

func (r *rates) has(k Kind) bool { return r.set&(1<<k) != 0 }

// lookup returns the price of a kind, the kind whose price it is (another one
// where k has none of its own), and whether there is one.
func (r *rates) lookup(k Kind) (float64, Kind, bool) {
	if r.has(k) {
		return r.usd[k], k, true
	}
	for _, f := range kinds[k].fallbacks {
		if r.has(f) {
			return r.usd[f], f, true
		}
	}
	return 0, k, false
}

// over returns r with the prices that o has taking the place of its own.
func (r rates) over(o rates) rates {
	for k := range Kind(kindCount) {
		if o.has(k) {
			r.put(k, o.usd[k])
		}
	}
	return r
}

// hasTokens reports whether any kind counted in tokens has a price.
func (r *rates) hasTokens() bool { return r.set&(1<<(OutputImage+1)-1) != 0 }
