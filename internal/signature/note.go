package signature

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// The first lines of what is stated of keys.
const (
	beginFormat = "bulwark/key 1"
	endFormat   = "bulwark/key-end 1"
)

// Compose returns the text of a note: the format, and then one line "NAME VALUE" for
// each pair. A value has no line break.
func Compose(format string, pairs ...string) string { return compose(format, pairs...) }

func compose(format string, pairs ...string) string {
	var b strings.Builder
	b.WriteString(format + "\n")
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(pairs[i] + " " + strings.ReplaceAll(pairs[i+1], "\n", " ") + "\n")
	}
	return b.String()
}

// Fields returns the pairs of a text of Compose, in their order; nil where the text does
// not have the format.
func Fields(text, format string) [][2]string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != format {
		return nil
	}
	pairs := [][2]string{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, " ")
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs
}

func field(pairs [][2]string, name string) string {
	for _, p := range pairs {
		if p[0] == name {
			return p[1]
		}
	}
	return ""
}

func formatTime(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

func sign(text string, signers ...note.Signer) (string, error) {
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	return string(signed), err
}

// Split returns the text of a note and its lines of signatures; none where it is a text
// that nobody has signed.
func Split(signed string) (text, signatures string) {
	at := strings.LastIndex(signed, "\n\n")
	if at < 0 {
		return signed, ""
	}
	return signed[:at+1], signed[at+2:]
}

// Signed reports whether a note has a line of a signature, right or wrong.
func Signed(signed string) bool { return strings.Contains(signed, "\n\n") }

// Key is a public key with the time in which it counts.
type Key struct {
	Name      string     `json:"name" example:"bulwark"`
	Algorithm string     `json:"algorithm" enums:"ed25519,sm2"`
	PublicKey string     `json:"public_key"` // in the form of golang.org/x/mod/sumdb/note
	From      time.Time  `json:"from"`
	Until     *time.Time `json:"until,omitempty"` // absent while it counts
	// the note that states from when it counts, signed by itself and the key before
	Statement string `json:"statement"`
	End       string `json:"end,omitempty"` // the note that states until when, signed by itself and its successor
} // @name SigningKey

// ID returns how signatures name the key.
func (k Key) ID() string { return idOf(k.PublicKey) }

// Keys are public keys in the order in which they began.
type Keys struct {
	Keys []Key `json:"keys"`
} // @name SigningKeys

var (
	errUnsigned  = errors.New("it is unsigned")
	errUnknown   = errors.New("it is signed by an unknown key")
	errWrong     = errors.New("its signature is wrong")
	errWritten   = errors.New("it is not written as it was signed")
	errTime      = errors.New("its key did not count at that time")
	errStatement = errors.New("it states nothing of a key")
)

// KeysOf returns the keys of the statements that are signed as they should be.
func KeysOf(statements []string) Keys {
	k, _ := readKeys(statements)
	return k
}

// readKeys returns the keys of the statements that are signed as they should be, and the
// number of the others.
func readKeys(statements []string) (k Keys, wrong int) {
	statements = slices.Clone(statements)
	slices.Sort(statements)
	statements = slices.Compact(statements)
	for _, s := range statements {
		text, _ := Split(s)
		pairs := Fields(text, beginFormat)
		v, err := newVerifier(field(pairs, "key"))
		from, badTime := time.Parse(time.RFC3339Nano, field(pairs, "from"))
		if err != nil || badTime != nil || v.algorithm != field(pairs, "algorithm") {
			continue
		}
		k.Keys = append(k.Keys, Key{
			Name: v.Name(), Algorithm: v.algorithm, PublicKey: field(pairs, "key"), From: from, Statement: s,
		})
	}
	all, _ := k.verifiers()
	for _, s := range statements {
		if k.apply(s, all) != nil {
			wrong++
			k.Keys = slices.DeleteFunc(k.Keys, func(key Key) bool { return key.Statement == s })
		}
	}
	slices.SortFunc(k.Keys, func(a, b Key) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.PublicKey, b.PublicKey))
	})
	return k, wrong
}

// apply checks who has signed a statement, and sets the end of a key.
func (k Keys) apply(statement string, all note.Verifiers) error {
	text, by, err := open(statement, all)
	if err != nil {
		return err
	}
	if pairs := Fields(text, beginFormat); pairs != nil {
		if !slices.Contains(by, idOf(field(pairs, "key"))) {
			return errUnsigned
		}
		return nil
	}
	pairs := Fields(text, endFormat)
	until, err := time.Parse(time.RFC3339Nano, field(pairs, "until"))
	if err != nil || !slices.Contains(by, idOf(field(pairs, "successor"))) ||
		!slices.Contains(by, idOf(field(pairs, "key"))) {
		return errStatement
	}
	for i := range k.Keys {
		if key := &k.Keys[i]; key.PublicKey == field(pairs, "key") {
			key.Until, key.End = &until, statement
			return nil
		}
	}
	return errStatement
}

