package quality

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A language is known by its script, and where several share one by its most
// frequent words.
const (
	langEnglish  = "en"
	langChinese  = "zh"
	langJapanese = "ja"
	langKorean   = "ko"
	langRussian  = "cyrillic"
	langArabic   = "arabic"
	langHebrew   = "hebrew"
	langThai     = "th"
	langHindi    = "devanagari"
	langGreek    = "el"
	langLatin    = "latin" // one of those written so, unknown which
)

// maxLanguage is how much of a text is looked at, in bytes.
const maxLanguage = 8 << 10

// frequent are words that a language uses all the time and the others do not.
var frequent = map[string]string{
	"the": langEnglish, "and": langEnglish, "of": langEnglish, "to": langEnglish, "is": langEnglish, "that": langEnglish, "you": langEnglish, "for": langEnglish,
	"with": langEnglish, "are": langEnglish, "this": langEnglish, "what": langEnglish, "how": langEnglish, "it": langEnglish, "your": langEnglish, "can": langEnglish, "have": langEnglish, "be": langEnglish, "my": langEnglish, "i": langEnglish,
	"der": "de", "und": "de", "ist": "de", "nicht": "de", "das": "de", "ein": "de", "eine": "de", "ich": "de", "mit": "de", "für": "de", "wie": "de", "auf": "de", "zu": "de", "sie": "de", "den": "de", "von": "de",
	"le": "fr", "et": "fr", "est": "fr", "les": "fr", "des": "fr", "une": "fr", "pour": "fr", "vous": "fr", "dans": "fr", "je": "fr", "pas": "fr", "du": "fr", "qui": "fr", "sur": "fr", "comment": "fr", "votre": "fr",
	"el": "es", "los": "es", "las": "es", "y": "es", "para": "es", "por": "es", "una": "es", "es": "es", "cómo": "es", "del": "es", "está": "es", "su": "es", "como": "es", "qué": "es",
	"il": "it", "di": "it", "che": "it", "per": "it", "sono": "it", "della": "it", "non": "it", "gli": "it", "è": "it", "come": "it",
	"não": "pt", "uma": "pt", "os": "pt", "você": "pt", "são": "pt", "em": "pt", "do": "pt", "da": "pt",
}

// script weighs letters by script: characters where there are no spaces, words
// where there are. Chinese about software is full of English words.
type script struct {
	han, kana, hangul, latin, cyrillic, arabic, hebrew, thai, hindi, greek int
	words                                                                  map[string]int
}

func (s *script) add(piece string) {
	inLatin := false
	start := 0
	word := func(end int) {
		if inLatin {
			inLatin = false
			s.latin++
			if w := piece[start:end]; len(w) <= 10 {
				if lang, ok := frequent[strings.ToLower(w)]; ok {
					if s.words == nil {
						s.words = map[string]int{}
					}
					s.words[lang]++
				}
			}
		}
	}
	for i := 0; i < len(piece); {
		r, n := rune(piece[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(piece[i:])
		}
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r >= 0xC0 && r <= 0x24F && unicode.IsLetter(r):
			if !inLatin {
				inLatin, start = true, i
			}
			i += n
			continue
		case r < utf8.RuneSelf:
		case r >= 0x4E00 && r <= 0x9FFF, r >= 0x3400 && r <= 0x4DBF, r >= 0x20000 && r <= 0x323AF:
			s.han++
		case r >= 0x3041 && r <= 0x30FA, r == 'ー':
			s.kana++
		case r >= 0xAC00 && r <= 0xD7A3:
			s.hangul++
		case r >= 0x0400 && r <= 0x052F:
			s.cyrillic++
		case r >= 0x0600 && r <= 0x06FF:
			s.arabic++
		case r >= 0x0590 && r <= 0x05FF:
			s.hebrew++
		case r >= 0x0E00 && r <= 0x0E7F:
			s.thai++
		case r >= 0x0900 && r <= 0x097F:
			s.hindi++
		case r >= 0x0370 && r <= 0x03FF:
			s.greek++
		}
		word(i)
		i += n
	}
	word(len(piece))
}

