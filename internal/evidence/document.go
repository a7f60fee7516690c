package evidence

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
)

// What an archive may hold: more is no document that people write.
const (
	maxParts    = 10_000
	maxUnpacked = 256 << 20 // bytes
)

// checkPDF refuses a file that does not end as a PDF does, and one that is an archive besides.
func checkPDF(file io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 4096))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	if !bytes.Contains(tail, []byte("%%EOF")) {
		return badDocument()
	}
	if _, err := zip.NewReader(file, size); err == nil {
		return twoThings()
	}
	return nil
}

func badDocument() error {
	return refused("evidence_document", "文件不完整或已损坏：请重新保存后再上传", "the file is damaged or not complete: save it again and send that")
}

func twoThings() error {
	return refused("evidence_two_types", "文件同时是两种格式，不予接收：请重新保存为普通文档", "the file is of two types at once: save it anew as a plain document")
}

func hasMacros() error {
	return refused("evidence_macros", "文档含有宏，不予接收：请另存为不含宏的格式（如 docx、xlsx）", "the document has macros: save it without them, as docx or xlsx")
}

// checkArchive returns which office document an archive is, and unpacks all of it within bounds, so that what is kept
// can be opened and does no harm by its size.
func checkArchive(file io.ReaderAt, size int64) (f format, err error) {
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return f, badDocument()
	}
	if len(archive.File) > maxParts {
		return f, tooMuchInside()
	}
	names := make([]string, len(archive.File))
	for i, part := range archive.File {
		names[i] = part.Name
		if strings.Contains(part.Name, "..") || strings.HasPrefix(part.Name, "/") || strings.ContainsAny(part.Name, "\\\x00") {
			return f, badDocument()
		}
		if strings.HasSuffix(strings.ToLower(part.Name), "vbaproject.bin") {
			return f, hasMacros()
		}
	}
	for _, z := range zipFormats {
		if slices.Contains(names, z.part) && (slices.Contains(names, "[Content_Types].xml") || z.ending == ".ofd") {
			f = z.format
		}
	}
	if len(names) > 0 && names[0] == "mimetype" {
		f = openDocuments[firstPart(archive)]
	}
	if f.mediaType == "" {
		return f, unknownFormat()
	}
	return f, unpack(archive)
}

// firstPart returns what the first part of an archive says, if it is short.
func firstPart(archive *zip.Reader) string {
	in, err := archive.File[0].Open()
	if err != nil {
		return ""
	}
	defer in.Close()
	said, err := io.ReadAll(io.LimitReader(in, 100))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(said))
}

// unpack reads every part and compares it with its checksum.
func unpack(archive *zip.Reader) error {
	left := int64(maxUnpacked)
	for _, part := range archive.File {
		in, err := part.Open()
		if err != nil {
			return badDocument()
		}
		n, err := io.Copy(io.Discard, io.LimitReader(in, left+1))
		_ = in.Close() // only read
		if left -= n; left < 0 {
			return tooMuchInside()
		}
		if err != nil {
			return badDocument()
		}
	}
	return nil
}

func tooMuchInside() error {
	return refused("evidence_unpacks", "文档解压后超过 %d MB 或部件过多，不予接收", "the document unpacks to more than %d MB or has too many parts", maxUnpacked>>20)
}

var compoundMagic = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")

// checkCompound returns which older office document the file is, by the names in its directory.
func checkCompound(file io.ReaderAt, size int64) (f format, err error) {
	data := make([]byte, size)
	if _, err := file.ReadAt(data, 0); err != nil {
		return f, err
	}
	if size < 3*512 {
		return f, badDocument()
	}
	shift := binary.LittleEndian.Uint16(data[30:])
	directory := int64(binary.LittleEndian.Uint32(data[48:]))
	if shift != 9 && shift != 12 || (directory+2)<<shift > size {
		return f, badDocument()
	}
	switch {
	case bytes.Contains(data, wide("_VBA_PROJECT")):
		return f, hasMacros()
	case bytes.Contains(data, wide("EncryptedPackage")):
		return f, refused("evidence_password", "文档设有密码，他人无法打开：请去掉密码后再上传", "the document has a password, so that others cannot open it: save it without one")
	}
	for _, c := range compoundFormats {
		if bytes.Contains(data, append(wide(c.stream), 0, 0)) {
			return c.format, nil
		}
	}
	return f, unknownFormat()
}

// wide returns the text in UTF-16, as the directory has names.
func wide(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}
