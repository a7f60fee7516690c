package evidence

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	maxPixels = 64 << 20 // bytes of a decoded photo
	maxSide   = 4096     // pixels of a photo that is kept
	quality   = 85
	lowered   = 60 // where the photo would be too large otherwise
)

// keepPhoto returns the photo as JPEG, upright and without anything but its pixels. Its size is known from the header
// before it is decoded.
func keepPhoto(in *io.SectionReader) (kept, error) {
	need, err := pixelBytes(in)
	if err != nil {
		return kept{}, badPhoto(err)
	}
	if need > maxPixels {
		return kept{}, refused("evidence_photo_large",
			"照片像素过多，解码后超过 %d MB：请用较低的分辨率拍摄，或缩小后再上传",
			"the photo has too many pixels, over %d MB once decoded: take it with a lower resolution, or make it smaller", maxPixels>>20)
	}
	orientation := orientationOf(in)
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return kept{}, err
	}
	decoded, err := decode(bufio.NewReaderSize(in, 64<<10), in)
	if err != nil {
		return kept{}, badPhoto(err)
	}
	decoded = upright(shrunk(decoded), orientation)
	var out bytes.Buffer
	for _, q := range []int{quality, lowered} {
		out.Reset()
		if err := jpeg.Encode(&out, decoded, &jpeg.Options{Quality: q}); err != nil {
			return kept{}, err
		}
		if out.Len() <= MaxBytes {
			break
		}
	}
	size := decoded.Bounds().Size()
	width, height := int64(size.X), int64(size.Y)
	return kept{
		format: jpegFormat, bytes: int64(out.Len()), sha256: digestOf(out.Bytes()), width: &width, height: &height,
		content: func() io.Reader { return bytes.NewReader(out.Bytes()) },
	}, nil
}

func badPhoto(cause error) error {
	_ = cause // what the decoder says is of no use to who sends the file
	return refused("evidence_photo",
		"照片不完整或已损坏，无法打开：请重新导出或拍摄后再上传",
		"the photo is damaged or not complete and cannot be opened: export or take it again")
}

func decode(r io.Reader, in *io.SectionReader) (image.Image, error) {
	head := make([]byte, 1)
	if _, err := in.ReadAt(head, 0); err != nil {
		return nil, err
	}
	switch head[0] {
	case 0xff:
		return jpeg.Decode(r)
	case 0x89:
		return png.Decode(r)
	}
	return webp.Decode(r)
}

// pixelBytes returns how many bytes the decoded photo takes, from its header alone.
func pixelBytes(in *io.SectionReader) (int64, error) {
	head := make([]byte, 1)
	if _, err := in.ReadAt(head, 0); err != nil {
		return 0, err
	}
	if head[0] == 0xff {
		return jpegBytes(in)
	}
	var c image.Config
	var err error
	if head[0] == 0x89 {
		c, err = png.DecodeConfig(in)
	} else {
		c, err = webp.DecodeConfig(in)
	}
	if err != nil {
		return 0, err
	}
	per := map[color.Model]int64{
		color.GrayModel: 1, color.Gray16Model: 2, color.YCbCrModel: 2, color.NYCbCrAModel: 3, color.RGBAModel: 4, color.NRGBAModel: 4,
	}
	each, known := per[c.ColorModel]
	if !known {
		each = 8
		if _, palette := c.ColorModel.(color.Palette); palette {
			each = 1
		}
	}
	return pixelArea(c.Width, c.Height, each)
}

// pixelArea returns the bytes of a picture, also where they are too many to count.
func pixelArea(width, height int, each int64) (int64, error) {
	if width <= 0 || height <= 0 {
		return 0, errors.New("a photo without pixels")
	}
	if width > maxPixels || height > maxPixels {
		return maxPixels + 1, nil
	}
	return int64(width) * int64(height) * each, nil
}

// segments calls see with each segment of a JPEG file until the pixels begin, and stops where it returns false.
func segments(in io.ReaderAt, see func(marker byte, at int64, length int) bool) error {
	b := make([]byte, 4)
	for at := int64(2); ; {
		if _, err := in.ReadAt(b, at); err != nil {
			return err
		}
		if b[0] != 0xff {
			return errors.New("no marker where one should be")
		}
		if b[1] == 0xff { // a byte that fills
			at++
			continue
		}
		marker, length := b[1], int(binary.BigEndian.Uint16(b[2:]))
		if marker == 0xda || marker == 0xd9 {
			return nil
		}
		if length < 2 {
			return errors.New("a segment that is too short")
		}
		if !see(marker, at+4, length-2) {
			return nil
		}
		at += 2 + int64(length)
	}
}

