// Package signature signs what an installation publishes, as signed notes of
// golang.org/x/mod/sumdb/note: a text, and under it one line per signature. The private
// keys are in files outside of the database; what is stated of the public ones is in the
// database and in those files, each statement a signed note itself.
package signature

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/mod/sumdb/note"

	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// The algorithms of keys.
const (
	Ed25519 = "ed25519"
	SM2     = "sm2" // with SM3, by GB/T 32918 and the usual identity of the signer
)

// The bytes before a key in the forms of notes: 1 is registered for Ed25519; 255 is for
// others, which name themselves.
const (
	ed25519Prefix = "\x01"
	sm2Prefix     = "\xffsm2-sm3\n"
)

const privatePrefix = "PRIVATE+KEY+"

var errBadKey = errors.New("it is no key of a known algorithm")

// privateKey signs, and knows its public key.
type privateKey struct {
	note.Signer
	algorithm, secret, public string // both keys in the form of notes
}

// newKey makes a private key.
func newKey(algorithm, name string) (privateKey, error) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '+' || r > '~' }) {
		return privateKey{}, fault.Invalid("bad_key_name",
			"密钥名称只能用不含空格和加号的 ASCII 字符，例如 bulwark.example.org",
			"the name of a key is ASCII without spaces and pluses, for example bulwark.example.org")
	}
	switch algorithm {
	case Ed25519:
		secret, _, err := note.GenerateKey(rand.Reader, name)
		if err != nil {
			return privateKey{}, err
		}
		return parsePrivate(secret)
	case SM2:
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return privateKey{}, err
		}
		public := encoded(name, sm2Prefix, sm2Public(&key.PublicKey), sm2Public(&key.PublicKey))
		scalar := key.D.FillBytes(make([]byte, 32))
		return parsePrivate(privatePrefix + public[:len(name)+10] +
			base64.StdEncoding.EncodeToString([]byte(sm2Prefix+string(scalar))))
	}
	return privateKey{}, fault.Invalid("unknown_algorithm",
		"算法只能是 ed25519 或 sm2", "the algorithm is ed25519 or sm2")
}

// encoded returns a key in the form of notes: NAME+HASH+KEY, where the hash is of the public key.
func encoded(name, prefix string, public, key []byte) string {
	sum := sha256.Sum256([]byte(name + "\n" + prefix + string(public)))
	return fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:]),
		base64.StdEncoding.EncodeToString([]byte(prefix+string(key))))
}

// The method Bytes of the key knows the curves of the standard library alone.
func sm2Public(key *ecdsa.PublicKey) []byte {
	//nolint:staticcheck // so the coordinates are needed
	return append(append([]byte{4}, key.X.FillBytes(make([]byte, 32))...), key.Y.FillBytes(make([]byte, 32))...)
}

// parsePrivate reads a private key in the form of notes.
func parsePrivate(secret string) (privateKey, error) {
	rest, ok := strings.CutPrefix(secret, privatePrefix)
	parts := strings.Split(rest, "+")
	if !ok || len(parts) < 3 {
		return privateKey{}, errBadKey
	}
	name := parts[0]
	raw, err := base64.StdEncoding.DecodeString(strings.Join(parts[2:], "+"))
	if err != nil {
		return privateKey{}, errBadKey
	}
	if seed, ok := strings.CutPrefix(string(raw), ed25519Prefix); ok && len(seed) == ed25519.SeedSize {
		signer, err := note.NewSigner(secret)
		if err != nil {
			return privateKey{}, errors.Join(errBadKey, err)
		}
		public := ed25519.NewKeyFromSeed([]byte(seed)).Public().(ed25519.PublicKey)
		return privateKey{signer, Ed25519, secret, encoded(name, ed25519Prefix, public, public)}, nil
	}
	scalar, ok := strings.CutPrefix(string(raw), sm2Prefix)
	if !ok {
		return privateKey{}, errBadKey
	}
	key, err := sm2.NewPrivateKey([]byte(scalar))
	if err != nil {
		return privateKey{}, errors.Join(errBadKey, err)
	}
	point := sm2Public(&key.PublicKey)
	public := encoded(name, sm2Prefix, point, point)
	verifier, err := newVerifier(public)
	if err != nil || idOf(public) != parts[0]+"+"+parts[1] {
		return privateKey{}, errors.Join(errBadKey, err)
	}
	return privateKey{sm2Signer{verifier, key}, SM2, secret, public}, nil
}

// sm2Signer signs notes with SM2.
type sm2Signer struct {
	note.Verifier
	key *sm2.PrivateKey
}

// Sign returns the signature of a text.
func (s sm2Signer) Sign(text []byte) ([]byte, error) {
	return s.key.SignWithSM2(rand.Reader, nil, text)
}

// verifier is a public key of either algorithm.
type verifier struct {
	note.Verifier
	algorithm string
}

// newVerifier reads a public key in the form of notes, of which no byte can be another.
func newVerifier(public string) (verifier, error) {
	name, rest, _ := strings.Cut(public, "+")
	_, key, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	if err != nil {
		return verifier{}, errBadKey
	}
	if strings.HasPrefix(string(raw), ed25519Prefix) {
		v, err := note.NewVerifier(public)
		if err != nil {
			return verifier{}, errors.Join(errBadKey, err)
		}
		if encoded(name, ed25519Prefix, raw[1:], raw[1:]) != public {
			return verifier{}, errBadKey
		}
		return verifier{v, Ed25519}, nil
	}
	point, ok := strings.CutPrefix(string(raw), sm2Prefix)
	if !ok || encoded(name, sm2Prefix, []byte(point), []byte(point)) != public {
		return verifier{}, errBadKey
	}
	parsed, err := sm2.NewPublicKey([]byte(point))
	if err != nil {
		return verifier{}, errors.Join(errBadKey, err)
	}
	var hash uint32
	_, _ = fmt.Sscanf(rest[:8], "%08x", &hash) // encoded has compared it
	return verifier{sm2Verifier{name, hash, parsed}, SM2}, nil
}

