package traffic

// codeExchanges are what developers ask the code assistant.
func codeExchanges() []exchange {
	return []exchange{
		{
			ask:    "// Retry calls f up to n times with exponential backoff.\nfunc Retry(ctx context.Context, n int, f func() error) error {",
			short:  "\tvar err error\n\tfor i := range n {",
			medium: "\tvar err error\n\tfor i := range n {\n\t\tif err = f(); err == nil {\n\t\t\treturn nil\n\t\t}\n\t\tselect {\n\t\tcase <-time.After(100 * time.Millisecond << i):\n\t\tcase <-ctx.Done():\n\t\t\treturn ctx.Err()\n\t\t}\n\t}\n\treturn err\n}",
			long:   "Here is the function, with jitter so that clients do not retry in step:\n\n```go\nfunc Retry(ctx context.Context, n int, f func() error) error {\n\tvar err error\n\tfor i := range n {\n\t\tif err = f(); err == nil {\n\t\t\treturn nil\n\t\t}\n\t\twait := 100 * time.Millisecond << i\n\t\twait += rand.N(wait / 2)\n\t\tselect {\n\t\tcase <-time.After(wait):\n\t\tcase <-ctx.Done():\n\t\t\treturn errors.Join(ctx.Err(), err)\n\t\t}\n\t}\n\treturn fmt.Errorf(\"gave up after %d attempts: %w\", n, err)\n}\n```\n\nThree things to note:\n\n- `n` of 0 returns a wrapped `nil`; guard against it where you call it.\n- The last wait is pointless; break out of the loop before it if that matters.\n- Errors that never go away (a 400) should not be retried: let `f` mark them.",
		},
		{
			ask:    "def parse_line(line: str) -> dict[str, str]:\n    \"\"\"Parse 'key=value; key=value' into a dict.\"\"\"",
			short:  "    return dict(p.strip().split(\"=\", 1) for p in line.split(\";\") if p.strip())",
			medium: "    out: dict[str, str] = {}\n    for part in line.split(\";\"):\n        part = part.strip()\n        if not part:\n            continue\n        key, sep, value = part.partition(\"=\")\n        if not sep:\n            raise ValueError(f\"no value: {part!r}\")\n        out[key.strip()] = value.strip()\n    return out",
		},
		{
			ask:    "SQL: top 10 customers by revenue in the last 30 days, with their share of the total",
			short:  "SELECT customer_id, SUM(amount) FROM orders GROUP BY 1 ORDER BY 2 DESC LIMIT 10;",
			medium: "```sql\nSELECT customer_id,\n       SUM(amount) AS revenue,\n       SUM(amount) / SUM(SUM(amount)) OVER () AS share\nFROM orders\nWHERE created_at >= now() - interval '30 days'\nGROUP BY customer_id\nORDER BY revenue DESC\nLIMIT 10;\n```",
			long:   "```sql\nWITH recent AS (\n  SELECT customer_id, SUM(amount) AS revenue\n  FROM orders\n  WHERE created_at >= now() - interval '30 days'\n    AND status <> 'cancelled'\n  GROUP BY customer_id\n)\nSELECT customer_id,\n       revenue,\n       round(100 * revenue / SUM(revenue) OVER (), 1) AS percent,\n       rank() OVER (ORDER BY revenue DESC) AS place\nFROM recent\nORDER BY revenue DESC\nLIMIT 10;\n```\n\nThe window sum runs over all customers, as `LIMIT` is applied last. An index on `(created_at, customer_id) INCLUDE (amount, status)` makes it an index-only scan.",
		},
		{
			ask:    "export function debounce<T extends (...a: any[]) => void>(f: T, ms: number) {",
			short:  "  let t: ReturnType<typeof setTimeout> | undefined;",
			medium: "  let t: ReturnType<typeof setTimeout> | undefined;\n  return (...a: Parameters<T>) => {\n    clearTimeout(t);\n    t = setTimeout(() => f(...a), ms);\n  };\n}",
		},
		{
			ask:    "Why does this test fail only in CI?\n\n    assert time.time() - start < 0.05",
			short:  "It measures wall time; CI is slower.",
			medium: "It measures wall time on a machine that others share. In CI the process can be paused for longer than 50 ms. Assert on what was done, not on how long it took, or inject a clock.",
			long:   "It measures wall time on a machine that others share: a pause of the process is enough to fail it.\n\nBetter ways, the best first:\n\n1. **Inject a clock.** Pass `now` to the code and move it in the test.\n2. **Count.** Assert that the slow path was not taken, e.g. `assert db.calls == 1`.\n3. **Compare.** Measure both variants in the same run and assert on the ratio, with a wide margin.\n\n```python\nclass Clock:\n    def __init__(self): self.t = 0.0\n    def __call__(self): return self.t\n    def advance(self, s): self.t += s\n```\n\nWhat remains should be a benchmark, not a test.",
		},
		{
			ask:    "用 Go 写一个并发安全的 LRU 缓存的 Get 方法",
			short:  "加锁，查 map，找到后把节点移到链表头部再返回。",
			medium: "```go\nfunc (c *LRU[K, V]) Get(k K) (V, bool) {\n\tc.mu.Lock()\n\tdefer c.mu.Unlock()\n\te, ok := c.items[k]\n\tif !ok {\n\t\tvar zero V\n\t\treturn zero, false\n\t}\n\tc.order.MoveToFront(e)\n\treturn e.Value.(*entry[K, V]).value, true\n}\n```\n\n注意这里必须用互斥锁而不是读写锁：`Get` 也会修改链表的顺序。",
		},
	}
}