// jpegBytes returns how many bytes a JPEG photo takes: its samples, and for a progressive one the coefficients that the
// decoder holds besides.
func jpegBytes(in io.ReaderAt) (need int64, err error) {
	err = segments(in, func(marker byte, at int64, length int) bool {
		if marker < 0xc0 || marker > 0xcf || marker == 0xc4 || marker == 0xc8 || marker == 0xcc {
			return true
		}
		frame := make([]byte, min(length, 6+3*4))
		if _, err := in.ReadAt(frame, at); err != nil || len(frame) < 9 {
			return false
		}
		width, height := int(binary.BigEndian.Uint16(frame[3:])), int(binary.BigEndian.Uint16(frame[1:]))
		most, samples := int64(1), int64(0)
		for i := 6; i+2 < len(frame) && i < 6+3*int(frame[5]); i += 3 {
			area := int64(frame[i+1]>>4) * int64(frame[i+1]&15)
			most, samples = max(most, area), samples+area
		}
		if need, err = pixelArea(width, height, samples); err != nil {
			return false
		}
		need /= most
		if marker == 0xc2 {
			need *= 1 + 4 // a coefficient has four bytes
		}
		return false
	})
	if err == nil && need == 0 {
		err = errors.New("no frame before the pixels")
	}
	return need, err
}

// orientationOf returns how the photo is to be turned, 1 to 8 as EXIF counts; 1 where it does not say.
func orientationOf(in io.ReaderAt) int {
	found := 1
	_ = segments(in, func(marker byte, at int64, length int) bool { // what cannot be read does not turn it
		if marker != 0xe1 || length < 14 {
			return true
		}
		data := make([]byte, length)
		if _, err := in.ReadAt(data, at); err != nil || string(data[:6]) != "Exif\x00\x00" {
			return true
		}
		found = exifOrientation(data[6:])
		return false
	})
	return found
}

// exifOrientation looks for the tag in the first directory of a TIFF header.
func exifOrientation(tiff []byte) int {
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	count := int64(order.Uint16(tiff[at:]))
	for i := range count {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(tiff)) {
			return 1
		}
		if order.Uint16(tiff[entry:]) == 0x0112 && order.Uint16(tiff[entry+2:]) == 3 {
			if o := int(order.Uint16(tiff[entry+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}

// shrunk returns the picture within maxSide, on white where it lets something through.
func shrunk(in image.Image) image.Image {
	b := in.Bounds()
	width, height := b.Dx(), b.Dy()
	if long := max(width, height); long > maxSide {
		width, height = max(1, width*maxSide/long), max(1, height*maxSide/long)
	}
	opaque, known := in.(interface{ Opaque() bool })
	if width == b.Dx() && height == b.Dy() && known && opaque.Opaque() && b.Min == (image.Point{}) {
		return in
	}
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	if width == b.Dx() && height == b.Dy() {
		draw.Draw(out, out.Bounds(), in, b.Min, draw.Over)
	} else {
		draw.ApproxBiLinear.Scale(out, out.Bounds(), in, b, draw.Over, nil)
	}
	return out
}

// upright turns and mirrors the picture as its orientation asks.
func upright(in image.Image, orientation int) image.Image {
	if orientation == 1 {
		return in
	}
	b := in.Bounds()
	w, h := b.Dx(), b.Dy()
	from, ok := in.(*image.RGBA)
	if !ok {
		from = image.NewRGBA(image.Rect(0, 0, w, h))
		draw.Draw(from, from.Bounds(), in, b.Min, draw.Src)
	}
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for y := range h {
		for x := range w {
			var tx, ty int
			switch orientation {
			case 2:
				tx, ty = w-1-x, y
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				tx, ty = x, h-1-y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			copy(out.Pix[ty*out.Stride+4*tx:][:4], from.Pix[y*from.Stride+4*x:][:4])
		}
	}
	return out
}
