package spreadsheet

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"bulwark/internal/day"
	"bulwark/internal/text"
)

// Fault is what is wrong with one cell, in the language of whoever reads it.
type Fault struct {
	Sheet   string `json:"sheet" example:"填报"`                   // its name
	Cell    string `json:"cell" example:"F12"`                   // its name
	Branch  string `json:"branch,omitempty" example:"b07"`       // of the row, where it is about one
	Code    string `json:"code,omitempty" example:"spirit"`      // of the column
	Fault   string `json:"fault" example:"out_of_range"`         // stable, for programs
	Message string `json:"message" example:"the value is dated"` // what to do
} // @name CellFault

// Wrong is why a cell cannot be read as what it should be.
type Wrong struct {
	Code    string
	Message text.Text
}

func wrong(code, zh, en string, args ...any) *Wrong { return &Wrong{code, text.F(zh, en, args...)} }

// Refused returns what is wrong with a cell whatever it should hold; nil for an empty cell, a
// number or words.
func (c Cell) Refused() *Wrong {
	switch c.Kind {
	case Boolean:
		return wrong("boolean", "单元格是逻辑值（TRUE/FALSE），请改填数值或文字", "the cell is TRUE or FALSE: enter a number or words")
	case Date:
		return wrong("date", "单元格是日期：请把单元格格式改为“常规”，再重新填写",
			"the cell is a date: set its format to General and enter the value again")
	case Failed:
		return wrong("error_value", "单元格是错误值“%s”：请改正公式或直接填写", "the cell is the error %s: mend the formula or enter the value", c.Text)
	case Uncomputed:
		return wrong("formula_without_value", "单元格的公式没有保存计算结果：请用表格软件打开并保存，或直接填写",
			"the formula in the cell has no stored result: open and save the file in a spreadsheet program, or enter the value")
	case MergedCells:
		return wrong("merged_cells", "单元格已合并：请取消合并，逐格填写", "the cell is merged with others: unmerge it and fill in each one")
	default:
		return nil
	}
}

var decimal = regexp.MustCompile(`^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$`)

// fullWidth are signs that stand for those of numbers and are not folded by Unicode.
var fullWidth = strings.NewReplacer("。", ".", "−", "-", "–", "-", "—", "-", " ", "")

// Float returns the number in the cell, as far as a spreadsheet shows it: to 15 digits. Text that
// reads as a number is one, full-width digits included. A percentage is the number before its
// sign, 88.5 for 88.5 %, and is reported as one.
func (c Cell) Float() (x float64, percent bool, w *Wrong) {
	if w := c.Refused(); w != nil {
		return 0, false, w
	}
	written := c.Text
	if c.Kind == Text {
		written = fullWidth.Replace(norm.NFKC.String(c.Text))
		written, percent = strings.CutSuffix(written, "%")
		if !decimal.MatchString(written) {
			return 0, false, wrong("not_a_number", "“%s”不是数字", "%q is not a number", shorten(c.Text))
		}
		written = strings.ReplaceAll(written, ",", "")
	}
	x, err := strconv.ParseFloat(written, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) || text.Vanishes(written) {
		return 0, false, wrong("not_a_number", "“%s”不是可用的数字", "%q is not a number that can be used", shorten(c.Text))
	}
	if c.Kind == Number {
		shown := strconv.FormatFloat(x, 'e', 14, 64)
		if c.Percent {
			mantissa, exponent, _ := strings.Cut(shown, "e")
			n, _ := strconv.Atoi(exponent)
			shown, percent = mantissa+"e"+strconv.Itoa(n+2), true
		}
		if x, err = strconv.ParseFloat(shown, 64); err != nil {
			return 0, false, wrong("not_a_number", "“%s”不是可用的数字", "%q is not a number that can be used", c.Text)
		}
	}
	return x, percent, nil
}

// Day returns the day in the cell: one that a spreadsheet shows as a day, or words that are one.
func (c Cell) Day() (day.Date, *Wrong) {
	written := c.Text
	if c.Kind != Date {
		if w := c.Refused(); w != nil {
			return "", w
		}
		written = days.Replace(norm.NFKC.String(c.Text))
		if parts := strings.Split(written, "-"); len(parts) == 3 {
			for i, part := range parts[1:] {
				if len(part) == 1 {
					parts[i+1] = "0" + part
				}
			}
			written = strings.Join(parts, "-")
		}
	}
	on, err := day.Parse(written)
	if err != nil {
		return "", wrong("not_a_day", "“%s”不是日期：请写成 2026-01-01", "%q is no day: write it as 2026-01-01", shorten(c.Text))
	}
	return on, nil
}

// days are the signs between the parts of a day.
var days = strings.NewReplacer("/", "-", ".", "-", "年", "-", "月", "-", "日", "")

// Shown returns the number as a spreadsheet shows it, to 15 digits.
func Shown(x float64) float64 {
	shown, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 14, 64), 64)
	if err != nil {
		return x
	}
	return shown
}

// String returns the words in the cell, in Unicode form NFC; of a number as a spreadsheet shows
// it.
func (c Cell) String() string {
	if c.Kind == Number {
		if x, _, w := c.Float(); w == nil {
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
	}
	return text.Clean(c.Text)
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