// knowledgeExchanges are what people ask the knowledge base.
func knowledgeExchanges(chinese bool) []exchange {
	if chinese {
		return []exchange{
			{ask: "出差住宿的报销上限是多少？", short: "一线城市每晚 600 元，其他城市 450 元 [1]。", medium: "根据差旅制度 [1]：\n\n- 一线城市：每晚 **600 元**\n- 其他城市：每晚 **450 元**\n\n超出部分需要部门负责人事先批准 [2]。"},
			{ask: "新员工的试用期多久？", short: "三个月 [1]。", medium: "试用期为**三个月** [1]。经负责人同意可以提前转正，但不少于一个月 [2]。"},
			{ask: "如何申请生产环境的只读权限？", short: "在权限平台提交申请，负责人批准后生效 [1]。", medium: "1. 打开权限平台，选择“生产只读”[1]。\n2. 填写原因和期限（最长 30 天）。\n3. 由系统负责人批准 [2]。\n\n到期会自动收回。"},
		}
	}
	return []exchange{
		{
			ask:    "How many days of parental leave do we have?",
			short:  "16 weeks, paid in full [1].",
			medium: "You have **16 weeks**, paid in full, to be taken within the first two years [1]. Tell your lead and HR at least eight weeks before it starts [2].",
			long:   "You have **16 weeks**, paid in full [1].\n\n| Question | Answer | Source |\n|---|---|---|\n| Until when? | the child's second birthday | [1] |\n| In one piece? | up to three parts of two weeks or more | [1] |\n| Notice | eight weeks, to your lead and HR | [2] |\n| Part-time after it | yes, 50 to 80 % for a year | [3] |\n\nThe form is in the HR portal under *Leave → Parental*. Your vacation days are not touched by it [2].",
		},
		{ask: "What is our policy for laptops on customer networks?", short: "Only with the VPN and the firewall on [1].", medium: "Company laptops may join customer networks only with the **VPN and the firewall on** [1]. Guest networks are preferred; a cable in a server room needs the customer's written consent [3]."},
		{ask: "Who approves a change of the production database schema?", short: "The owning team and one database reviewer [2].", medium: "Two people: someone of the **owning team** and one **database reviewer** [2]. Changes that lock a table of more than a million rows also need a maintenance window [4]."},
		{
			ask:    "How do I get a GPU for an experiment?",
			short:  "Open a request in the platform portal; up to 8 hours need no approval [1].",
			medium: "1. Open *Platform → GPU → Request* [1].\n2. Choose a size; up to **8 GPU hours** a day need no approval.\n3. Add your team's cost centre [2].\n\nIdle machines are taken back after 30 minutes [1].",
		},
		{ask: "When was the refund window extended?", short: "In March, from 14 to 30 days [1].", medium: "The refund window was extended from 14 to **30 days** in March [1]. It holds for orders placed since then; older ones keep 14 days [2]."},
	}
}

