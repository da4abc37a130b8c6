package provider

// eachKey calls fn for each member of the JSON object b, with its key as it
// stands between the quotes and its raw value. It reports whether b is an
// object as far as its structure goes; numbers and words are not checked.
func eachKey(b []byte, fn func(key, val []byte)) bool {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return space(b, i+1) == len(b)
	}
	for i < len(b) {
		if b[i] != '"' {
			return false
		}
		end := str(b, i)
		if end < 0 {
			return false
		}
		key := b[i+1 : end-1]
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return false
		}
		i = space(b, i+1)
		end = value(b, i)
		if end < 0 {
			return false
		}
		fn(key, b[i:end])
		i = space(b, end)
		if i >= len(b) {
			return false
		}
		if b[i] == '}' {
			return space(b, i+1) == len(b)
		}
		if b[i] != ',' {
			return false
		}
		i = space(b, i+1)
	}
	return false
}

// member returns the raw value of one key of the object b, nil if absent.
func member(b []byte, key string) []byte {
	var out []byte
	eachKey(b, func(k, v []byte) {
		if string(k) == key {
			out = v
		}
	})
	return out
}

// elements calls fn for each raw element of the JSON array b.
func elements(b []byte, fn func(val []byte)) {
	i := space(b, 0)
	if i >= len(b) || b[i] != '[' {
		return
	}
	for i = space(b, i+1); i < len(b) && b[i] != ']'; {
		end := value(b, i)
		if end < 0 {
			return
		}
		fn(b[i:end])
		if i = space(b, end); i < len(b) && b[i] == ',' {
			i = space(b, i+1)
		}
	}
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// str returns the end of the string that starts at i, -1 if it does not end.
func str(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// value returns the end of the value that starts at i, -1 if it does not end.
func value(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return str(b, i)
	case '{', '[':
		return nested(b, i)
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func nested(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i = str(b, i); i < 0 {
				return -1
			}
			i--
		}
	}
	return -1
}
