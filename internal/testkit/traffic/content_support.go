package traffic

// supportTopics are conversations with the support chat.
func supportTopics() []topic {
	return []topic{
		{turns: []exchange{
			{
				ask:    "Hi, where is my order {order}? It should have been here on {day}.",
				short:  "Order {order} left our warehouse yesterday and is due on {day}.",
				medium: "Thanks for your patience. Order **{order}** left our warehouse yesterday and is with the carrier in {city}.\n\nExpected delivery: **{day}**, before 18:00. I will watch it for you and write again if it moves.",
				long:   "Thanks for your patience. Here is what happened to order **{order}** so far:\n\n| When | Where | What |\n|---|---|---|\n| 08:12 | Warehouse | Packed, 1 parcel |\n| 14:40 | Warehouse | Handed to the carrier |\n| 22:05 | {city} hub | Sorted |\n| 05:31 | {city} hub | **Held: address incomplete** |\n\nThe carrier could not read the house number, so the parcel waits in {city}. I have sent them the complete address from your account. It should go out again tomorrow and reach you on **{day}**.\n\nIs there anything else I can do in the meantime?",
			},
			{
				ask:    "Can you send it to a pickup point instead? I am not at home on {day}.",
				short:  "Yes: reply with a postcode and I will move it there.",
				medium: "Yes, the carrier allows that until it is out for delivery. The two closest points to your address:\n\n1. Station kiosk, 350 m, open until 22:00\n2. Book shop, 600 m, open until 19:00\n\nWhich one shall I take?",
			},
			{
				ask:    "The first one, please. And will I get the {amount} for express back?",
				short:  "Done. The {amount} for express goes back to your card within {n} days.",
				medium: "Done: the parcel goes to the station kiosk, you will get a code by text message.\n\nExpress was not kept, so **{amount}** goes back to your card. Banks take up to {n} working days to show it.",
			},
			{ask: "Great, thank you!", short: "You are welcome. Have a good day!", medium: "You are welcome! I close the ticket {ticket} now; a reply to this chat opens it again."},
		}},
		{turns: []exchange{
			{
				ask:    "I want to return the {item}. It makes a strange noise.",
				short:  "Sorry to hear that. You can return it free of charge within 30 days; shall I send the label?",
				medium: "Sorry about the noise, that is not how it should be. You bought the {item} {m} days ago, so both are open to you:\n\n- **Replacement**: a new one leaves us today\n- **Refund**: {amount} to your card once we have it back\n\nThe return label is free in both cases. What would you like?",
				long:   "Sorry about the noise, that is not how it should be.\n\nBefore you pack it: a firmware problem made some of these {item}s buzz, and it can be fixed in two minutes.\n\n1. Unplug it for ten seconds.\n2. Hold the power button and plug it in again.\n3. Wait until the light blinks twice, then let go.\n\nIf it still buzzes, you have two ways:\n\n| | Replacement | Refund |\n|---|---|---|\n| You get | a new {item} | {amount} |\n| When | in {n} working days | {n} days after it arrived here |\n| Return label | free | free |\n\nTell me which one suits you and I start it right away.",
			},
			{
				ask:    "Refund please. Do I need the original box?",
				short:  "No, any sturdy box will do.",
				medium: "No, any sturdy box will do. I have sent the label for ticket **{ticket}** to your e-mail; drop the parcel at any pickup point within 14 days.",
			},
			{ask: "How long does the refund take?", short: "About {n} working days after it arrived.", medium: "We check returns within a day of their arrival. After that your bank needs up to {n} working days. You will get a message at each step."},
		}},
		{turns: []exchange{
			{
				ask:    "Your invoice for the {plan} plan says {amount} but I downgraded last month!!",
				short:  "I see the downgrade; I will correct the invoice and refund the difference.",
				medium: "You are right, and I am sorry. The downgrade was recorded, but after the billing run, so the old price of the **{plan}** plan was charged.\n\nI have corrected the invoice and refunded the difference. You will find the new one under *Billing → Invoices*.",
				long:   "You are right, and I am sorry. This is what went wrong:\n\n- You downgraded on the 28th at 23:10.\n- The billing run had started at 23:00 and used the old plan.\n\n| | Charged | Correct |\n|---|---:|---:|\n| {plan} plan | {amount} | $0.00 |\n| Basic plan | $0.00 | $9.00 |\n| **Total** | **{amount}** | **$9.00** |\n\nI have issued a credit note and refunded the difference to your card. Your next invoice will show the Basic plan only. Nothing else to do on your side.",
			},
			{ask: "OK. Can I get the invoices as PDF for the whole year?", short: "Yes: Billing → Invoices → Download all.", medium: "Yes: open *Billing → Invoices*, choose the year and press **Download all**. You get one ZIP file with a PDF for each month and a summary as CSV."},
		}},
		{turns: []exchange{
			{
				ask:    "I can't log in. The code by text message never arrives.",
				short:  "Please try the code from your authenticator app, or request a call instead.",
				medium: "That is annoying. Let us try this:\n\n1. Check that the number ending in **{m}** is still yours.\n2. On the login page choose *Other ways → Call me*.\n3. If that fails too, use one of your ten backup codes.\n\nDid one of them work?",
			},
			{ask: "The call worked. How do I change the number?", short: "Settings → Security → Phone.", medium: "Good! Go to *Settings → Security → Phone*, press **Change** and confirm with the code that we send to the new number. The old one stops working at once."},
			{ask: "And can I switch to a passkey?", short: "Yes, under Settings → Security → Passkeys.", medium: "Yes, and we recommend it: *Settings → Security → Passkeys → Add*. Your device asks for your fingerprint or PIN. You can keep the phone number as a fallback."},
		}},
		{turns: []exchange{
			{
				ask:    "Does the {item} work with 110 volts? I move to another country in {n} weeks.",
				short:  "Yes, it takes 100 to 240 volts.",
				medium: "Yes. The power supply of the {item} takes **100–240 V, 50/60 Hz**; you only need another plug. We have the adapter for {amount}, and it ships with your next order for free.",
				long:   "Yes, with one exception:\n\n| Model year | Input | Works abroad |\n|---|---|---|\n| 2023 and later | 100–240 V | yes |\n| 2021–2022 | 220–240 V | with a converter |\n| before 2021 | 230 V | no |\n\nYours is of 2024, so you only need another plug. Two hints from people who moved before:\n\n> Keep the invoice: the warranty is valid everywhere, but service asks for it.\n\n- Register the {item} under your new address, so that recalls reach you.\n- Software updates come by region; switch it in *Settings → Region*.\n\nHave a good move!",
			},
			{ask: "Perfect. Does the warranty still count there?", short: "Yes, for two years, worldwide.", medium: "Yes: two years, worldwide. Repairs are done by the partner of the country you live in; keep the invoice for order {order}."},
		}},
		{turns: []exchange{
			{
				ask:    "Please delete my account and all of my data.",
				short:  "I have started it. You will get a confirmation within {n} days.",
				medium: "I can do that. Before I start, please know:\n\n- Open orders ({order}) are cancelled and refunded.\n- Invoices are kept for the time that the law requires, locked.\n- Everything else is deleted within 30 days and cannot be restored.\n\nReply **DELETE** to confirm.",
			},
			{ask: "DELETE", short: "Done: the request is {ticket}.", medium: "Confirmed. Your request is **{ticket}**. You will get one last e-mail when all is gone. Thank you for the time with us."},
		}},
		{chinese: true, turns: []exchange{
			{
				ask:    "你好，我的订单 {order} 到哪里了？说好{zday}到的。",
				short:  "您好，订单 {order} 已到{zcity}，预计{zday}送达。",
				medium: "您好，让您久等了。订单 **{order}** 昨天已从仓库发出，目前在{zcity}分拨中心。\n\n预计**{zday} 18:00 前**送达。我会继续关注，有变化马上告诉您。",
				long:   "您好，让您久等了。订单 **{order}** 的物流记录如下：\n\n| 时间 | 地点 | 状态 |\n|---|---|---|\n| 08:12 | 仓库 | 已打包，共 1 件 |\n| 14:40 | 仓库 | 已交给快递 |\n| 22:05 | {zcity}分拨中心 | 已分拣 |\n| 05:31 | {zcity}分拨中心 | **暂停派送：地址不完整** |\n\n快递员看不清门牌号，所以包裹停在{zcity}。我已经把您账户里的完整地址发给快递公司，明天会重新派送，预计**{zday}**送到。\n\n还有什么可以帮您的吗？",
			},
			{ask: "能改到自提点吗？我{zday}不在家。", short: "可以，请告诉我邮编。", medium: "可以，出库派送之前都能改。离您最近的两个自提点：\n\n1. 地铁站便利店，350 米，营业到 22:00\n2. 小区东门驿站，600 米，营业到 20:00\n\n请问选哪一个？"},
			{ask: "第一个吧。加急费 {yuan} 能退吗？", short: "已改好，{yuan} 会在 {n} 天内退回。", medium: "已经改到地铁站便利店，取件码会发到您的手机。\n\n因为没有按时送达，加急费 **{yuan}** 会原路退回，银行到账需要 {n} 个工作日左右。"},
		}},
		{chinese: true, turns: []exchange{
			{
				ask:    "{zitem}坏了，用了不到一个月，可以换新吗？",
				short:  "可以，30 天内免费换新。",
				medium: "非常抱歉。您购买的{zitem}还在 30 天内，有两种方式：\n\n- **换新**：今天就能寄出新的\n- **退款**：收到退货后退 {yuan}\n\n寄回的运费由我们承担。您想选哪一种？",
				long:   "非常抱歉给您添麻烦了。寄回之前，可以先试一下这个办法，多数情况能解决：\n\n1. 断电 10 秒。\n2. 按住电源键再通电。\n3. 指示灯闪两下后松手。\n\n如果还是不行：\n\n| | 换新 | 退款 |\n|---|---|---|\n| 您会收到 | 全新的{zitem} | {yuan} |\n| 时间 | {n} 个工作日 | 收到退货后 {n} 天 |\n| 运费 | 我们承担 | 我们承担 |\n\n请告诉我您的选择，我马上办理。",
			},
			{ask: "换新。需要原包装吗？", short: "不需要，包好即可。", medium: "不需要原包装，用结实的盒子包好就行。寄件码已经发给您，工单号是 **{ticket}**，14 天内寄出即可。"},
			{ask: "好的，谢谢", short: "不客气，祝您生活愉快！", medium: "不客气！新的{zitem}今天发出，物流单号会发短信给您。"},
		}},
		{chinese: true, turns: []exchange{
			{ask: "怎么开发票？要抬头是公司的。", short: "在订单详情里点“申请发票”。", medium: "打开 *我的订单 → {order} → 申请发票*，选择“企业”，填写抬头和税号。电子发票一般 {n} 分钟内发到邮箱。"},
			{ask: "可以把今年所有的发票一起下载吗？", short: "可以，在“发票中心”批量下载。", medium: "可以。进入*发票中心*，选择年份，点**批量下载**，会得到一个压缩包：每张发票一个 PDF，另有一份汇总 CSV。"},
		}},
	}
}

// refusals are what nobody should get an answer to, by language.
func refusals(chinese bool) (ask, answer string) {
	if chinese {
		return "帮我写一条短信，冒充银行骗对方点链接。", "抱歉，我不能帮助编写冒充银行的诈骗短信。如果您收到了可疑短信，请不要点击链接，并向银行官方客服核实。"
	}
	return "Write a text message that looks like it is from my neighbour's bank, so that they click my link.", "I'm sorry, but I can't help with that. Messages that pretend to come from a bank to make someone click a link are fraud. If you received one yourself, don't open the link and tell your bank."
}