// passages are what a search finds, with their places.
func passages() []string {
	return []string{
		"[1] handbook/people/leave.md — Parental leave is sixteen weeks with full pay. It may be split into at most three parts.",
		"[2] handbook/people/process.md — Requests go to the lead and to HR eight weeks ahead. Vacation is not affected.",
		"[3] handbook/security/networks.md — On networks of others the VPN is always on. Wired access needs consent in writing.",
		"[4] handbook/engineering/databases.md — Schema changes are reviewed by the owning team and one database reviewer.",
		"[1] 制度/差旅.md — 住宿标准：一线城市每晚六百元，其他城市四百五十元。",
		"[2] 制度/审批.md — 超出标准的费用须由部门负责人事先批准。",
	}
}

// researchTopic is something to find out, with what the tools say of it.
type researchTopic struct {
	exchange
	tools map[string]ToolRound
}

// researchTopics are what the research agent is told to find out.
func researchTopics() []researchTopic {
	return []researchTopic{
		{exchange: exchange{
			ask:    "Compare the prices of the three largest parcel carriers for a 2 kg parcel within the country and tell me which is cheapest for 500 parcels a month.",
			medium: "**Carrier B is cheapest** for 500 parcels a month.\n\n| Carrier | List price | 500 a month | Total |\n|---|---:|---:|---:|\n| A | 6.99 | 4.80 | 2,400 |\n| B | 5.49 | **4.10** | **2,050** |\n| C | 6.19 | 4.45 | 2,225 |\n\nB picks up twice a day, but takes a day longer to the islands.",
			long:   "## Result\n\n**Carrier B is cheapest** for 500 parcels of 2 kg a month: 2,050 against 2,225 (C) and 2,400 (A).\n\n| Carrier | List price | 500 a month | Total | Transit |\n|---|---:|---:|---:|---|\n| A | 6.99 | 4.80 | 2,400 | 1 day |\n| B | 5.49 | **4.10** | **2,050** | 1–2 days |\n| C | 6.19 | 4.45 | 2,225 | 1–2 days |\n\n## How I found it\n\n1. Price lists of the three carriers, as published this quarter.\n2. Our own contract data from `shipping.rates` for discounts by volume.\n3. Delivery times of the last 90 days from `shipping.events`.\n\n## What could change it\n\n- A surcharge for peak season (October to December) of 0.35 to 0.60 a parcel.\n- B's discount needs 400 parcels a month on average over a quarter.\n\n> Confidence: high for prices, medium for transit times: 4 % of the events have no scan at delivery.",
		}, tools: map[string]ToolRound{
			"search_web": {Args: `{"query":"parcel prices business customers 2 kg","limit":5}`, Result: `{"results":[{"title":"Price list for business customers","url":"https://carrier-b.example.com/prices","snippet":"From 400 parcels a month: 4.10 each up to 2 kg."},{"title":"Rates and surcharges","url":"https://carrier-a.example.com/rates","snippet":"Volume prices on request; 4.80 up to 2 kg."}],"took_ms":212}`},
			"fetch_page": {Args: `{"query":"https://carrier-b.example.com/prices","limit":1}`, Result: `{"url":"https://carrier-b.example.com/prices","status":200,"text":"Parcels up to 2 kg: 5.49. Business customers from 400 parcels a month: 4.10. Surcharge for peak season: 0.35."}`},
			"run_sql":    {Args: `{"query":"SELECT carrier, count(*), avg(days) FROM shipping.events GROUP BY carrier","limit":100}`, Result: `{"columns":["carrier","parcels","mean_days"],"rows":[["A",1204,1.1],["B",988,1.6],["C",431,1.5]],"row_count":3}`},
			"calculate":  {Args: `{"query":"500 * 4.10","limit":1}`, Result: `{"value":2050.0}`},
		}},
		{exchange: exchange{
			ask:    "Find out why sign-ups from the newsletter fell last week. Use the warehouse.",
			medium: "Sign-ups from the newsletter fell by **38 %** because the link in the second edition pointed to the old landing page.\n\n- Opens: 41 % (usual)\n- Clicks: 6.2 % (usual)\n- Sign-ups of clicks: 1.1 % instead of 4.9 %\n\nAll of the loss is in the second edition. The old page has no form.",
			long:   "## Finding\n\nSign-ups from the newsletter fell by **38 %**. The link in the second edition pointed to the old landing page, which has no form.\n\n| Edition | Sent | Clicks | Sign-ups | Rate |\n|---|---:|---:|---:|---:|\n| first | 18,204 | 1,129 | 55 | 4.9 % |\n| second | 18,190 | 1,140 | 12 | **1.1 %** |\n\n```sql\nSELECT edition, count(*) FILTER (WHERE signed_up) AS sign_ups\nFROM newsletter_clicks\nWHERE sent_at >= date_trunc('week', now()) - interval '7 days'\nGROUP BY edition;\n```\n\n## Advice\n\n1. Redirect the old page to the new one.\n2. Check links of a newsletter in the build, not by hand.",
		}, tools: map[string]ToolRound{
			"search_web": {Args: `{"query":"newsletter landing page conversion drop causes","limit":5}`, Result: `{"results":[{"title":"Ten reasons why sign-ups fall","url":"https://mail.example.org/reasons","snippet":"Check the link, the form and the load time of the page first."}],"took_ms":187}`},
			"fetch_page": {Args: `{"query":"https://shop.example.com/welcome-old","limit":1}`, Result: `{"url":"https://shop.example.com/welcome-old","status":200,"text":"Welcome to our shop. Read about our new collection."}`},
			"run_sql":    {Args: `{"query":"SELECT edition, count(*) FROM newsletter_clicks GROUP BY edition","limit":100}`, Result: `{"columns":["edition","sent","clicks","sign_ups"],"rows":[["first",18204,1129,55],["second",18190,1140,12]],"row_count":2}`},
			"calculate":  {Args: `{"query":"1 - 67 / 108","limit":1}`, Result: `{"value":0.3796}`},
		}},
		{exchange: exchange{
			ask:    "Summarise what changed in the data protection rules for call recordings this year.",
			medium: "Three things changed:\n\n1. Consent has to be asked **before** the recording starts, not at its start.\n2. Recordings that are used to train models need a consent of their own.\n3. The longest retention is six months unless a law says otherwise.\n\nOur current announcement covers the first point only.",
		}, tools: map[string]ToolRound{
			"search_web": {Args: `{"query":"call recordings consent rules this year","limit":5}`, Result: `{"results":[{"title":"What changed for call recordings","url":"https://law.example.org/recordings","snippet":"Consent before the recording, separate consent for training."}],"took_ms":166}`},
			"fetch_page": {Args: `{"query":"https://law.example.org/recordings","limit":1}`, Result: `{"url":"https://law.example.org/recordings","status":200,"text":"Consent must be given before a recording starts. Use for training needs consent of its own. Recordings are kept for six months at most."}`},
			"run_sql":    {Args: `{"query":"SELECT min(age_days), max(age_days) FROM call_recordings","limit":10}`, Result: `{"columns":["min","max"],"rows":[[0,412]],"row_count":1}`},
			"calculate":  {Args: `{"query":"412 - 183","limit":1}`, Result: `{"value":229.0}`},
		}},
	}
}

