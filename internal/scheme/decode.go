package scheme

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Decode returns a scheme document, read strictly: unknown, repeated or misspelt members,
// wrong types and text behind the document are refused, with their place.
func Decode(raw []byte) (Document, error) {
	var d Document
	if at, found := text.VanishingNumber(raw); found {
		return Document{}, unreadable(&misplaced{"", fmt.Errorf(
			"the number at byte %d is not 0 and yet so small that it would be read as 0", at)})
	}
	err := json.Unmarshal(raw, &d, json.RejectUnknownMembers(true), strictly)
	if err == nil {
		err = complete(raw)
	}
	if err != nil {
		return Document{}, unreadable(err)
	}
	return d, nil
}

// complete finds members that have no default although 0 would pass for one.
func complete(raw []byte) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	for _, name := range []string{"decimals", "min_coverage"} {
		if _, given := members[name]; !given {
			return &misplaced{"/" + name, errors.New("it is required: 0 is not assumed")}
		}
	}
	return nil
}

// noNulls refuses null: it would be read as 0, and no member of a scheme needs it.
var noNulls = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ any) error {
	if dec.PeekKind() == 'n' {
		return errors.New("null is not a value here: leave the member out")
	}
	return errors.ErrUnsupported
})

// cleanTexts brings texts to one form, so that the same words typed on two
// keyboards have the same hash, and refuses what hides from a reader.
var cleanTexts = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, s *string) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '"' {
		return errors.New("this must be text")
	}
	*s = text.Clean(token.String())
	if remedy, hidden := text.Hidden(*s, true); hidden {
		return errors.New(remedy.EN)
	}
	return nil
})

// unprintable is why a text of the document is refused, in both languages.
type unprintable text.Text

func (u unprintable) Error() string { return text.Text(u).String() }

var strictly = json.WithUnmarshalers(json.JoinUnmarshalers(noNulls, cleanTexts))

func unreadable(err error) error {
	pointer, reason := "", err
	var (
		inner     *misplaced
		semantic  *json.SemanticError
		syntactic *jsontext.SyntacticError
	)
	switch {
	case errors.As(err, &inner):
		pointer, reason = inner.pointer, inner.err
	case errors.As(err, &semantic):
		pointer = string(semantic.JSONPointer)
	case errors.As(err, &syntactic):
		pointer = string(syntactic.JSONPointer)
		reason = fmt.Errorf("at byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	}
	var why any = reason
	if u, ok := errors.AsType[unprintable](err); ok {
		why = text.Text(u)
	}
	return fault.Malformed("malformed_scheme", "无法读取指标体系文件", "the scheme document cannot be read").
		With(fault.Field(pointer, "malformed", "此处无法读取：%v", "cannot read this: %v", why)).Because(err)
}

// Canonical returns the document in RFC 8785 form: the same document always has the
// same bytes, whatever the order of members or the spelling of numbers was.
func (d Document) Canonical() ([]byte, error) { return marshal(d) }

// marshal writes v in RFC 8785 form; members at their default are left out.
func marshal(v any) (jsontext.Value, error) {
	raw, err := json.Marshal(v, jsonv1.OmitEmptyWithLegacySemantics(true), json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("scheme document: %w", err)
	}
	canonical := jsontext.Value(raw)
	if err := canonical.Canonicalize(); err != nil {
		return nil, fmt.Errorf("scheme document: %w", err)
	}
	return canonical, nil
}

// Hash returns SHA-256 over canonical bytes, in hexadecimal.
func Hash(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
