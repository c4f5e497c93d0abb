package poster

import (
	"math"
	"math/rand/v2"
)

// between is a number of a range.
func between(r *rand.Rand, low, high float64) float64 { return low + r.Float64()*(high-low) }

// rings is an arena from above: discs within discs, and a light in the middle.
func rings(r *rand.Rand, c palette) []shape {
	middle := point{between(r, 0.3, 0.75) * Width, between(r, 0.38, 0.7) * Height}
	n := 6 + r.IntN(4)
	outer := between(r, 430, 620)
	drift := point{between(r, -14, 14), between(r, -14, 14)}
	first := r.IntN(3)
	var out []shape
	for i := range n {
		share := 1 - float64(i)/float64(n)
		at := point{middle.x + drift.x*float64(i), middle.y + drift.y*float64(i)}
		fill := c.ground
		if i%2 == 0 {
			fill = c.tones[(first+i/2)%3]
		}
		out = append(out, circle(fill, at, outer*share*share+18))
	}
	end := point{middle.x + drift.x*float64(n), middle.y + drift.y*float64(n)}
	out = append(out, circle(c.tones[3], end, between(r, 22, 46)))
	// somebody stands outside of it all
	return append(out, circle(c.tones[3], middle.at(between(r, 0, 2*math.Pi), outer*0.72), between(r, 9, 18)))
}

// waves is sound: bars that swell and fade, under a sun.
func waves(r *rand.Rand, c palette) []shape {
	out := []shape{circle(c.tones[2], point{between(r, 0.25, 0.75) * Width, between(r, 0.3, 0.5) * Height}, between(r, 120, 190))}
	n := 18 + r.IntN(10)
	step := Width / float64(n)
	phase, slow, fast := between(r, 0, 6), between(r, 0.18, 0.3), between(r, 0.7, 1.1)
	for i := range n {
		x := float64(i)*step + step*0.18
		swell := 0.5 + 0.32*math.Sin(phase+slow*float64(i)) + 0.18*math.Sin(fast*float64(i)+phase*2)
		half := (0.08 + 0.42*math.Abs(swell)) * Height * 0.8
		mid := Height * 0.62
		fill := c.tones[i%2]
		if i%7 == 3 {
			fill = c.tones[3]
		}
		w := step * 0.64
		out = append(out, polygon(fill, point{x, mid - half}, point{x + w, mid - half}, point{x + w, mid + half}, point{x, mid + half}))
	}
	return out
}

// arcs is a house from the stage: rows of seats, half round.
func arcs(r *rand.Rand, c palette) []shape {
	middle := point{between(r, 0.36, 0.64) * Width, Height * between(r, 0.94, 1.06)}
	n := 9 + r.IntN(4)
	first := r.IntN(3)
	var out []shape
	for i := range n {
		radius := 640 - float64(i)*620/float64(n)
		fill := c.ground
		if i%2 == 0 {
			fill = c.tones[(first+i/2)%3]
		}
		out = append(out, wedge(fill, middle, radius, math.Pi, 2*math.Pi))
	}
	out = append(out, wedge(c.tones[3], middle, 620/float64(n)*0.9, math.Pi, 2*math.Pi))
	// an aisle or two, and one who came early
	for range 1 + r.IntN(2) {
		a := math.Pi * between(r, 1.2, 1.8)
		out = append(out, polygon(c.ground, middle.at(a, 90), middle.at(a-0.018, 660), middle.at(a+0.018, 660)))
	}
	return append(out, circle(c.tones[3], middle.at(math.Pi*between(r, 1.15, 1.85), 640-620/float64(n)*2.5), 11))
}

