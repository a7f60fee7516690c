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
		if f, hidden := fault.Unprintable(at, v.String(), multiline); hidden {
			return []fault.FieldError{f}
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
					here = at + "/" + fault.Escape(jsonName(f))
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
		here := at + "/" + fault.Escape(k.String())
		if k.Kind() == reflect.String {
			if f, hidden := fault.Unprintable(here, k.String(), false); hidden {
				faults = append(faults, f)
				continue
			}
			if text.Clean(k.String()) != k.String() {
				faults = append(faults, fault.At(here, "unprintable", unclean))
				continue
			}
		}
		item := reflect.New(v.Type().Elem()).Elem()
		item.Set(v.MapIndex(k))
		faults = append(faults, clean(item, here, multiline)...)
		v.SetMapIndex(k, item)
	}
	return faults
}

func jsonName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}
