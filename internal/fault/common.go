package fault

import "bulwark/internal/text"

// Missing is the one answer for a thing that does not exist and for one that
// the caller may not know of, so that the two cannot be told apart.
func Missing(noun text.Text, code string) *Error {
	return New(NotFound, "not_found", text.F("没有找到%[1]s“%[3]s”", "no %[2]s %[3]q here", noun.ZH, noun.EN, code))
}

// Broken starts a fault that lists broken rules; add them using With.
func Broken(fields ...Field) *Error {
	return New(Invalid, "invalid", text.F("有 %d 处不符合要求，请按 errors 逐条修改", "%d rules are broken: see errors", len(fields))).With(fields...)
}

// OutOfDate says that someone else changed the thing since it was read.
func OutOfDate() *Error {
	return New(Stale, "stale_version", text.F("内容已被他人修改，请重新读取后再提交", "someone changed this since you read it: read it again, then send your change"))
}

// At is one fault at a place.
func At(pointer, code string, message text.Text) Field {
	return Field{Pointer: pointer, Code: code, Message: message}
}

// MissingAt turns NotFound, of a thing that a field names, into a fault of that
// field; other errors stay.
func MissingAt(err error, at, code string, message text.Text) error {
	if !Is(err, NotFound) {
		return err
	}
	return Broken(At(at, code, message))
}

// BadCode is the fault of a code that text.IsCode refuses.
func BadCode(pointer string) Field {
	return At(pointer, "bad_code", text.F(
		"代码须为 1–64 个字母、数字、点、横线或下划线，以字母或数字开头",
		"a code is 1–64 letters, digits, dots, dashes or underscores and starts with a letter or digit"))
}