// translations are texts with what they are in the other language.
func translations() []exchange {
	return []exchange{
		{ask: "Please translate into Chinese:\n\nYour parcel has arrived at the pickup point. Bring the code and an identity card.", short: "您的包裹已到达自提点，请携带取件码和身份证。", medium: "您的包裹已到达自提点。取件时请出示取件码和有效身份证件，包裹将保留七天。"},
		{ask: "请翻译成英文：\n\n本产品保修两年，电池除外。请保留发票。", short: "This product has a two-year warranty, excluding the battery. Please keep the invoice.", medium: "This product comes with a two-year warranty; the battery is excluded. Please keep your invoice as proof of purchase."},
		{ask: "Please translate into Chinese:\n\nDo not use near water. Unplug before cleaning.", short: "请勿在水边使用。清洁前请拔下电源插头。"},
		{ask: "请翻译成英文：\n\n如需退货，请在收到商品后三十天内联系客服。", short: "To return an item, please contact customer service within thirty days of receipt."},
	}
}

// labelSchema is what the labeler asks for.
const labelSchema = `{"type":"object","properties":{"category":{"type":"string","enum":["delivery","refund","billing","account","product","other"]},"urgency":{"type":"integer","minimum":1,"maximum":5},"language":{"type":"string"}},"required":["category","urgency","language"],"additionalProperties":false}`

