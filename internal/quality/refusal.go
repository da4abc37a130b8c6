package quality

import (
	"regexp"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// refusalHead is how much of an answer is looked at: who refuses says so first.
const refusalHead = 360

// refusing are the ways to say no. They need a word of help or of rules beside
// the inability, or one that says refusal by itself: "I can't wait" and "the
// order cannot be changed" are none.
type refusing struct {
	triggersEN, triggersZH []string
	english, chinese, not  *regexp.Regexp
}

func newRefusing() *refusing {
	const (
		unable = `(?:can(?:'?t|not| not)|won'?t(?: be able to)?|will not(?: be able to)?|(?:am|'m|are|'re) (?:unable|not able|not allowed|not permitted|not programmed|not designed|not going|not in a position|not comfortable) ?(?:to|with)?|do not feel comfortable|don'?t feel comfortable|must (?:respectfully )?(?:decline|refuse)|(?:have|need|'ll have) to (?:respectfully )?(?:decline|refuse)|(?:respectfully )?(?:decline|refuse) to)`
		help   = `(?:help|assist|provid|fulfil|comply|compli|answer|discuss|engage|support|tak(?:e|ing) part|creat|generat|produc|writ|shar|giv|offer|do that|do this|continue|complet|respond|accommodate|facilitat|encourag|promot|process (?:this|that|your)|carry out|go along|advise|talk about|teach|explain how|describe how|show you how|tell you how|walk you|disclos|reveal|speculat|impersonat|role ?play|make (?:that|this|such)|proceed|touch)`
	)
	return &refusing{
		triggersEN: []string{"can't", "cant ", "cannot", "can not", "won't", "will not", "unable", "not able", "declin", "refus", "not allowed", "not permitted", "not comfortable", "feel comfortable", "not programmed", "not designed", "not going", "not in a position", "against my", "violat", "not appropriate", "not something"},
		triggersZH: []string{"无法", "不能", "不可以", "不会", "不便", "拒绝", "没办法", "没有办法", "无可奉告", "不方便", "無法", "拒絕", "沒辦法"},
		english: regexp.MustCompile(`\b(?:i|we)(?: am| are|'m|'re)?(?: (?:really|truly|very|so|deeply))?(?: (?:sorry|afraid))?[,;:.]?(?: (?:but|that|however|because|and|unfortunately|as an ai(?: (?:language )?(?:model|assistant))?|,))*(?: i| we)?(?: (?:just|simply|also|really|currently|therefore|personally|kindly|must|have to))* ?` + unable + `(?: \w+){0,4}? ?` + help +
			`|\bi'(?:ll|m going to) have to (?:\w+ )?(?:decline|refuse)\b|\b(?:i|we)(?: (?:just|simply|also|really))? ?` + unable + ` (?:with )?(?:that|this|your request)\b` +
			`|\b(?:i|we) (?:must|have to|need to|will have to|am going to have to) (?:respectfully |politely |firmly )?(?:decline|refuse)\b` +
			`|\b(?:against|violat\w+|outside(?: of)?) (?:my|our|openai'?s?|anthropic'?s?|the) (?:\w+ )?(?:guidelines|polic(?:y|ies)|programming|principles|terms|rules|ethical)` +
			`|\bsorry,? (?:but )?(?:that|this)(?:'s| is) (?:not )?(?:something|against)[^.]{0,60}(?:can'?t|cannot|won'?t|not able|policy|guidelines)` +
			`|\b(?:that|this)(?:'s| is) not something (?:that )?i(?:'m| am| can|'d| would)\b` +
			`|\bsorry,? (?:but )?(?:i |we )?(?:can'?t|cannot|won'?t|am unable to|'m unable to) (?:\w+ ){0,3}?(?:` + help + `)`),
		chinese: regexp.MustCompile(`(?:我们?|本?助手|作为(?:一个|一名)?(?:AI|ai|人工智能|语言模型)[^。！？\n]{0,20}|(?:抱歉|对不起|很遗憾|不好意思|抱歉地|对此|請|请)[^。！？\n]{0,24}?)[^。！？\n你您]{0,8}?(?:无法|無法|不能|不可以|不会|没办法|没有办法|沒辦法|不便|不方便|拒绝|拒絕)[^。！？\n，,]{0,10}?(?:帮助|協助|协助|提供|回答|满足|滿足|讨论|討論|继续|繼續|参与|支持|完成|生成|编写|撰写|创作|处理(?:这|该|您|你)|执行|给出|分享|透露|泄露|告诉|教|解答|评论|响应|回应|配合|涉及|发表|遵从|写|做(?:这|到)|答应|给您|给你|为您|为你|帮)` +
			`|(?:这|該|该|此|你的|您的)(?:个|類|类|种|項|项)?(?:请求|問題|问题|要求|内容|话题)[^。！？\n]{0,16}?(?:违反|違反|不符合|超出了?我|不适合|不合适|我无法|我不能)` +
			`|(?:我|我们)(?:必须|只能|需要|不得不)?(?:婉拒|拒绝|拒絕)(?:回答|提供|这|该|你|您|此)?|无可奉告|不便(?:回答|透露|讨论|评论)`),
		not: regexp.MustCompile(`\bcan(?:'?t|not) (?:\w+ )?(?:wait|stress|emphasi[sz]e|recommend (?:it|this|them|him|her) (?:enough|highly)|help but|thank|overstate|promise|guarantee|agree more|complain)\b|\bhelp (?:but|it)\b`),
	}
}

// refusal says whether the model did what was asked.
func (r *refusing) judge(c *llm.Call, answer string) (Judgement, bool) {
	const name = "refusal"
	for _, reason := range c.FinishReasons {
		if reason == "content_filter" || reason == "refusal" {
			return bad(name, reason, "the answer ended with the finish reason "+reason), true
		}
	}
	for i := range c.Output {
		for j := range c.Output[i].Parts {
			if p := &c.Output[i].Parts[j]; p.Type == llm.PartRefusal && strings.TrimSpace(p.Content) != "" {
				return bad(name, "refused", "the provider marked the answer as a refusal"), true
			}
		}
	}
	if answer == "" {
		return Judgement{}, false
	}
	if r.refuses(answer) {
		return bad(name, "refused", "the answer begins with a refusal"), true
	}
	return good(name), true
}

func (r *refusing) refuses(answer string) bool {
	head := strings.TrimSpace(prefix(answer, refusalHead))
	lower := strings.ReplaceAll(strings.ToLower(head), "’", "'")
	for _, t := range r.triggersEN {
		if strings.Contains(lower, t) {
			lower = strings.Join(strings.Fields(lower), " ")
			return r.english.MatchString(r.not.ReplaceAllString(lower, "…"))
		}
	}
	for _, t := range r.triggersZH {
		if strings.Contains(head, t) {
			return r.chinese.MatchString(head)
		}
	}
	return false
}
