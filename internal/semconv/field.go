package semconv

// field is a canonical field of a record: a row of the table.
type field uint8

// The canonical fields. Their order is of no meaning.
const (
	noField field = iota

	fProvider
	fOperation
	fRequestModel
	fResponseModel
	fResponseID
	fServiceTier
	fRegion
	fUpstream
	fServerAddress
	fAPIBase
	fStream
	fHTTPStatus
	fErrorType
	fErrorMessage
	fLevel
	fAPIType
	fFinishReasons
	fNotes
	fTruncated

	fInputTokens
	fOutputTokens
	fTotalTokens
	fCacheRead
	fCacheWrite
	fCacheWrite5m
	fCacheWrite1h
	fReasoning
	fInputAudio
	fInputImage
	fInputVideo
	fOutputAudio
	fOutputImage
	fCacheReadAudio
	fImages
	fAudioSeconds
	fCharacters
	fSearches
	fUsageJSON
	fProviderMetadata
	fCost
	fCostCurrency
	fCostJSON
	fCostState
	fUsageSource

	fTTFT
	fTimeline
	fChunks
	fFirstTokenAt
	fGatewayOverhead
	fPhaseConnect
	fPhaseHeaders
	fPhaseQueue
	fPhaseLoad
	fPhasePrefill
	fPhaseDecode
	fPhaseServer

	fUser
	fSession
	fFeature
	fAgent
	fWorkflow
	fEntity
	fTool
	fToolArguments
	fToolResult
	fPromptName
	fPromptVersion
	fEnvironment
	fTagList
	fTagJSON

	fParams

	fInput
	fSystem
	fOutput
	fOutputCalls
	fTools
	fQuery
	fVectors

	fWeightRatio
	fWeightCount
	fSamplerType
	fSamplerParam

	numFields
)

// parse is how the value of a source is read. A value that cannot be read so is
// passed over, and the next source counts.
type parse uint8

const (
	asText    parse = iota // a string; a number or a bool is written out
	asPrefix               // text up to the first dot or slash
	asHost                 // the host of a URL
	asCount                // a whole number, not negative; from strings too
	asAmount               // a number
	asFlag                 // a bool; "true", "1"
	asList                 // strings: an array, or one string, or JSON of an array
	asAny                  // as it is: text, JSON or structured
	asSeconds              // a duration in seconds
	asMillis               // a duration in milliseconds
	asMoment               // a time, RFC 3339, also in quotes
)

// String is how the reference calls the parse.
func (p parse) String() string {
	return [...]string{
		"text", "up to the first dot or slash", "host of a URL", "count", "number", "flag", "list", "any", "seconds", "milliseconds", "time",
	}[p]
}

// source is one attribute that a field may come from.
type source struct {
	key string
	as  parse
	// since names the version of the OpenTelemetry convention that brought the
	// name, "old" for those that it dropped, or the product whose name it is.
	since string
}

// row is a canonical field with its sources in order of preference.
type row struct {
	field   field
	name    string // as the reference calls it
	content bool   // message content: it leaves the attributes
	sources []source
}

// s lists sources that are read in one way.
func s(as parse, since string, keys ...string) []source {
	out := make([]source, len(keys))
	for i, k := range keys {
		out[i] = source{key: k, as: as, since: since}
	}
	return out
}

// group is a family of attributes whose names end in something variable.
type group uint8

const (
	noGroup group = iota
	gInput        // one message of the input, flattened
	gOutput
	gTools     // one tool definition
	gParams    // one setting
	gTags      // one tag
	gDocuments // one document of a retrieval or reranking
	gTexts     // one text of an embedding
)

// prefix is a family of attributes by what their names begin with.
type prefix struct {
	key     string
	group   group
	content bool
	since   string
	doc     string
}