// sm2Verifier verifies signatures with SM2.
type sm2Verifier struct {
	name string
	hash uint32
	key  *ecdsa.PublicKey
}

// Name returns the name of the key.
func (v sm2Verifier) Name() string { return v.name }

// KeyHash returns the hash by which signatures name the key.
func (v sm2Verifier) KeyHash() uint32 { return v.hash }

// Verify reports whether the signature is of the text.
func (v sm2Verifier) Verify(text, signature []byte) bool {
	return sm2.VerifyASN1WithSM2(v.key, nil, text, signature)
}

// idOf returns the name and hash of a key, by which signatures name it.
func idOf(public string) string {
	if parts := strings.SplitN(public, "+", 3); len(parts) == 3 {
		return parts[0] + "+" + parts[1]
	}
	return public
}

// keyFile is the content of a file with a private key.
type keyFile struct {
	Secret     string   `json:"private_key"`
	Statements []string `json:"statements"` // about the key and those before it
}

// CreateKey writes a new private key to a file that does not exist yet and that only its
// owner can read, and returns the public key. The file vouches for the known keys too,
// which are those of an installation whose private key is lost.
func CreateKey(path, algorithm, name string, now time.Time, known Keys) (public string, err error) {
	key, err := newKey(algorithm, name)
	if err != nil {
		return "", err
	}
	stated, err := key.beginning(now)
	if err != nil {
		return "", err
	}
	file, err := database.CreateFile(path, os.O_WRONLY|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		return "", fault.Conflict("key_exists",
			"文件 %s 已存在，未作任何改动：要更换密钥，请加 --rotate",
			"the file %s exists, and nothing was changed: to replace the key, add --rotate", path)
	}
	if err != nil {
		return "", unusable(path, err)
	}
	return key.public, writeTo(file, keyFile{key.secret, append(known.Statements(), stated)})
}

// RotateKey replaces the private key in the file by a new one of the same algorithm and
// name. Old and new key sign where the old one ends and the new one begins; the old one
// is gone then. It returns the public key.
func RotateKey(path string, now time.Time) (public string, err error) {
	f, old, err := readKey(path)
	if err != nil {
		return "", err
	}
	key, err := newKey(old.algorithm, old.Name())
	if err != nil {
		return "", err
	}
	begins, err := key.beginning(now, old.Signer)
	if err != nil {
		return "", err
	}
	ends, err := sign(compose(endFormat, "key", old.public, "until", formatTime(now), "successor", key.public),
		old.Signer, key.Signer)
	if err != nil {
		return "", err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return "", unusable(path, err)
	}
	if err := writeTo(temporary, keyFile{key.secret, append(f.Statements, ends, begins)}); err != nil {
		return "", errors.Join(err, os.Remove(temporary.Name()))
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return "", unusable(path, errors.Join(err, os.Remove(temporary.Name())))
	}
	return key.public, nil
}

// beginning returns the statement that the key counts from now on, signed by itself and
// by the others.
func (k privateKey) beginning(now time.Time, others ...note.Signer) (string, error) {
	text := compose(beginFormat, "key", k.public, "algorithm", k.algorithm, "from", formatTime(now))
	return sign(text, append([]note.Signer{k.Signer}, others...)...)
}

func writeTo(file *os.File, f keyFile) (err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err := json.MarshalIndent(f, "", "  ") //nolint:gosec // the file of the key is where its secret belongs
	if err != nil {
		return err
	}
	if _, err := file.Write(append(content, '\n')); err != nil {
		return unusable(file.Name(), err)
	}
	return file.Sync()
}

// readKey reads a file that only its owner can read.
func readKey(path string) (f keyFile, key privateKey, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return f, key, unusable(path, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return f, key, fault.Unavailable("key_readable",
			"其他用户可以读取签名密钥文件 %[1]s：请运行 chmod 600 %[1]s；如果可能已被读取，再运行 bulwark key signing --rotate",
			"others can read the file of the signing key %[1]s: run chmod 600 %[1]s, and bulwark key signing --rotate if somebody may have read it",
			path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return f, key, unusable(path, err)
	}
	if err := json.Unmarshal(content, &f); err != nil {
		return f, key, unusable(path, err)
	}
	if key, err = parsePrivate(f.Secret); err != nil {
		return f, key, unusable(path, err)
	}
	return f, key, nil
}

func unusable(path string, err error) error {
	return fault.Unavailable("signing_key",
		"签名密钥文件 %s 无法使用：请检查 BULWARK_SIGNING_KEY_FILE 和 BULWARK_SIGNING_SM2_KEY_FILE；没有密钥时，请运行 bulwark key signing --out 文件",
		"the file of the signing key %s cannot be used: check BULWARK_SIGNING_KEY_FILE and BULWARK_SIGNING_SM2_KEY_FILE; "+
			"where there is no key yet, run bulwark key signing --out FILE", path).Because(err)
}