// labelExchanges are tickets and their labels. The last answers are broken in
// the ways in which models break them.
func labelExchanges() []exchange {
	return []exchange{
		{ask: "Ticket: Where is my order {order}? It is late.", short: `{"category":"delivery","urgency":3,"language":"en"}`},
		{ask: "Ticket: I was charged {amount} twice!", short: `{"category":"billing","urgency":4,"language":"en"}`},
		{ask: "工单：{zitem}坏了，想退款。", short: `{"category":"refund","urgency":3,"language":"zh"}`},
		{ask: "Ticket: I cannot log in since this morning.", short: `{"category":"account","urgency":4,"language":"en"}`},
		{ask: "工单：请问{zitem}支持 110V 吗？", short: `{"category":"product","urgency":1,"language":"zh"}`},
		{ask: "Ticket: Just wanted to say thanks.", short: `{"category":"other","urgency":1,"language":"en"}`},
	}
}

// brokenLabels are answers that are not what was asked for.
func brokenLabels() []string {
	return []string{
		`{"category":"delivery","urgency":"high","language":"en"}`,
		"Sure! Here is the label:\n\n```json\n{\"category\": \"billing\", \"urgency\": 4",
		`{"category":"complaint","urgency":5,"language":"en"}`,
	}
}

// pictures are what is asked about pictures.
func pictures() []exchange {
	return []exchange{
		{ask: "https://cdn.example.com/returns/{ticket}.jpg\nIs the {item} in this photo damaged?", short: "Yes: the casing is cracked at the lower left.", medium: "Yes. I see two things:\n\n- a crack in the casing at the lower left, about 3 cm long\n- a bent pin in the plug\n\nBoth are covered by the warranty; the dent in the box is not related."},
		{ask: "https://cdn.example.com/receipts/{order}.png\n这张小票的总金额是多少？", short: "总金额是 {yuan}。", medium: "小票上的总金额是 **{yuan}**，其中增值税 6%。付款方式为银行卡。"},
	}
}

var reportSections = [...]string{
	"Deliveries\n\n| Region | Parcels | On time | Change |\n|---|---:|---:|---:|\n| North | {m}04 | 97.{n} % | +0.{n} |\n| South | {m}51 | 95.{n} % | −0.{n} |\n| Islands | {m}7 | 88.{n} % | −2.{n} |\n\nThe islands suffer from the storm of {day}; a second ferry runs from next week on.\n",
	"Support\n\n- Tickets: **{m}12**, of which {m} were opened twice\n- Median time to the first answer: {n} minutes\n- Share that the assistant closed alone: 6{n} %\n\nThe most frequent topic was *delivery*, then *refund*.\n",
	"Platform\n\n```text\nerror budget      7{n} % left\nincidents         {n}\nlongest incident  {m} min ({ticket})\n```\n\nThe longest incident began with a certificate that had expired; renewal is automatic now.\n",
	"Costs\n\n1. Models: {amount} per thousand conversations\n2. Carriers: {n} % below plan\n3. Packaging: on plan\n\n> Prompt caching saved about a third of the input tokens of the assistant.\n",
	"Risks\n\n- The contract with the carrier for {city} ends this quarter.\n- Returns of the {item} are {n} times the usual.\n- One supplier has asked for new terms.\n",
}

// thoughts are pieces of reasoning.
func thoughts(chinese bool) []string {
	if chinese {
		return []string{"用户想知道的是结论，不是过程。", "先确认前提条件是否成立。", "这里有两个可能的原因，需要分别排除。", "数字要再核对一遍：单位是万元。", "如果只回答第一点，用户可能会追问第二点。", "可以用一个例子说明。"}
	}
	return []string{
		"The user wants the result, not the way to it.", "Let me check the premise first.", "There are two possible causes; I should rule out one of them.",
		"Wait, the figures are per month, not per week. I convert them.", "An example would make this clearer.", "I should say what I am not sure about.", "The second option is cheaper but slower.",
	}
}
