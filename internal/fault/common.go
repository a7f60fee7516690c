package fault

import "bulwark/internal/text"

// Missing returns the refusal both of a thing that does not exist and of one that the
// caller may not know of, so that nobody can distinguish them.
func Missing(noun text.Text, code string) *Error {
	return NotFound("not_found", "没有找到%s“%s”", "no %s %q here", noun, code)
}

// Broken returns the fault of fields that are invalid.
func Broken(fields ...FieldError) *Error {
	if len(fields) == 0 {
		return Invalid("invalid", "内容不符合要求", "the content is invalid")
	}
	en := "%d fields are invalid: see errors"
	if len(fields) == 1 {
		en = "%d field is invalid: see errors"
	}
	return Invalid("invalid", "有 %d 处不符合要求，请逐条修改", en, len(fields)).With(fields...)
}

// OutOfDate returns the refusal to change a version that is not the newest.
func OutOfDate() *Error {
	return New(KindStale, "stale_version", text.F(
		"内容已被他人修改：请重新读取后再提交", "someone changed this since you read it: read it again, then send your change"))
}

// Field returns the fault of one field. The pointer is RFC 6901, or "query/NAME",
// "row/N/COLUMN" outside JSON.
func Field(pointer, code, zh, en string, args ...any) FieldError {
	return At(pointer, code, text.F(zh, en, args...))
}

// At returns the fault of one field from words that are at hand.
func At(pointer, code string, message text.Text) FieldError {
	return FieldError{Pointer: pointer, Code: code, Message: message}
}

// MissingAt returns NotFound, of a thing that a field names, as a fault of that
// field; other errors stay.
func MissingAt(err error, at, code string, message text.Text) error {
	if !Is(err, KindNotFound) {
		return err
	}
	return Broken(At(at, code, message))
}

// BadCode returns the fault of a code that text.IsCode refuses.
func BadCode(pointer string) FieldError {
	return Field(pointer, "bad_code",
		"代码须为 1–64 个字母、数字、点、横线或下划线，并以字母或数字开头",
		"a code is 1–64 letters, digits, dots, dashes or underscores and starts with a letter or digit")
}

// Differs returns what stands in a column of a table otherwise than it was published:
// its pointer is TABLE/KEY/COLUMN, and a column that is empty means the whole row.
func Differs(table, key, column, published, now string) FieldError {
	at := table + "/" + key
	if column != "" {
		at += "/" + column
	}
	return Field(at, "differs", "公布时为“%s”，数据库中现为“%s”", "published as %q, and %q in the database now", published, now)
}

// PublishedDataDiffers returns the refusal to amend what was published while the
// database differs from it, with every place.
func PublishedDataDiffers(places ...FieldError) *Error {
	return Conflict("published_data_differs",
		"数据库中有 %d 处与公布时的数据不符，未作任何更正：请逐条查明原因",
		"the database differs from what was published in %d places, so nothing was amended: find out why, see errors",
		len(places)).With(places...)
}
