package breakdown

import "time"

// settle narrows the bounds of parts that add up to length: none can be longer
// than what the others leave at least, nor shorter than what they leave at most.
func (w *work) settle(parts []*part, length time.Duration) {
	w.reconcile(parts, length)
	for range len(parts) + 1 { // each round may let the next one narrow more
		changed := false
		for i, p := range parts {
			var least, most time.Duration
			for j, o := range parts {
				if i != j {
					least += o.Min
					most = min(most+o.Max, unbounded)
				}
			}
			hi := max(min(p.Max, length-least), 0)
			lo := min(max(p.Min, length-most), hi)
			if hi != p.Max || lo != p.Min {
				p.Min, p.Max, changed = lo, hi, true
			}
		}
		if !changed {
			return
		}
	}
}

// reconcile gives up statements that cannot all be true: parts that are longer
// together than the whole, or that leave a rest that nothing can fill.
func (w *work) reconcile(parts []*part, length time.Duration) {
	least := func() (d time.Duration) {
		for _, p := range parts {
			d += p.Min
		}
		return d
	}
	if over := least() - length; over > 0 {
		// Clocks and rounding of two machines differ by little.
		if over > max(tightEnough, length/50) {
			w.note("the times that the server states add up to more than the %v that they took together: they are shown as upper bounds", round(length))
		}
		for _, p := range parts {
			if p.said {
				p.Min = 0
			}
		}
	}
	if least() > length {
		for _, p := range parts {
			p.Min = 0
		}
	}
	var most time.Duration
	for _, p := range parts {
		most = min(most+p.Max, unbounded)
	}
	if most >= length {
		return
	}
	// Nothing may be left unexplained: whatever was stated too short gets it.
	w.note("the phases leave %v that nobody explains", round(length-most))
	for _, p := range parts {
		if p.said || p.Source == SourceRest {
			p.Max = min(p.Max+length-most, length)
		}
	}
}
