package spreadsheet

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"bulwark/internal/fault"
)

// Limits of a file that people send.
const (
	MaxUpload   = 5 << 20   // bytes
	maxUnzipped = 64 << 20  // bytes of all parts of a workbook
	maxParts    = 1000      // of a workbook
	maxRows     = 20_000    // of a sheet, with something in them
	maxElements = 1 << 20   // of XML in a workbook, or cells of a CSV file
	maxMerged   = 1000      // areas of merged cells of a sheet
	maxText     = 256 << 10 // bytes of one text
	maxTag      = 64 << 10  // bytes of one tag
)

// Book is a workbook or a CSV file that a person filled in.
type Book struct {
	Sheets []*Sheet // a CSV file is one sheet
	data   []byte   // of a workbook; nil for CSV
	parts  map[string]*zip.File
	shared []string // texts that cells share
	styles []format // of cells

	from1904 bool // days count from 1904
}

// Open returns the file of the media type, MediaXLSX or MediaCSV. Its sizes are counted before
// anything of it is read. A fault says why a file cannot be read.
func Open(media string, data []byte) (*Book, error) {
	if len(data) > MaxUpload {
		return nil, fault.TooLarge("file_too_large", "文件超过 %d MB", "the file is over %d MB", MaxUpload>>20)
	}
	if media == MediaCSV {
		return openCSV(data)
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0")):
		return nil, fault.Invalid("protected_file", "文件设有打开密码，或为旧格式（.xls）：请取消密码，另存为“.xlsx”后再上传",
			"the file has a password or is of the old format .xls: save it without a password as .xlsx")
	case !bytes.HasPrefix(data, []byte("PK")):
		return nil, fault.Invalid("not_a_workbook", "不是“.xlsx”工作簿：请在表格软件中另存为“.xlsx”后再上传",
			"this is no .xlsx workbook: save it as .xlsx in your spreadsheet program")
	}
	b := &Book{data: data, parts: map[string]*zip.File{}}
	if err := b.count(); err != nil {
		return nil, err
	}
	return b, b.read()
}

func damaged(cause error) error {
	return fault.Invalid("damaged_file", "文件已损坏，无法读取：请在表格软件中打开并另存为“.xlsx”，或重新下载模板",
		"the file is damaged: open it in your spreadsheet program and save it as .xlsx, or download the template again").Because(cause)
}

func tooMuch() error {
	return fault.TooLarge("too_much_in_file", "文件解压后内容过多：请删去多余的工作表、图片和空行后再上传",
		"there is too much in the file once it is unpacked: delete sheets, pictures and rows that are not needed")
}

// count reads every part of the workbook once, without keeping it, and refuses one with more in
// it than the limits. What the directory says of sizes is not believed.
func (b *Book) count() error {
	z, err := zip.NewReader(bytes.NewReader(b.data), int64(len(b.data)))
	if err != nil {
		return damaged(err)
	}
	if len(z.File) > maxParts {
		return tooMuch()
	}
	var stated uint64
	for _, part := range z.File {
		if stated += part.UncompressedSize64; part.UncompressedSize64 > maxUnzipped || stated > maxUnzipped {
			return tooMuch()
		}
	}
	left, elements := int64(maxUnzipped), 0
	for _, part := range z.File {
		name := partName(part.Name)
		if _, twice := b.parts[name]; twice {
			return damaged(nil)
		}
		b.parts[name] = part
		r, err := part.Open()
		if err != nil {
			return damaged(err)
		}
		m, into := &markup{}, io.Discard
		if strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".rels") || strings.HasSuffix(name, ".vml") {
			m.left = maxElements - elements
			into = m
		}
		n, err := io.Copy(into, io.LimitReader(r, left+1))
		left -= n
		elements += m.elements
		switch {
		case left < 0 || m.exceeded:
			return tooMuch()
		case err != nil:
			return damaged(err)
		}
		if err := r.Close(); err != nil {
			return damaged(err)
		}
	}
	return nil
}

// partName returns the name under which a part is found: programs differ in letter case and
// leading strokes.
func partName(name string) string {
	return strings.ToLower(strings.TrimPrefix(path.Clean(strings.ReplaceAll(name, `\`, "/")), "/"))
}

// markup counts XML as it passes, so that none is read that would need much memory.
type markup struct {
	left, elements int
	run            int  // bytes since the last < or >
	tag            bool // within a tag
	exceeded       bool
}

var errExceeded = io.ErrShortWrite

// Write counts the bytes.
func (m *markup) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := byte('<')
		most := maxText
		if m.tag {
			end, most = '>', maxTag
		}
		i := bytes.IndexByte(p, end)
		if i < 0 {
			i = len(p)
		}
		if m.run += i; m.run > most {
			m.exceeded = true
			return 0, errExceeded
		}
		if i == len(p) {
			break
		}
		if m.tag = !m.tag; m.tag {
			if m.elements++; m.elements > m.left {
				m.exceeded = true
				return 0, errExceeded
			}
		}
		p, m.run = p[i+1:], 0
	}
	return n, nil
}

// openCSV returns a CSV file as one sheet, whose cells are texts. Spreadsheet programs in Chinese
// write GB 18030 where nobody tells them otherwise.
func openCSV(data []byte) (*Book, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
		if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
			return nil, fault.Invalid("csv_encoding", "CSV 文件的编码无法识别：请存为“CSV UTF-8”",
				"the encoding of the CSV file is not known: save it as CSV UTF-8")
		}
		data = decoded
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, damaged(nil)
	}
	s := &Sheet{Name: "CSV"}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	for cells := 0; ; {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return &Book{Sheets: []*Sheet{s}}, nil
		}
		if err != nil {
			return nil, fault.Invalid("not_csv", "CSV 文件的引号或分隔符有误：请重新导出", "the quotes or separators of the CSV file are wrong: export it again").
				Because(err)
		}
		if cells += len(record); len(s.rows) >= maxRows || cells > maxElements {
			return nil, tooManyRows()
		}
		row := row{number: len(s.rows) + 1}
		for i, field := range record {
			if field = strings.TrimSpace(field); field != "" {
				row.cells = append(row.cells, Cell{Column: i + 1, Kind: Text, Text: field})
			}
		}
		s.rows = append(s.rows, row)
	}
}

func tooManyRows() error {
	return fault.TooLarge("too_many_rows", "工作表超过 %d 行", "a sheet has more than %d rows", maxRows)
}

// Sheet returns the sheet whose first cell begins with the prefix; nil where there is none or
// more than one.
func (b *Book) Sheet(prefix string) *Sheet {
	begins := func(s *Sheet) bool { return strings.HasPrefix(s.At(1, 1).Text, prefix) }
	i := slices.IndexFunc(b.Sheets, begins)
	if i < 0 || slices.ContainsFunc(b.Sheets[i+1:], begins) {
		return nil
	}
	return b.Sheets[i]
}
