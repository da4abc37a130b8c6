package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Facts are what is known when somebody sees no data where they expect some.
type Facts struct {
	Now time.Time

	// What was looked at, and what is there.
	Start, End  time.Time
	Filtered    bool      // more than a range of time was asked for
	Matching    int64     // Calls of the range that the filter selects
	InRange     int64     // Calls of the range
	Stored      int64     // Calls of any time, as far as the retention reaches
	First, Last time.Time // of Stored; zero: none
	// MatchingFirst and MatchingLast are those of the Calls of any time that the
	// filter selects; zero: none, or not looked for.
	MatchingFirst, MatchingLast time.Time
	Ahead                       int64 // Calls whose time is yet to come
	AheadLast                   time.Time

	// What the server says. Counts are since Started.
	Started          time.Time
	Received, Stores uint64 // records
	Dropped          map[string]uint64
	Engine           string // its state, where it is not ready
	EngineDetail     string
	ReadOnly         bool
	JournalBytes     int64
	JournalMax       int64
	JournalWaiting   uint64        // records that are not in the store yet
	JournalLag       time.Duration // how long the oldest of them has waited
	JournalErr       string
	Retention        time.Duration
	Targets          []Target
	Refused          []Refused // requests of telemetry senders, by how they were answered
	SamplingRate     float64
	ContentKept      string // full, summary, metrics
}

// Target is a scrape target.
type Target struct {
	Job, URL, Error string
	Up              bool
}

// Refused is how many requests of one kind a receiver did not take.
type Refused struct {
	What  string // traces, logs, metrics, elasticsearch, remote_write
	Code  string // 401, 413, 415, 429, InvalidArgument, ...
	Count uint64
}

// The severities of causes.
const (
	CauseError   = "error"   // this is why
	CauseWarning = "warning" // this may be why, or part of it
	CauseInfo    = "info"    // good to know when something is missing
)

// Text is a sentence in the languages of the page.
type Text struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// Evidence is a number or name that a cause rests on.
type Evidence struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Cause is a reason for which data is missing.
type Cause struct {
	Code     string     `json:"code"`
	Severity string     `json:"severity"`
	Message  Text       `json:"message"`
	Action   Text       `json:"action"`
	Evidence []Evidence `json:"evidence"`
	// Start and End are a range that has data.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
}

// The codes of causes, in the order of their likelihood where all else is equal.
const (
	CauseEngineDown      = "engine_down"
	CauseJournalFull     = "journal_full"
	CauseReadOnly        = "disk_read_only"
	CauseNothingReceived = "nothing_received"
	CauseRefused         = "otlp_refused"
	CauseDropped         = "dropped"
	CauseClockSkew       = "clock_skew"
	CauseRetention       = "retention_removed"
	CauseFilter          = "filter_excludes_data"
	CauseRange           = "range_excludes_data"
	CauseBacklog         = "journal_backlog"
	CauseTargets         = "scrape_targets_down"
	CauseSampled         = "sampled"
	CauseCapture         = "capture_off"
)

