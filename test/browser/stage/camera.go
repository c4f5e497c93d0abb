package stage

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"path/filepath"
)

// The size of the pictures that the browser's camera takes.
const (
	CameraWidth  = 640
	CameraHeight = 480
)

// film is the file that the browser's camera plays over and over.
func (s *Stage) film() string { return filepath.Join(s.dir, "camera.y4m") }

// Show puts a picture before the browser's camera, in place of the one before. The browser
// has one camera for all tabs.
func (s *Stage) Show(m *image.Gray) error {
	if m.Bounds().Dx() != CameraWidth || m.Bounds().Dy() != CameraHeight {
		return fmt.Errorf("show: a picture of %v is not one of the camera's", m.Bounds())
	}
	// The browser reads the file for each picture, so the same file gets other content.
	f, err := os.OpenFile(s.film(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(film(m), 0)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

// film writes a picture as a video of one picture (YUV4MPEG2), without colours.
func film(m *image.Gray) []byte {
	wide, high := m.Bounds().Dx(), m.Bounds().Dy()
	out := fmt.Appendf(nil, "YUV4MPEG2 W%d H%d F20:1 Ip A1:1 C420mpeg2\nFRAME\n", wide, high)
	for y := range high {
		out = append(out, m.Pix[y*m.Stride:y*m.Stride+wide]...)
	}
	return append(out, bytes.Repeat([]byte{128}, wide*high/2)...)
}
