package browser

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// photo is how a camera sees a code: how large and turned it is in the picture, how it
// is lit, how sharp it is, and what lies on it.
type photo struct {
	share      float64 // of the picture's height that the code takes
	turn       float64 // degrees
	tilt       float64 // how much nearer its left side is than its right one: 0 not at all
	black      float64 // of the dark modules, 0 to 255
	white      float64 // of the light ones
	surround   float64 // of all around the code
	shade      float64 // how much darker the lower right corner is, of 1
	blur       float64 // standard deviation, in pixels
	noise      float64 // standard deviation, of 255
	cracked    bool    // thin lines over the code
	wide, high int     // of the picture
}

// take draws a photo of a flat picture of a code with its margin. The same seed draws
// the same photo.
func (p photo) take(code image.Image, seed uint64) *image.Gray {
	rnd := rand.New(rand.NewPCG(seed, 7))
	flat := lightness(code)
	plane := make([]float64, p.wide*p.high)
	size := p.share * float64(p.high)
	sin, cos := math.Sincos(p.turn * math.Pi / 180)
	for y := range p.high {
		for x := range p.wide {
			u, v := float64(x)-float64(p.wide)/2, float64(y)-float64(p.high)/2
			u, v = (u*cos+v*sin)/size, (v*cos-u*sin)/size // −½…½ on the code
			depth := 1 + p.tilt*u
			u, v = u/depth+0.5, v/depth+0.5
			value := p.surround
			if u >= 0 && u < 1 && v >= 0 && v < 1 {
				value = p.black + (p.white-p.black)*flat.at(u, v)
				if p.cracked && crack(u, v) {
					value = (p.black + p.white) / 2
				}
			}
			value *= 1 - p.shade*float64(x+y)/float64(p.wide+p.high)
			plane[y*p.wide+x] = value
		}
	}
	if p.blur > 0 {
		plane = blurred(plane, p.wide, p.high, p.blur)
	}
	out := image.NewGray(image.Rect(0, 0, p.wide, p.high))
	for i, value := range plane {
		out.Pix[i] = uint8(math.Round(min(max(value+rnd.NormFloat64()*p.noise, 0), 255)))
	}
	return out
}

// crack reports whether one of three cracks runs through a point.
func crack(u, v float64) bool {
	near := func(a, b, c float64) bool { return math.Abs(a*u+b*v-c) < 0.004 }
	return near(1, 0.7, 0.8) || near(-0.6, 1, 0.3) || near(0.2, 1, 0.75)
}

// surface is a picture's lightness, from 0 to 1.
type surface struct {
	wide, high int
	value      []float64
}

func lightness(m image.Image) surface {
	b := m.Bounds()
	s := surface{b.Dx(), b.Dy(), make([]float64, b.Dx()*b.Dy())}
	for y := range s.high {
		for x := range s.wide {
			s.value[y*s.wide+x] = float64(color.GrayModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y) / 255
		}
	}
	return s
}

// at is the lightness between pixels.
func (s surface) at(u, v float64) float64 {
	x, y := u*float64(s.wide)-0.5, v*float64(s.high)-0.5
	left, top := math.Floor(x), math.Floor(y)
	pixel := func(x, y float64) float64 {
		return s.value[min(max(int(y), 0), s.high-1)*s.wide+min(max(int(x), 0), s.wide-1)]
	}
	a, b := x-left, y-top
	return (pixel(left, top)*(1-a)+pixel(left+1, top)*a)*(1-b) + (pixel(left, top+1)*(1-a)+pixel(left+1, top+1)*a)*b
}

// blurred is a plane out of focus: a Gaussian, across and then down.
func blurred(plane []float64, wide, high int, sigma float64) []float64 {
	reach := int(math.Ceil(3 * sigma))
	weight := make([]float64, 2*reach+1)
	sum := 0.0
	for i := range weight {
		weight[i] = math.Exp(-float64((i-reach)*(i-reach)) / (2 * sigma * sigma))
		sum += weight[i]
	}
	across, out := make([]float64, len(plane)), make([]float64, len(plane))
	for y := range high {
		for x := range wide {
			for i, w := range weight {
				across[y*wide+x] += w / sum * plane[y*wide+min(max(x+i-reach, 0), wide-1)]
			}
		}
	}
	for y := range high {
		for x := range wide {
			for i, w := range weight {
				out[y*wide+x] += w / sum * across[min(max(y+i-reach, 0), high-1)*wide+x]
			}
		}
	}
	return out
}
