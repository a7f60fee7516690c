package rest

import (
	"reflect"
	"strconv"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// clean brings every text in v to NFC without surrounding space and reports
// those with characters that hide from a reader. Fields tagged multiline:"true"
// may break lines. Codes written as map keys are held to the same rule.
func clean(v reflect.Value, at string, multiline bool) (faults []fault.FieldError) {
	switch v.Kind() {
	case reflect.String:
		if why := text.Unprintable(v.String(), multiline); !why.IsZero() {
			return []fault.FieldError{fault.At(at, "unprintable", why)}
		}
		v.SetString(text.Clean(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			return clean(v.Elem(), at, multiline)
		}
	case reflect.Struct:
		for f := range fields(v.Type()) {
			if f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
				here := at
				if !f.Anonymous {
					here = at + "/" + escape(jsonName(f))
				}
				faults = append(faults, clean(v.FieldByIndex(f.Index), here, f.Tag.Get("multiline") == "true")...)
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			faults = append(faults, clean(v.Index(i), at+"/"+strconv.Itoa(i), multiline)...)
		}
	case reflect.Map:
		return cleanMap(v, at, multiline)
	}
	return faults
}

func cleanMap(v reflect.Value, at string, multiline bool) (faults []fault.FieldError) {
	for _, k := range v.MapKeys() {
		here := at + "/" + escape(k.String())
		if why := keyFault(k); !why.IsZero() {
			faults = append(faults, fault.At(here, "unprintable", why))
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		item.Set(v.MapIndex(k))
		faults = append(faults, clean(item, here, multiline)...)
		v.SetMapIndex(k, item)
	}
	return faults
}

// keyFault returns what is wrong with the key of a map; no words where nothing is.
func keyFault(k reflect.Value) text.Text {
	if k.Kind() != reflect.String {
		return text.Text{}
	}
	if why := text.Unprintable(k.String(), false); !why.IsZero() {
		return why
	}
	if text.Clean(k.String()) != k.String() {
		return text.F("前后不能有空白，字符须为 NFC 形式", "must have no blanks around it and be in Unicode form NFC")
	}
	return text.Text{}
}

// escape writes one name of a JSON pointer (RFC 6901).
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func jsonName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}
