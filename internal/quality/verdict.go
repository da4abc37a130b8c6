package quality

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// verdict is what a judge says.
type verdict struct {
	score  float64 // 0 to 1
	reason string
}

// Errors of answers that are no verdict.
var (
	errNoScore   = errors.New("the judge gave no score")
	errAmbiguous = errors.New("the judge's answer has several scores, and none with the word that was asked for")
	errScale     = errors.New("the judge's score is outside of the scale")
)

// said is a JSON object with a score.
type said struct {
	Check  string          `json:"check"`
	Score  json.RawMessage `json:"score"`
	Reason string          `json:"reason"`
}

// maxVerdict bounds what is read of a judge's answer.
const maxVerdict = 32 << 10

// parseVerdict finds the verdict in an answer, whatever prose or code fence is
// around it. One that repeats the word of the exchange wins over others; of
// others all must agree.
func parseVerdict(text, nonce string, scale Scale) (verdict, error) {
	if len(text) > maxVerdict {
		text = text[len(text)-maxVerdict:]
	}
	var found []said
	for i := 0; i < len(text); {
		n := strings.IndexByte(text[i:], '{')
		if n < 0 {
			break
		}
		i += n
		dec := json.NewDecoder(strings.NewReader(text[i:]))
		var s said
		if err := dec.Decode(&s); err != nil || len(s.Score) == 0 {
			i++
			continue
		}
		found = append(found, s)
		i += int(dec.InputOffset())
	}
	var chosen *said
	for i := range found {
		if found[i].Check == nonce {
			chosen = &found[i]
		}
	}
	if chosen == nil && len(found) > 0 {
		chosen = &found[0]
		for i := range found {
			if string(found[i].Score) != string(chosen.Score) {
				return verdict{}, errAmbiguous
			}
		}
	}
	if chosen == nil {
		v, err := looseScore(text)
		if err != nil {
			return verdict{}, err
		}
		return scaled(v, strings.TrimSpace(text), scale)
	}
	v, err := number(chosen.Score)
	if err != nil {
		return verdict{}, err
	}
	return scaled(v, chosen.Reason, scale)
}

// number reads 4, "4" or "4/5".
func number(raw json.RawMessage) (float64, error) {
	s := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	s, _, _ = strings.Cut(s, "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errNoScore
	}
	return v, nil
}

// loose finds a score that is not in JSON.
var loose = regexp.MustCompile(`(?i)(?:score|points|rating|分数|得分|评分)[^\d\n-]{0,12}(-?\d+(?:\.\d+)?)`)

func looseScore(text string) (float64, error) {
	all := loose.FindAllStringSubmatch(text, 8)
	if len(all) == 0 {
		return 0, errNoScore
	}
	for _, m := range all {
		if m[1] != all[0][1] {
			return 0, errAmbiguous
		}
	}
	v, err := strconv.ParseFloat(all[0][1], 64)
	if err != nil {
		return 0, errNoScore
	}
	return v, nil
}

// scaled brings points to 0 to 1.
func scaled(v float64, reason string, s Scale) (verdict, error) {
	if v < s.Min || v > s.Max {
		return verdict{}, fmt.Errorf("%w: %v is not from %v to %v", errScale, v, s.Min, s.Max)
	}
	return verdict{score: (v - s.Min) / (s.Max - s.Min), reason: prefix(strings.TrimSpace(reason), 2000)}, nil
}
