package explain

import (
	"fmt"
	"strings"
)

// describeZH names the Calls of a condition.
func (c Condition) describeZH() string {
	switch c.Dimension {
	case DimStream.String():
		if c.Value == "true" {
			return "流式应答"
		}
		return "非流式应答"
	case DimInputBand.String():
		return "长度为 " + c.Value + " token 的提示词"
	}
	if tag, ok := strings.CutPrefix(c.Dimension, tagPrefix); ok {
		return "标签 " + tag + "=" + c.Value
	}
	if d, ok := ParseDim(c.Dimension); ok {
		return dimTable[d].zh + " " + c.Value
	}
	return c.Dimension + " " + c.Value
}

// whoZH names the Calls of a cause.
func whoZH(conds []Condition) string {
	if len(conds) == 0 {
		return "所有调用"
	}
	parts := make([]string, len(conds))
	for i, c := range conds {
		parts[i] = c.describeZH()
	}
	return strings.Join(parts, "且")
}

// leadZH says what the metric is and was.
func (a *analysis) leadZH() string {
	o := &a.overall
	if !o.known[window] {
		return a.info.zh + "（当前未知）"
	}
	if a.info.family == famVolume && a.byCalls {
		return a.info.zh + "，所选调用与基线调用相比"
	}
	s := a.info.zh + " " + a.info.text(o.value[window])
	if o.known[baseline] {
		s += "（" + a.beforeZH + " " + a.info.text(o.value[baseline]) + "）"
	}
	return s
}

// causeZH is a cause in words, without what the metric is.
func (a *analysis) causeZH(f *finding) string {
	c := &f.cause
	who := whoZH(c.Conditions)
	var b strings.Builder
	switch {
	case len(c.Outcome) > 0 && c.EventShare.Known():
		fmt.Fprintf(&b, "%s 的错误是%s的 %s", percent(c.EventShare.Or(0)), who, outcomeText(c.Outcome))
		if v, ok := c.Window.Get(); ok && len(c.Conditions) > 0 && a.info.family == famRatio {
			fmt.Fprintf(&b, "，其调用的 %s 失败%s", percent(v), a.insteadZH(c))
		}
	case c.Kind == Volume && a.byCalls:
		fmt.Fprintf(&b, "%s：占总量的 %s（%s %s）", who, percent(c.WindowShare.Or(0)), a.beforeZH, percent(c.BaselineShare.Or(0)))
	case c.Kind == Volume:
		fmt.Fprintf(&b, "%s：%s%s，占总量的 %s（%s %s）", who, a.value(c.Window), a.insteadZH(c), percent(c.WindowShare.Or(0)), a.beforeZH, percent(c.BaselineShare.Or(0)))
	case c.Kind == Mix:
		fmt.Fprintf(&b, "%s：占调用的 %s（%s %s）", who, percent(c.WindowShare.Or(0)), a.beforeZH, percent(c.BaselineShare.Or(0)))
		if c.Window.Known() {
			fmt.Fprintf(&b, "，其%s为 %s", a.info.zh, a.value(c.Window))
		}
	default:
		fmt.Fprintf(&b, "%s：%s", who, a.value(c.Window))
		if c.New {
			fmt.Fprintf(&b, "，新出现，占调用的 %s", percent(c.WindowShare.Or(0)))
		} else {
			b.WriteString(a.insteadZH(c))
		}
	}
	if v, ok := c.Contribution.Get(); ok && a.overall.significant && v >= 0.05 && (len(c.Outcome) == 0 || !c.EventShare.Known()) && len(c.Conditions) > 0 {
		fmt.Fprintf(&b, "，占变化的 %s", percent(min(v, 1)))
	}
	ref := span(a.req.Window.Ranges).End
	if c.Since != nil {
		b.WriteString("，自 " + clock(*c.Since, ref, a.req.Location) + " 起")
	}
	if c.Until != nil {
		b.WriteString("至 " + clock(*c.Until, ref, a.req.Location))
	}
	for i, d := range c.Details {
		if i == 2 {
			break
		}
		b.WriteString("；" + d.TextZH)
	}
	return b.String()
}

func (a *analysis) detailZH(d *Detail) string {
	what := "调用"
	switch {
	case a.info.family == famRatio, a.info.num == NumOne:
		what = "请求"
	case a.info.family != famVolume:
	case a.info.num == NumCost:
		what = "费用"
	default:
		what = " token"
	}
	if d.New {
		return fmt.Sprintf("其%s的 %s 属于%s", what, percent(d.WindowShare), Condition{d.Dimension, d.Value}.describeZH())
	}
	return fmt.Sprintf("%s占其%s的 %s（%s %s）", Condition{d.Dimension, d.Value}.describeZH(), what, percent(d.WindowShare), a.beforeZH, percent(d.BaselineShare))
}

func (a *analysis) insteadZH(c *Cause) string {
	if v, ok := c.Baseline.Get(); ok {
		return "（" + a.beforeZH + " " + a.info.text(v) + "）"
	}
	return ""
}

// summaryZH is the whole result in a sentence or two.
func (a *analysis) summaryZH() string {
	lead := a.leadZH()
	switch a.out.Verdict {
	case Unknown:
		return lead + "：调用太少，无法说明原因。"
	case Unchanged:
		return lead + "：没有超出偶然波动的变化。"
	case Uniform:
		if len(a.found) == 0 {
			return lead + "：各部分流量同步变化，没有突出的部分。"
		}
	case Unexplained:
		return lead + "：发生了变化，但没有突出的部分。"
	default: // as below
	}
	s := lead + "：" + a.causeZH(a.found[0])
	if p := a.out.Phases; p != nil && p.TextZH != "" && p.Of <= 0 {
		s += "；" + p.TextZH
	}
	s += "。"
	if len(a.found) > 1 {
		s += "另外：" + a.causeZH(a.found[1]) + "。"
	}
	return s
}

// phasesZH says which phase grew.
func (p *Phases) phasesZH() string {
	if p.Dominant == "" {
		return ""
	}
	for _, c := range p.Parts {
		if c.Phase != p.Dominant {
			continue
		}
		name := map[string]string{
			PhaseConnect: "建立连接", PhaseQueue: "排队等待", PhaseLoad: "加载模型", PhasePrefill: "预填充（处理提示词）",
			PhaseWait: "排队或预填充", PhaseDecode: "解码变慢", PhaseStalls: "流式卡顿", PhaseLength: "应答变长",
		}[c.Phase]
		s := fmt.Sprintf("其中 %s 来自%s（平均 +%s）", percent(min(c.Share, 1)), name, seconds(c.Window-c.Baseline))
		if c.Evidence == "inferred" {
			s += "，由提示词长度推断"
		}
		return s
	}
	return ""
}
