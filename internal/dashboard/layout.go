package dashboard

// columns is the width of the page.
const columns = 24

// position is where a panel stands, in cells.
type position struct{ X, Y, W, H int }

// layout gives the positions of each row's title and panels: from left to
// right, and below the tallest where no room is left.
func layout(rows []Row) (titles []position, panels [][]position) {
	y := 0
	for _, r := range rows {
		titles = append(titles, position{0, y, columns, 1})
		y++
		x, tallest := 0, 0
		at := make([]position, len(r.Panels))
		for i, p := range r.Panels {
			if x+p.Width > columns {
				x, y, tallest = 0, y+tallest, 0
			}
			at[i] = position{x, y, p.Width, p.Height}
			x, tallest = x+p.Width, max(tallest, p.Height)
		}
		y += tallest
		panels = append(panels, at)
	}
	return titles, panels
}
