package explain

import (
	"slices"
	"strings"
)

// Dim is a property of Calls by which they are told apart.
type Dim uint8

// The dimensions. Their order is also which of two names for the same set of
// Calls is preferred: the first.
const (
	DimProvider Dim = iota
	DimUpstream
	DimModel
	DimRegion
	DimService
	DimEnvironment
	DimFeature
	DimPrompt        // the name of the prompt
	DimPromptVersion // name@version
	DimUser
	DimAgent
	DimWorkflow
	DimOperation
	DimStream    // "true" or "false"
	DimInputBand // number of input tokens, in powers of two: see Band
	DimServiceTier
	DimSource
	DimDialect

	// What follows is an outcome of the Call: it describes a cause and is none.

	DimStatus
	DimErrorType
	DimHTTPStatus
	DimFinishReason
	DimResponseModel

	// NumDims is the number of dimensions that every Row has; tags come on top.
	NumDims = iota
)

// numContext is the number of dimensions that are known before the answer.
const numContext = int(DimStatus)

// dimInfo describes a dimension.
type dimInfo struct {
	name  string // in selections and results
	field string // in the event store
	param string // of GET /api/pitot/v1/calls; empty where it has none
	zh    string
}

func dims() [NumDims]dimInfo {
	return [NumDims]dimInfo{
		DimProvider:      {"provider", "provider", "provider", "提供商"},
		DimUpstream:      {"upstream", "upstream", "", "上游"},
		DimModel:         {"model", "model", "model", "模型"},
		DimRegion:        {"region", "region", "", "区域"},
		DimService:       {"service", "service", "service", "服务"},
		DimEnvironment:   {"environment", "environment", "environment", "环境"},
		DimFeature:       {"feature", "feature", "feature", "功能"},
		DimPrompt:        {"prompt_name", "prompt_name", "prompt_name", "提示词"},
		DimPromptVersion: {"prompt_version", "prompt_version", "", "提示词版本"},
		DimUser:          {"user", "user", "user", "用户"},
		DimAgent:         {"agent", "agent", "agent", "智能体"},
		DimWorkflow:      {"workflow", "workflow", "", "工作流"},
		DimOperation:     {"operation", "operation", "operation", "操作"},
		DimStream:        {"stream", "stream", "", "流式"},
		DimInputBand:     {"input_band", "usage.input_tokens", "", "输入长度"},
		DimServiceTier:   {"service_tier", "service_tier", "", "服务等级"},
		DimSource:        {"source", "source", "source", "来源"},
		DimDialect:       {"dialect", "dialect", "dialect", "接入方式"},
		DimStatus:        {"status", "status", "status", "状态"},
		DimErrorType:     {"error_type", "error_type", "error_type", "错误类型"},
		DimHTTPStatus:    {"http_status", "http_status", "", "HTTP 状态码"},
		DimFinishReason:  {"finish_reason", "finish_reasons", "", "结束原因"},
		DimResponseModel: {"response_model", "response_model", "", "应答模型"},
	}
}

// dimTable is the one copy of dims, which nobody writes to.
var dimTable = dims()

// String is the name of the dimension in selections and results.
func (d Dim) String() string {
	if int(d) < len(dimTable) {
		return dimTable[d].name
	}
	return "unknown"
}

// Outcome reports whether the dimension is known only with the answer.
func (d Dim) Outcome() bool { return int(d) >= numContext && int(d) < NumDims }

// tagPrefix begins the name of a dimension that is a tag.
const tagPrefix = "tags."

// ParseDim returns the dimension of a name.
func ParseDim(name string) (Dim, bool) {
	i := slices.IndexFunc(dimTable[:], func(d dimInfo) bool { return d.name == name })
	return Dim(max(i, 0)), i >= 0
}

// DimensionNames are the names of all dimensions, without tags.
func DimensionNames() []string {
	names := make([]string, NumDims)
	for i := range names {
		names[i] = dimTable[i].name
	}
	return names
}

// validDimension reports whether name is a dimension or a tag.
func validDimension(name string) bool {
	if tag, ok := strings.CutPrefix(name, tagPrefix); ok {
		return tag != "" && len(tag) <= maxTagName
	}
	_, ok := ParseDim(name)
	return ok
}

// maxTagName bounds the name of a tag, in bytes.
const maxTagName = 64
