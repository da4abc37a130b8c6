package corpus

import "math/rand/v2"

func pick(r *rand.Rand, words []string) string { return words[r.IntN(len(words))] }

// vocabulary is the words of one language by their place in a sentence.
type vocabulary struct {
	subject, verb, adjective, object, place, extra, rare []string
}

func englishWords() *vocabulary {
	return &vocabulary{
		subject:   []string{"The customer", "The gateway", "Our team", "This request", "The invoice", "The scheduler", "The retriever", "A worker", "The index", "The router", "The checkout page", "The migration", "The nightly job", "The agent", "The index builder", "The parser"},
		verb:      []string{"needs", "returns", "updates", "rejects", "retries", "merges", "explains", "measures", "sends", "reads", "caches", "splits", "validates", "summarises", "compares", "ships"},
		adjective: []string{"a small", "the latest", "an open", "the second", "a partial", "the expired", "a signed", "the failing", "an empty", "the slow", "a duplicate", "the cached", "a weekly", "the pending"},
		object:    []string{"order", "refund", "token", "report", "pull request", "shipment", "embedding", "answer", "timeout", "certificate", "schema", "ticket", "deployment", "query plan", "discount", "contract"},
		place:     []string{"in the warehouse", "before the deadline", "after the restart", "on the second node", "without a retry", "for the mobile client", "in the staging cluster", "during the night", "with the new prompt", "at the edge", "from the archive", "under heavy load"},
		extra:     []string{"Check the log first.", "It takes about two minutes.", "Step one is to open the settings.", "This is expected.", "Please confirm the address.", "Nothing else has to change.", "Use the smaller model here.", "The numbers add up."},
		rare:      []string{"zephyr", "quokka", "obelisk", "marzipan", "theodolite", "isthmus"},
	}
}

func chineseWords() *vocabulary {
	return &vocabulary{
		subject:   []string{"客户", "网关", "我们", "这个请求", "发票", "调度器", "订单", "索引", "智能体", "用户", "系统", "后台任务"},
		verb:      []string{"需要", "返回", "更新", "拒绝", "重试", "解释", "检查", "发送", "读取", "缓存", "验证", "总结"},
		adjective: []string{"最新的", "第二个", "过期的", "重复的", "较慢的", "失败的", "待处理的", "空的"},
		object:    []string{"退款", "令牌", "报告", "物流信息", "向量", "回答", "超时", "证书", "工单", "部署", "查询计划", "合同"},
		place:     []string{"在仓库里", "重启之后", "截止日期之前", "在第二个节点上", "高负载时", "在移动端", "通过新的提示词", "在夜间"},
		extra:     []string{"请先查看日志。", "大约需要两分钟。", "这是正常现象。", "请确认收货地址。", "其他设置不用修改。", "数字是一致的。"},
		rare:      []string{"琥珀", "麒麟", "罗盘", "蜃楼"},
	}
}

// words splits a phrase at its spaces; each token but the last keeps its space.
func words(phrase string, token func(string)) {
	start := 0
	for i := range len(phrase) {
		if phrase[i] == ' ' {
			token(phrase[start : i+1])
			start = i + 1
		}
	}
	token(phrase[start:] + " ")
}

func englishSentence(r *rand.Rand, token func(string)) {
	v := englishWords()
	if r.IntN(6) == 0 {
		words(pick(r, v.extra), token)
		return
	}
	words(pick(r, v.subject), token)
	words(pick(r, v.verb), token)
	words(pick(r, v.adjective), token)
	if r.IntN(150) == 0 {
		words(pick(r, v.rare), token)
	}
	object := pick(r, v.object)
	if r.IntN(2) == 0 {
		words(object, token)
		object = pick(r, v.place)
	}
	words(object+".", token)
}

// runes splits a Chinese phrase into tokens of two characters, about what a
// tokenizer makes of it.
func runes(phrase string, token func(string)) {
	start, n := 0, 0
	for i := range phrase {
		if n == 2 {
			token(phrase[start:i])
			start, n = i, 0
		}
		n++
	}
	token(phrase[start:])
}

func chineseSentence(r *rand.Rand, token func(string)) {
	v := chineseWords()
	if r.IntN(6) == 0 {
		runes(pick(r, v.extra), token)
		return
	}
	if r.IntN(2) == 0 {
		runes(pick(r, v.place), token)
		token("，")
	}
	runes(pick(r, v.subject), token)
	runes(pick(r, v.verb), token)
	runes(pick(r, v.adjective), token)
	if r.IntN(150) == 0 {
		runes(pick(r, v.rare), token)
	}
	runes(pick(r, v.object), token)
	token("。")
}
