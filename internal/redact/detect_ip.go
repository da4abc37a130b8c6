package redact

import "net/netip"

// ipv4At finds a dotted address at s[i]. Addresses that name no machine
// (unspecified, loopback, masks) and version numbers in product names
// (Chrome/120.0.0.0) stay.
func ipv4At(s string, i int) hit {
	end := i
	for part := range 4 {
		e := run(s, end, 4, isDigit)
		if n := e - end; n == 0 || n > 3 || atoi(s[end:e]) > 255 || n > 1 && s[end] == '0' {
			return hit{}
		}
		end = e
		if part == 3 {
			break
		}
		if end >= len(s) || s[end] != '.' {
			return hit{}
		}
		end++
	}
	if !ends(s, end) {
		return hit{}
	}
	if i >= 2 && s[i-1] == '/' && isAlpha(s[i-2]) {
		return hit{}
	}
	if first := s[i:run(s, i, 3, isDigit)]; first == "0" || first == "127" || first == "255" {
		return hit{}
	}
	return hit{i, end, ip}
}

// ipv6At finds an address at the first of its colons, s[i].
func ipv6At(s string, i, lo int) hit {
	start := i
	for start > lo && i-start < 5 && isHex(s[start-1]) {
		start--
	}
	start = afterEscape(s, start, i)
	if i-start > 4 || start > 0 && (isAlnum(s[start-1]) || s[start-1] == '_' || s[start-1] == ':') && !escapeEnds(s, start) {
		return hit{}
	}
	end := run(s, i, 42, func(c byte) bool { return isHex(c) || c == ':' || c == '.' })
	for end > i+1 && (s[end-1] == '.' || s[end-1] == ':' && s[end-2] != ':') {
		end--
	}
	colons, digit := 0, false
	for j := start; j < end; j++ {
		if s[j] == ':' {
			colons++
		}
		digit = digit || isDigit(s[j])
	}
	// Two colons and no digit are Ruby's and C++'s names: Abc::Def.
	if colons < 2 || !digit || end-start < 6 || !ends(s, end) {
		return hit{}
	}
	a, err := netip.ParseAddr(s[start:end])
	if err != nil || a.IsLoopback() || a.IsUnspecified() {
		return hit{}
	}
	return hit{start, end, ip}
}