func (k Keys) verifiers() (note.Verifiers, error) {
	list := make([]note.Verifier, len(k.Keys))
	for i, key := range k.Keys {
		v, err := newVerifier(key.PublicKey)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return note.VerifierList(list...), nil
}

// ParseKeys reads what Document returns, of which no byte can be another.
func ParseKeys(document []byte) (Keys, error) {
	var k Keys
	if err := json.Unmarshal(document, &k); err != nil {
		return Keys{}, err
	}
	var statements []string
	for _, key := range k.Keys {
		statements = append(statements, key.Statement)
		if key.End != "" {
			statements = append(statements, key.End)
		}
	}
	read, wrong := readKeys(statements)
	if wrong > 0 || !bytes.Equal(read.Document(), document) {
		return Keys{}, errWritten
	}
	return read, nil
}

// Document returns the keys as they are published.
func (k Keys) Document() []byte {
	if k.Keys == nil {
		k.Keys = []Key{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(k) // texts and times
	return b.Bytes()
}

// Statements returns what is stated of the keys.
func (k Keys) Statements() (list []string) {
	for _, key := range k.Keys {
		list = append(list, key.Statement)
		if key.End != "" {
			list = append(list, key.End)
		}
	}
	return list
}

// TrustedBy returns the keys that are among the given public keys, or for which one of
// those vouches, directly or over others: a key signs where its successor begins, and
// where the one before it ends.
func (k Keys) TrustedBy(public []string) Keys {
	trusted := map[string]bool{}
	for _, p := range public {
		trusted[p] = true
	}
	all, err := k.verifiers()
	if err != nil {
		return Keys{}
	}
	byID := map[string]string{}
	for _, key := range k.Keys {
		byID[key.ID()] = key.PublicKey
	}
	for grown := true; grown; {
		grown = false
		for _, key := range k.Keys {
			for _, s := range []string{key.Statement, key.End} {
				_, by, err := open(s, all)
				if err == nil && !trusted[key.PublicKey] &&
					slices.ContainsFunc(by, func(id string) bool { return trusted[byID[id]] }) {
					trusted[key.PublicKey], grown = true, true
				}
			}
		}
	}
	return Keys{slices.DeleteFunc(slices.Clone(k.Keys), func(key Key) bool { return !trusted[key.PublicKey] })}
}

// tolerance is how much sooner or later than its key a note may say that it was made: its
// time is taken before the key is read.
const tolerance = time.Minute

// Open returns the text of a note and the names of the keys that have signed it. Every
// signature must be of one of these keys, at a time at which it counted, and right.
func (k Keys) Open(signed string, at time.Time) (text string, by []string, err error) {
	all, err := k.verifiers()
	if err != nil {
		return "", nil, err
	}
	if text, by, err = open(signed, all); err != nil {
		return "", nil, err
	}
	for _, key := range k.Keys {
		late := key.Until != nil && at.After(key.Until.Add(tolerance))
		if slices.Contains(by, key.ID()) && (late || at.Before(key.From.Add(-tolerance))) {
			return "", nil, fmt.Errorf("%w: %s", errTime, key.ID())
		}
	}
	return text, by, nil
}

// open verifies every signature, and that the note is written in the one possible way.
func open(signed string, known note.Verifiers) (text string, by []string, err error) {
	n, err := note.Open([]byte(signed), known)
	if wrong := (&note.InvalidSignatureError{}); errors.As(err, &wrong) {
		return "", nil, errWrong
	}
	if unverified := (&note.UnverifiedNoteError{}); errors.As(err, &unverified) {
		return "", nil, errUnknown
	}
	if err != nil {
		if !Signed(signed) {
			return "", nil, errUnsigned
		}
		return "", nil, err
	}
	if len(n.UnverifiedSigs) > 0 {
		return "", nil, errUnknown
	}
	again, err := note.Sign(n)
	if err != nil || string(again) != signed {
		return "", nil, errors.Join(errWritten, err)
	}
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return "", nil, errWritten
		}
		by = append(by, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return n.Text, by, nil
}

// Publics returns the public keys in a text: one per line, or the document of keys. It
// does not verify them: whoever has the text trusts it.
func Publics(content []byte) (public []string, err error) {
	var k Keys
	if json.Unmarshal(content, &k) == nil {
		for _, key := range k.Keys {
			public = append(public, key.PublicKey)
		}
	} else {
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				public = append(public, line)
			}
		}
	}
	for _, p := range public {
		if _, err := newVerifier(p); err != nil {
			return nil, fmt.Errorf("%.40q: %w", p, err)
		}
	}
	if len(public) == 0 {
		return nil, errBadKey
	}
	return public, nil
}