// stripes is a field and a ball.
func stripes(r *rand.Rand, c palette) []shape {
	n := 7 + r.IntN(4)
	lean := between(r, 120, 320)
	if r.IntN(2) == 0 {
		lean = -lean
	}
	step := (Width + math.Abs(lean)) / float64(n)
	start := math.Min(0, -lean)
	var out []shape
	for i := 0; i < n; i += 2 {
		x := start + float64(i)*step
		out = append(out, polygon(c.tones[i/2%2], point{x, Height}, point{x + step, Height}, point{x + step + lean, 0}, point{x + lean, 0}))
	}
	ball := point{between(r, 0.25, 0.75) * Width, between(r, 0.3, 0.62) * Height}
	size := between(r, 85, 140)
	out = append(out, circle(c.tones[2], point{ball.x + size*0.16, ball.y + size*0.2}, size), circle(c.tones[3], ball, size))
	turn := between(r, 0, math.Pi)
	return append(out, wedge(c.ground, ball, size*0.62, turn, turn+math.Pi), wedge(c.tones[2], ball, size*0.62, turn+math.Pi, turn+2*math.Pi))
}

// ribbons is movement: bands that cross the picture.
func ribbons(r *rand.Rand, c palette) []shape {
	n := 4 + r.IntN(2)
	base, lift := between(r, 0.15, 0.3)*Height, between(r, 130, 260)
	if r.IntN(2) == 0 {
		lift = -lift
	}
	out := []shape{circle(c.tones[3], point{between(r, 0.3, 0.7) * Width, between(r, 0.22, 0.4) * Height}, between(r, 70, 110))}
	for i := range n {
		y := base + float64(i)*between(r, 78, 96)
		thick := between(r, 34, 66)
		bend := lift * between(r, 0.75, 1.3)
		out = append(out, shape{fill: c.tones[i%3], path: []step{
			{true, []point{{-20, y}}},
			{false, []point{{Width * 0.3, y - bend}, {Width * 0.6, y + bend + thick}, {Width + 20, y - bend*0.3}}},
			{false, []point{{Width + 20, y - bend*0.3 + thick*1.4}}},
			{false, []point{{Width * 0.62, y + bend + thick*1.9}, {Width * 0.3, y - bend + thick*1.6}, {-20, y + thick*0.7}}},
		}})
	}
	return out
}

// beams is light that looks for somebody.
func beams(r *rand.Rand, c palette) []shape {
	source := point{between(r, 0.1, 0.9) * Width, -60}
	n := 3 + r.IntN(2)
	var out []shape
	for i := range n {
		a := math.Pi*0.2 + math.Pi*0.6*(float64(i)+between(r, 0.2, 0.8))/float64(n)
		wide := between(r, 0.06, 0.12)
		out = append(out, polygon(c.tones[i%2], source, source.at(a-wide, 1100), source.at(a+wide, 1100)))
	}
	spot := point{between(r, 0.32, 0.68) * Width, between(r, 0.52, 0.64) * Height}
	size := between(r, 130, 175)
	out = append(out, circle(c.tones[2], spot, size), circle(c.tones[3], point{spot.x, spot.y}, size*0.72))
	// eyes and a smile
	gap := size * 0.24
	out = append(out, circle(c.ground, point{spot.x - gap, spot.y - gap*0.6}, size*0.085), circle(c.ground, point{spot.x + gap, spot.y - gap*0.6}, size*0.085))
	return append(out, wedge(c.ground, point{spot.x, spot.y + gap*0.25}, size*0.36, 0, math.Pi))
}

// tiles is a quilt of quarters, halves and dots.
func tiles(r *rand.Rand, c palette) []shape {
	const size = 100.0
	var out []shape
	for x := 0.0; x < Width; x += size {
		for y := 0.0; y < Height; y += size {
			a, b := c.tones[r.IntN(4)], c.tones[r.IntN(4)]
			corners := []point{{x, y}, {x + size, y}, {x + size, y + size}, {x, y + size}}
			k := r.IntN(4)
			if r.IntN(3) > 0 {
				out = append(out, polygon(c.tones[r.IntN(2)], corners...))
			}
			switch r.IntN(4) {
			case 0:
				out = append(out, wedge(a, corners[k], size, float64(k)*math.Pi/2, float64(k+1)*math.Pi/2))
			case 1:
				out = append(out, polygon(a, corners[k], corners[(k+1)%4], corners[(k+2)%4]))
			case 2:
				out = append(out, circle(a, point{x + size/2, y + size/2}, size*0.34), circle(b, point{x + size/2, y + size/2}, size*0.14))
			}
		}
	}
	return out
}