// Causes says why data may be missing, the likeliest first. It is empty where
// nothing speaks for it.
func Causes(f *Facts) []Cause {
	out := []Cause{}
	for _, check := range []func(*Facts) *Cause{
		engineDown, journalFull, readOnly, nothingReceived, refused, dropped, clockSkew, retentionRemoved,
		filterExcludes, rangeExcludes, backlog, targetsDown, sampled, captureOff,
	} {
		if c := check(f); c != nil {
			if c.Evidence == nil {
				c.Evidence = []Evidence{}
			}
			out = append(out, *c)
		}
	}
	rank := map[string]int{CauseError: 0, CauseWarning: 1, CauseInfo: 2}
	slices.SortStableFunc(out, func(a, b Cause) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	return out
}

// blame is the severity of what explains an empty view, and a warning else.
func (f *Facts) blame() string {
	if f.Matching == 0 {
		return CauseError
	}
	return CauseWarning
}

func count(name string, n uint64) Evidence { return Evidence{name, strconv.FormatUint(n, 10)} }

func moment(name string, t time.Time) Evidence {
	return Evidence{name, t.UTC().Format(time.RFC3339)}
}

func engineDown(f *Facts) *Cause {
	if f.Engine == "" {
		return nil
	}
	return &Cause{
		Code: CauseEngineDown, Severity: CauseError,
		Message:  Text{"The event engine is not ready: calls cannot be stored or shown now. The gateway goes on, and the journal keeps the records.", "事件引擎未就绪：目前无法存储或显示调用。网关照常工作，记录保存在日志队列中。"},
		Action:   Text{"It restarts by itself. If this lasts longer than a minute, see the server's log and the free disk space.", "它会自动重启。若超过一分钟仍未恢复，请查看服务器日志和磁盘剩余空间。"},
		Evidence: []Evidence{{"state", f.Engine}, {"detail", f.EngineDetail}},
	}
}

func journalFull(f *Facts) *Cause {
	n := f.Dropped["journal_full"] + f.Dropped["journal_error"] + f.Dropped["journal_lost"]
	full := f.JournalMax > 0 && f.JournalBytes >= f.JournalMax
	if f.JournalErr == "" && !full && n == 0 {
		return nil
	}
	c := &Cause{
		Code: CauseJournalFull, Severity: f.blame(),
		Message:  Text{"The journal on disk is full or cannot be written: records were lost.", "磁盘上的日志队列已满或无法写入：有记录丢失。"},
		Action:   Text{"Free disk space, or raise storage.journal.max_disk, and see why the event engine does not take the records.", "请释放磁盘空间或调大 storage.journal.max_disk，并检查事件引擎为何没有接收这些记录。"},
		Evidence: []Evidence{count("lost", n), {"bytes", strconv.FormatInt(f.JournalBytes, 10)}, {"max_bytes", strconv.FormatInt(f.JournalMax, 10)}},
	}
	if f.JournalErr != "" {
		c.Evidence = append(c.Evidence, Evidence{"error", f.JournalErr})
	}
	return c
}

func readOnly(f *Facts) *Cause {
	if !f.ReadOnly {
		return nil
	}
	return &Cause{
		Code: CauseReadOnly, Severity: f.blame(),
		Message: Text{"The disk is nearly full: the event engine stores nothing more.", "磁盘几乎已满：事件引擎不再存储新数据。"},
		Action:  Text{"Free disk space, or lower storage.events.max_disk or storage.events.retention.", "请释放磁盘空间，或调低 storage.events.max_disk 或 storage.events.retention。"},
	}
}

func nothingReceived(f *Facts) *Cause {
	if f.Stored > 0 || f.Received > 0 || f.Ahead > 0 || f.Engine != "" {
		return nil
	}
	c := &Cause{
		Code: CauseNothingReceived, Severity: CauseError,
		Message:  Text{"Nothing was ever received: no call, span or log has come in.", "从未收到任何数据：没有调用、Span 或日志进来过。"},
		Action:   Text{"Point a client at the gateway or a telemetry sender at the OTLP port; the first-run page has the lines to copy. In containers, localhost is the container itself.", "请将客户端指向网关，或将遥测发送端指向 OTLP 端口；首次运行页面有可复制的配置。在容器中，localhost 指的是容器自身。"},
		Evidence: []Evidence{moment("started", f.Started)},
	}
	if len(f.Refused) > 0 {
		c.Severity = CauseWarning // somebody tries
	}
	return c
}

func refused(f *Facts) *Cause {
	if len(f.Refused) == 0 {
		return nil
	}
	c := &Cause{
		Code: CauseRefused, Severity: f.blame(),
		Message: Text{"Requests of telemetry senders were refused.", "遥测发送端的请求被拒绝。"},
	}
	en, zh := []string{}, []string{}
	for _, r := range f.Refused {
		c.Evidence = append(c.Evidence, count(r.What+" "+r.Code, r.Count))
		e, z := refusal(r.Code)
		if !slices.Contains(en, e) {
			en, zh = append(en, e), append(zh, z)
		}
	}
	c.Action = Text{strings.Join(en, " "), strings.Join(zh, "")}
	return c
}

// refusal says what to do about requests that were answered with a code.
func refusal(code string) (en, zh string) {
	switch code {
	case "413", "ResourceExhausted":
		return "Messages are too large: make the sender's batches smaller (OTEL_BSP_MAX_EXPORT_BATCH_SIZE) or raise otlp.max_message.", "消息过大：请减小发送端的批量（OTEL_BSP_MAX_EXPORT_BATCH_SIZE）或调大 otlp.max_message。"
	case "415":
		return "The content type is not one of OTLP: set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf, http/json or grpc, and use the port that goes with it (4318, or 4317 for grpc).", "内容类型不属于 OTLP：请将 OTEL_EXPORTER_OTLP_PROTOCOL 设为 http/protobuf、http/json 或 grpc，并使用对应的端口（4318；grpc 为 4317）。"
	case "401", "403", "Unauthenticated", "PermissionDenied":
		return "Credentials are missing or wrong, or the host name is not allowed (--allow-host): the sender's log has the answer.", "缺少凭据或凭据错误，或者主机名未被允许（--allow-host）：发送端的日志中有应答内容。"
	case "404", "405", "Unimplemented":
		return "The path is wrong: /v1/traces, /v1/logs and /v1/metrics on the OTLP port; most exporters want the address without the path.", "路径错误：OTLP 端口上应为 /v1/traces、/v1/logs 和 /v1/metrics；多数导出器只需填写不带路径的地址。"
	case "429", "503", "Unavailable":
		return "The server was overloaded and told the senders to come again.", "服务器过载，已要求发送端稍后重试。"
	case "400", "InvalidArgument":
		return "Messages cannot be decoded: does the sender speak OTLP, and is the compression none or gzip?", "消息无法解码：发送端使用的是 OTLP 吗？压缩方式是否为无或 gzip？"
	}
	return "The server's log and the sender's say more.", "服务器和发送端的日志中有更多信息。"
}

// expected are the reasons for which records are dropped as they should be.
var expected = []string{"duplicate", "sampled", "refused"}

func dropped(f *Facts) *Cause {
	c := &Cause{
		Code: CauseDropped, Severity: f.blame(),
		Message: Text{"Records were received and then dropped.", "记录已收到但随后被丢弃。"},
	}
	var reasons []string
	for reason, n := range f.Dropped {
		if n > 0 && !slices.Contains(expected, reason) && !strings.HasPrefix(reason, "journal_") {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	slices.SortFunc(reasons, func(a, b string) int {
		return cmp.Or(cmp.Compare(f.Dropped[b], f.Dropped[a]), strings.Compare(a, b))
	})
	for _, r := range reasons {
		c.Evidence = append(c.Evidence, count(r, f.Dropped[r]))
	}
	switch reasons[0] {
	case "too_old":
		c.Action = Text{"They are older than the retention: check the sender's clock, or raise storage.events.retention before old data is imported.", "它们早于保留期：请检查发送端的时钟，或在导入旧数据之前调大 storage.events.retention。"}
	case "too_large":
		c.Action = Text{"They are larger than a row can be: lower capture.max_chars.", "它们超过了单行上限：请调低 capture.max_chars。"}
	case "queue_full":
		c.Action = Text{"They came faster than the disk takes them: raise pipeline.queue, or give Pitot a faster disk.", "到达速度超过了磁盘写入速度：请调大 pipeline.queue，或使用更快的磁盘。"}
	default:
		c.Action = Text{"The ledger (GET /api/pitot/v1/ledger) has the reasons, and the server's log says more.", "账目（GET /api/pitot/v1/ledger）列出了原因，服务器日志中有更多信息。"}
	}
	return c
}

// skew is from when on a clock is wrong rather than inexact.
const skew = 2 * time.Minute

func clockSkew(f *Facts) *Cause {
	c := &Cause{
		Code: CauseClockSkew, Severity: f.blame(),
		Action: Text{"Set the clock of the sender's machine (NTP); Pitot shows calls at the time that their sender gives.", "请校准发送端机器的时钟（NTP）；Pitot 按发送端给出的时间显示调用。"},
	}
	switch {
	case f.Ahead > 0 && f.AheadLast.After(f.Now.Add(skew)):
		c.Message = Text{"Calls have times that are yet to come: the clock of a sender is ahead.", "有些调用的时间在未来：某个发送端的时钟快了。"}
		c.Evidence = []Evidence{{"calls", strconv.FormatInt(f.Ahead, 10)}, moment("latest", f.AheadLast), {"ahead", f.AheadLast.Sub(f.Now).Round(time.Second).String()}}
		c.Start, c.End = f.Now, f.AheadLast.Add(time.Second)
	case f.Stores > 0 && !f.Last.IsZero() && f.Last.Before(f.Started.Add(-skew)):
		c.Message = Text{"Records came in since the server started, but the newest call is older than that: the clock of a sender is behind, or it sends old data.", "服务器启动后收到了记录，但最新的调用早于启动时间：某个发送端的时钟慢了，或发送的是旧数据。"}
		c.Evidence = []Evidence{count("stored_since_start", f.Stores), moment("started", f.Started), moment("latest", f.Last)}
		c.Start, c.End = f.First, f.Last.Add(time.Second)
	default:
		return nil
	}
	return c
}

func retentionRemoved(f *Facts) *Cause {
	if f.Retention <= 0 {
		return nil
	}
	oldest := f.Now.Add(-f.Retention)
	if f.Start.IsZero() || !f.Start.Before(oldest) {
		return nil
	}
	c := &Cause{
		Code: CauseRetention, Severity: CauseInfo,
		Message:  Text{"The range begins before what is kept: older data was removed.", "时间范围早于保留期：更早的数据已被删除。"},
		Action:   Text{"Raise storage.events.retention to keep more from now on; what was removed does not come back.", "调大 storage.events.retention 可从现在起保留更久；已删除的数据无法恢复。"},
		Evidence: []Evidence{{"retention", f.Retention.String()}, moment("kept_from", oldest)},
	}
	if !f.End.IsZero() && !f.End.After(oldest) {
		c.Severity = f.blame()
	}
	return c
}

func filterExcludes(f *Facts) *Cause {
	if !f.Filtered || f.Matching > 0 || f.InRange == 0 && f.MatchingFirst.IsZero() {
		return nil
	}
	if f.InRange == 0 {
		return nil // the range is at fault: the filter finds something elsewhere
	}
	c := &Cause{
		Code: CauseFilter, Severity: CauseError,
		Message:  Text{"The range has calls, but none that the filter selects.", "该时间范围内有调用，但没有符合筛选条件的。"},
		Action:   Text{"Remove conditions one by one; names are compared exactly, capitals included.", "请逐个移除条件；名称需完全一致，区分大小写。"},
		Evidence: []Evidence{{"calls_in_range", strconv.FormatInt(f.InRange, 10)}},
	}
	if !f.MatchingFirst.IsZero() {
		c.Action = Text{"The filter selects calls of another time: choose the range that has them, or remove conditions.", "符合条件的调用在其他时间：请选择有数据的时间范围，或移除部分条件。"}
		c.Evidence = append(c.Evidence, moment("data_from", f.MatchingFirst), moment("data_to", f.MatchingLast))
		c.Start, c.End = f.MatchingFirst, f.MatchingLast.Add(time.Second)
	}
	return c
}

func rangeExcludes(f *Facts) *Cause {
	if f.InRange > 0 || f.Stored == 0 || f.First.IsZero() {
		return nil
	}
	first, last := f.First, f.Last
	if f.Filtered && !f.MatchingFirst.IsZero() {
		first, last = f.MatchingFirst, f.MatchingLast
	}
	return &Cause{
		Code: CauseRange, Severity: CauseError,
		Message:  Text{"The range has no calls, but there are calls of another time.", "该时间范围内没有调用，但其他时间有。"},
		Action:   Text{"Choose a range that has data.", "请选择有数据的时间范围。"},
		Evidence: []Evidence{{"calls", strconv.FormatInt(f.Stored, 10)}, moment("data_from", first), moment("data_to", last)},
		Start:    first, End: last.Add(time.Second),
	}
}

// backlogAge is how old what waits in the journal may be.
const backlogAge = 30 * time.Second

func backlog(f *Facts) *Cause {
	if f.JournalWaiting == 0 || f.JournalLag < backlogAge {
		return nil
	}
	return &Cause{
		Code: CauseBacklog, Severity: f.blame(),
		Message:  Text{"Records wait in the journal and are not in the event store yet.", "有记录在日志队列中等待，尚未进入事件存储。"},
		Action:   Text{"They show by themselves when the event engine has caught up; if the number grows, see the server's log.", "事件引擎赶上后会自动显示；若数量持续增加，请查看服务器日志。"},
		Evidence: []Evidence{count("waiting", f.JournalWaiting), {"oldest", f.JournalLag.Round(time.Second).String()}},
	}
}

// maxTargets is how many targets are named as evidence.
const maxTargets = 10

func targetsDown(f *Facts) *Cause {
	c := &Cause{
		Code: CauseTargets, Severity: CauseWarning,
		Message: Text{"Scrape targets are down: their metrics are missing.", "有抓取目标不可用：缺少它们的指标。"},
		Action:  Text{"See whether the address is right and reachable from this machine: GET /api/v1/targets.", "请检查地址是否正确、能否从本机访问：GET /api/v1/targets。"},
	}
	for _, t := range f.Targets {
		if t.Up {
			continue
		}
		if len(c.Evidence) < maxTargets {
			c.Evidence = append(c.Evidence, Evidence{t.Job + " " + t.URL, cmp.Or(t.Error, "down")})
		}
	}
	if len(c.Evidence) == 0 {
		return nil
	}
	return c
}

func sampled(f *Facts) *Cause {
	if n := f.Dropped["sampled"]; f.SamplingRate < 1 && (n > 0 || f.SamplingRate > 0 || f.Received > 0) {
		return &Cause{
			Code: CauseSampled, Severity: CauseInfo,
			Message:  Text{"Only a share of the calls is stored in detail: lists and traces lack the others. Totals, costs and metrics count all.", "只有部分调用保存了详情：列表和链路中缺少其余的。总数、费用和指标包含全部调用。"},
			Action:   Text{"Set pipeline.sampling.rate to 1 to keep all.", "将 pipeline.sampling.rate 设为 1 可保留全部。"},
			Evidence: []Evidence{{"rate", fmt.Sprintf("%g", f.SamplingRate)}, count("sampled", n)},
		}
	}
	return nil
}

func captureOff(f *Facts) *Cause {
	if f.ContentKept == "" || f.ContentKept == "full" {
		return nil
	}
	c := &Cause{
		Code: CauseCapture, Severity: CauseInfo,
		Message:  Text{"Prompts and answers are not kept: the policy keeps numbers and names only.", "不保存提示词和回答：策略只保留数字和名称。"},
		Action:   Text{"Set capture.content to full to keep them from now on; see privacy.md for what is masked.", "将 capture.content 设为 full 可从现在起保存；关于脱敏请参见 privacy.md。"},
		Evidence: []Evidence{{"capture.content", f.ContentKept}},
	}
	if f.ContentKept == "summary" {
		c.Message = Text{"Prompts and answers are shortened: the policy keeps summaries.", "提示词和回答被截短：策略只保留摘要。"}
	}
	return c
}
