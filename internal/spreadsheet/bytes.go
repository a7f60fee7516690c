package spreadsheet

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// bytesOf returns the workbook as a file with the same bytes each time: the library writes its parts in an
// order that changes from call to call, by which one workbook would have many tags. The list of contents comes
// first, as programs that guess the type of a file expect it.
func bytesOf(f *excelize.File) ([]byte, error) {
	written, err := f.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	in, err := zip.NewReader(bytes.NewReader(written.Bytes()), int64(written.Len()))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(in.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) }) // "[" is before any letter of lower case
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, part := range in.File {
		if err := copyPart(w, part); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return out.Bytes(), err
}

// copyPart copies a part without compressing it again.
func copyPart(w *zip.Writer, part *zip.File) error {
	from, err := part.OpenRaw()
	if err != nil {
		return err
	}
	head := part.FileHeader
	to, err := w.CreateRaw(&head)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return err
}
