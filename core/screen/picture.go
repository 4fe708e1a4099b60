package screen

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"sync"

	"github.com/hinshun/vt10x"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// The size of one cell in pixels, for the font at 14 points.
const (
	cellWidth, cellHeight, baseline = 8, 18, 14
)

// font14 is made when the first picture is drawn: a process that draws none pays nothing.
var font14 = sync.OnceValues(func() (font.Face, error) {
	parsed, err := opentype.Parse(gomono.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(parsed, &opentype.FaceOptions{Size: 13.3, DPI: 72, Hinting: font.HintingFull})
})

// drawing guards the face, which is not safe for concurrent use.
var drawing sync.Mutex

// PNG draws the screen. A character that the font lacks is drawn as an empty box.
func (m *Image) PNG() ([]byte, error) {
	drawing.Lock()
	defer drawing.Unlock()
	face, err := font14()
	if err != nil {
		return nil, err
	}
	picture := image.NewRGBA(image.Rect(0, 0, m.Cols*cellWidth, m.Rows*cellHeight))
	for y, row := range m.Cells {
		for x, c := range row {
			fg, bg := c.Foreground, c.Background
			if m.CursorVisible && y == m.Row && x == m.Col {
				fg, bg = bg, fg
			}
			at := image.Rect(x*cellWidth, y*cellHeight, (x+1)*cellWidth, (y+1)*cellHeight)
			draw.Draw(picture, at, image.NewUniform(bg), image.Point{}, draw.Src)
			if c.Char > ' ' {
				d := font.Drawer{Dst: picture, Src: image.NewUniform(fg), Face: face, Dot: fixed.P(at.Min.X, at.Min.Y+baseline)}
				d.DrawString(string(c.Char))
			}
			if c.Underline {
				draw.Draw(picture, image.Rect(at.Min.X, at.Max.Y-2, at.Max.X, at.Max.Y-1), image.NewUniform(fg), image.Point{}, draw.Src)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// The sixteen colours that have names, as xterm shows them.
var named = [16]color.RGBA{
	{0, 0, 0, 255}, {205, 0, 0, 255}, {0, 205, 0, 255}, {205, 205, 0, 255}, {0, 0, 238, 255}, {205, 0, 205, 255}, {0, 205, 205, 255}, {229, 229, 229, 255},
	{127, 127, 127, 255}, {255, 0, 0, 255}, {0, 255, 0, 255}, {255, 255, 0, 255}, {92, 92, 255, 255}, {255, 0, 255, 255}, {0, 255, 255, 255}, {255, 255, 255, 255},
}

func rgba(c vt10x.Color, foreground bool) color.RGBA {
	switch {
	case c == vt10x.DefaultFG:
		return named[7]
	case c == vt10x.DefaultBG:
		return named[0]
	case c < 16:
		return named[c]
	case c < 232:
		level := func(n vt10x.Color) uint8 {
			if n == 0 {
				return 0
			}
			return uint8(55 + 40*n)
		}
		n := c - 16
		return color.RGBA{level(n / 36), level(n / 6 % 6), level(n % 6), 255}
	case c < 256:
		grey := uint8(8 + 10*(c-232))
		return color.RGBA{grey, grey, grey, 255}
	case c < 1<<24:
		return color.RGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 255}
	case foreground:
		return named[7]
	default:
		return named[0]
	}
}