// language is that of most of the text, and its weight; empty where no language
// has about three quarters of it.
func (s *script) language() (lang string, weight int) {
	cyrillic, arabic, hebrew, hindi, greek := s.cyrillic/3, s.arabic/3, s.hebrew/3, s.hindi/3, s.greek/3
	thai := s.thai / 3
	cjk := s.han + s.kana
	total := cjk + s.hangul + s.latin + cyrillic + arabic + hebrew + thai + hindi + greek
	most := func(n int) bool { return n > 0 && 100*n >= 72*total }
	switch {
	case total == 0:
		return "", 0
	case most(cjk):
		// Kana makes it Japanese, however many of its words are in Han.
		if 100*s.kana >= 8*cjk {
			return langJapanese, cjk
		}
		if s.kana > 0 {
			return "", 0
		}
		return langChinese, s.han
	case most(s.hangul):
		return langKorean, s.hangul
	case most(s.latin):
		return s.latinLanguage(), 2 * s.latin
	case most(cyrillic):
		return langRussian, cyrillic
	case most(arabic):
		return langArabic, arabic
	case most(hebrew):
		return langHebrew, hebrew
	case most(thai):
		return langThai, thai
	case most(hindi):
		return langHindi, hindi
	case most(greek):
		return langGreek, greek
	}
	return "", 0
}

// latinLanguage is the one whose frequent words are there, if there are enough
// of them and hardly any of another.
func (s *script) latinLanguage() string {
	best, n, second := langLatin, 0, 0
	for lang, k := range s.words {
		switch {
		case k > n:
			best, n, second = lang, k, n
		case k > second:
			second = k
		}
	}
	if n < 3 || n < 3*second || 10*n < s.latin {
		return langLatin
	}
	return best
}

// speaks reads the language of the prose of a text.
func speaks(s string) (lang string, weight int) {
	var sc script
	prose(prefix(s, maxLanguage), sc.add)
	return sc.language()
}

// languageNames are the words by which a prompt says which language it wants.
// Then what it is written in says nothing.
var languageNames = []string{
	"do you say", "怎么说", "怎麼說", "how to say", "何と言", "뭐라고",
	"english", "chinese", "mandarin", "japanese", "korean", "french", "german", "spanish", "italian", "portuguese", "russian", "arabic", "hebrew", "thai", "hindi", "greek",
	"translat", "language", "英语", "英文", "中文", "汉语", "日语", "日文", "韩语", "韩文", "法语", "德语", "西班牙语", "俄语", "阿拉伯语", "翻译", "译成", "译为", "语言", "英譯", "翻譯", "語言",
	"日本語", "英語", "中国語", "韓国語", "翻訳", "한국어", "영어", "중국어", "일본어", "번역",
	"übersetz", "deutsch", "traduc", "tradui", "français", "español", "inglés", "anglais", "englisch", "italiano", "русск", "перевед",
}

func namesLanguage(s string) bool {
	for i := range languageNames {
		if containsFold(s, languageNames[i]) {
			return true
		}
	}
	return false
}

// containsFold is strings.Contains where sub is in lower case and s in any, as
// far as ASCII goes.
func containsFold(s, sub string) bool {
	c := sub[0]
	up := c
	if 'a' <= c && c <= 'z' {
		up = c - 'a' + 'A'
	}
	for i := 0; i+len(sub) <= len(s); i++ {
		if s[i] != c && s[i] != up {
			n := strings.IndexByte(s[i:], c)
			if up != c {
				if m := strings.IndexByte(s[i:], up); n < 0 || m >= 0 && m < n {
					n = m
				}
			}
			if n < 0 {
				return false
			}
			i += n - 1
			continue
		}
		if strings.EqualFold(s[i:i+len(sub)], sub) {
			return true
		}
	}
	return false
}

const (
	// minQuestion and minReply are the least weights by which a language is known.
	minQuestion = 6
	minReply    = 12
)

// language says whether the answer is in the language of the question.
func language(system, question, answer string) (Judgement, bool) {
	const name = "language"
	if question == "" || answer == "" {
		return Judgement{}, false
	}
	asked, n := speaks(question)
	if asked == "" || asked == langLatin || n < minQuestion {
		return Judgement{}, false
	}
	answered, m := speaks(answer)
	if answered == "" || m < minReply || answered == langLatin && asked != langChinese && asked != langJapanese && asked != langKorean {
		return Judgement{}, false
	}
	if asked == answered {
		return good(name), true
	}
	// A short question in Han alone may well be Japanese, unless it has words that
	// only Chinese has.
	if asked == langChinese && answered == langJapanese && n < 16 && !strings.ContainsAny(question, "的了吗这们么你吧呢说为请对没还怎") {
		return Judgement{}, false
	}
	if namesLanguage(prefix(question, maxLanguage)) || namesLanguage(prefix(system, maxLanguage)) {
		return Judgement{}, false
	}
	// Instructions in the language of the answer say which one they want.
	if system != "" {
		if told, k := speaks(system); told == answered && k >= minQuestion {
			return Judgement{}, false
		}
	}
	return bad(name, "other_language", "the question is in "+asked+" and the answer in "+answered), true
}
