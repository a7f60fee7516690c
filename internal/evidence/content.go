package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// MaxBytes is the most bytes of a file, as it is received and as it is stored.
const MaxBytes = 20 << 20

// format is a kind of file that is taken, by its content.
type format struct {
	mediaType string
	ending    string
	name      text.Text
}

var (
	jpegFormat = format{"image/jpeg", ".jpg", text.Text{ZH: "照片", EN: "photo"}}
	pdfFormat  = format{"application/pdf", ".pdf", text.Same("PDF")}
)

// zipFormats are the office documents that are archives, by the part that each has.
var zipFormats = []struct {
	part string
	format
}{
	{"word/document.xml", format{ooxml + "wordprocessingml.document", ".docx", text.Same("Word")}},
	{"xl/workbook.xml", format{ooxml + "spreadsheetml.sheet", ".xlsx", text.Same("Excel")}},
	{"ppt/presentation.xml", format{ooxml + "presentationml.presentation", ".pptx", text.Same("PowerPoint")}},
	{"OFD.xml", format{"application/ofd", ".ofd", text.Same("OFD")}},
}

const ooxml = "application/vnd.openxmlformats-officedocument."

// openDocuments are those whose first part says what they are.
var openDocuments = map[string]format{
	odf + "text":         {odf + "text", ".odt", text.Same("OpenDocument")},
	odf + "spreadsheet":  {odf + "spreadsheet", ".ods", text.Same("OpenDocument")},
	odf + "presentation": {odf + "presentation", ".odp", text.Same("OpenDocument")},
}

const odf = "application/vnd.oasis.opendocument."

// compoundFormats are the older office documents, by the stream that each has.
var compoundFormats = []struct {
	stream string
	format
}{
	{"WordDocument", format{"application/msword", ".doc", text.Same("Word")}},
	{"Workbook", format{"application/vnd.ms-excel", ".xls", text.Same("Excel")}},
	{"Book", format{"application/vnd.ms-excel", ".xls", text.Same("Excel")}},
	{"PowerPoint Document", format{"application/vnd.ms-powerpoint", ".ppt", text.Same("PowerPoint")}},
}

// MediaTypes returns the media types of files that are kept, photos first.
func MediaTypes() []string {
	types := []string{jpegFormat.mediaType, pdfFormat.mediaType}
	for _, f := range zipFormats {
		types = append(types, f.mediaType)
	}
	for _, kind := range []string{"text", "spreadsheet", "presentation"} {
		types = append(types, odf+kind)
	}
	for _, f := range compoundFormats {
		if !slices.Contains(types, f.mediaType) {
			types = append(types, f.mediaType)
		}
	}
	return types
}

// kept is a file as it is stored.
type kept struct {
	format
	bytes         int64
	sha256        string
	width, height *int64 // of a photo
	content       func() io.Reader
}

// working bounds how many files are decoded at once, each within maxPixels.
var working = make(chan struct{}, 2)

// keep returns what is kept of a file that was received: a photo is encoded again, a document stays as it is.
func keep(ctx context.Context, file io.ReaderAt, size int64, digest string) (k kept, err error) {
	select {
	case working <- struct{}{}:
		defer func() { <-working }()
	case <-ctx.Done():
		return k, ctx.Err()
	}
	head := make([]byte, 32)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return k, err
	}
	head = head[:n]
	k = kept{bytes: size, sha256: digest, content: func() io.Reader { return io.NewSectionReader(file, 0, size) }}
	switch {
	case size == 0:
		return k, refused("evidence_empty", "文件是空的，请重新选择文件", "the file is empty: choose it again")
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")), bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")), isWebP(head):
		return keepPhoto(io.NewSectionReader(file, 0, size))
	case isHEIC(head):
		return k, refused("evidence_heic",
			"暂不接收 HEIC 照片，请改发 JPEG：苹果手机可在“设置－相机－格式”中选择“兼容性最佳”后重拍，或把照片经微信发送（不选原图）后另存再上传",
			"HEIC photos are not taken, send JPEG: on an iPhone choose Settings, Camera, Formats, Most Compatible and take it again, "+
				"or export the photo as JPEG")
	case bytes.HasPrefix(head, []byte("%PDF-")):
		k.format, err = pdfFormat, checkPDF(file, size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		k.format, err = checkArchive(file, size)
	case bytes.HasPrefix(head, compoundMagic):
		k.format, err = checkCompound(file, size)
	default:
		err = unknownFormat()
	}
	return k, err
}

func unknownFormat() error {
	return refused("evidence_type",
		"无法识别这个文件：可提交 JPEG、PNG、WebP 照片，PDF，以及 Word、Excel、PowerPoint、WPS、OpenDocument、OFD 文档（按内容判断，与扩展名无关）",
		"this is no file that is taken: send a photo as JPEG, PNG or WebP, a PDF, or a document of Word, Excel, PowerPoint, WPS, "+
			"OpenDocument or OFD. The content counts, not the name")
}

// refused returns the fault of a file that is not taken.
func refused(code, zh, en string, args ...any) error {
	return fault.Broken(fault.Field("", code, zh, en, args...))
}

func isWebP(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP"
}

// isHEIC reports whether the file is a container of HEIF, as phones write photos.
func isHEIC(head []byte) bool {
	brands := []string{"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"}
	return len(head) >= 12 && string(head[4:8]) == "ftyp" && slices.Contains(brands, string(head[8:12]))
}

// longestName is the most characters of the name of a file, its ending included.
const longestName = 120

// nameOf returns the name under which the file is offered: the last step of the given one, without characters that a
// system could take for something else, and with the ending of its format.
func nameOf(given string, f format) string {
	given = given[strings.LastIndexAny(given, `/\:`)+1:]
	given = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>"|?*%;`+"`$", r) || r < ' ' {
			return '_'
		}
		return r
	}, given)
	if ending := path.Ext(given); strings.EqualFold(ending, f.ending) || f == jpegFormat && slices.Contains(photoEndings, strings.ToLower(ending)) {
		given = strings.TrimSuffix(given, ending)
	}
	given = strings.Trim(given, ". ")
	if given == "" || reserved(given) {
		given = "evidence"
	}
	if name := []rune(given); len(name) > longestName-len(f.ending) {
		given = strings.TrimSpace(string(name[:longestName-len(f.ending)]))
	}
	return given + f.ending
}

var photoEndings = []string{".jpg", ".jpeg", ".jpe", ".png", ".webp"}

// reserved reports whether Windows takes the name for a device.
func reserved(name string) bool {
	name, _, _ = strings.Cut(strings.ToUpper(name), ".")
	switch name {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(name) == 4 && (strings.HasPrefix(name, "COM") || strings.HasPrefix(name, "LPT")) && name[3] >= '0' && name[3] <= '9'
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
