package signature

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Signer signs texts. Files is one; a module of hardware can be another.
type Signer interface {
	// Sign returns the text with the lines of its signatures.
	Sign(text string) (string, error)
	// Statements returns what is stated of its keys and of those before them.
	Statements() ([]string, error)
}

// Settings are what an installation signs with.
type Settings struct {
	Signer   Signer   // nil: nothing is signed
	Required bool     // refuse to publish without a signature
	Trusted  []string // public keys that are trusted beside those of the signer, such as one that was kept elsewhere
}

type settingsKey struct{}

// With returns a context in which the settings count.
func With(ctx context.Context, s Settings) context.Context {
	return context.WithValue(ctx, settingsKey{}, s)
}

// From returns the settings of the context; nothing is signed where it has none.
func From(ctx context.Context) Settings {
	s, _ := ctx.Value(settingsKey{}).(Settings)
	return s
}

// Sign returns the text as a signed note, or the text alone where there is no signer.
func (s Settings) Sign(text string) (string, error) {
	if s.Signer == nil {
		return text, nil
	}
	return s.Signer.Sign(text)
}

// Check returns why the keys cannot be used, and nil where there are none.
func (s Settings) Check() error {
	_, err := s.Sign(compose("bulwark/check 1"))
	return err
}

// Files signs with the private keys of files, of which the empty ones do not count. It
// reads them each time: a key that was rotated is used at once.
type Files []string

// SignerOf returns the signer with the keys of the files, nil where none is named.
func SignerOf(paths ...string) Signer {
	var files Files
	for _, path := range paths {
		if path != "" {
			files = append(files, path)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return files
}

// Sign returns the text with one signature per file.
func (f Files) Sign(text string) (string, error) {
	signers := make([]note.Signer, len(f))
	for i, path := range f {
		_, key, err := readKey(path)
		if err != nil {
			return "", err
		}
		signers[i] = key.Signer
	}
	return sign(text, signers...)
}

// Statements returns what the files hold about their keys.
func (f Files) Statements() (list []string, err error) {
	for _, path := range f {
		file, _, err := readKey(path)
		if err != nil {
			return nil, err
		}
		list = append(list, file.Statements...)
	}
	return list, nil
}

// Statement is what is stated of a public key, as the database keeps it: a signed note.
type Statement struct {
	Digest     string `gorm:"primaryKey"` // SHA-256 of the note
	Note       string
	RecordedAt time.Time
}

// TableName returns the name of the table.
func (Statement) TableName() string { return "signing_statements" }

// Record keeps what the signer of the context states of its keys, so that notes can be
// verified after the keys are gone, with a record in the trail of the installation.
func Record(ctx context.Context, db *gorm.DB) (err error) {
	defer fault.Wrap(&err, "signing keys")
	signer := From(ctx).Signer
	if signer == nil {
		return nil
	}
	statements, err := signer.Statements()
	if err != nil {
		return err
	}
	known, err := stored(ctx, db)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, s := range known {
		have[s.Note] = true
	}
	for _, s := range statements {
		if have[s] {
			continue
		}
		err := database.InTx(ctx, db, func(tx *gorm.DB) error { return record(ctx, tx, s) })
		if err != nil {
			return err
		}
	}
	return nil
}

func record(ctx context.Context, tx *gorm.DB, statement string) error {
	sum := sha256.Sum256([]byte(statement))
	row := Statement{Digest: hex.EncodeToString(sum[:]), Note: statement, RecordedAt: tx.NowFunc()}
	made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	if made.Error != nil || made.RowsAffected == 0 {
		return made.Error // another server has it from the same file
	}
	text, _ := Split(statement)
	action, pairs := "signing_key.begin", Fields(text, beginFormat)
	if pairs == nil {
		action, pairs = "signing_key.end", Fields(text, endFormat)
	}
	return audit.Write(ctx, tx, audit.Change{
		Action: action, Subject: "signing-keys/" + idOf(field(pairs, "key")),
		After: map[string]string{"statement": statement},
	})
}

func stored(ctx context.Context, db *gorm.DB) (rows []Statement, err error) {
	err = db.WithContext(ctx).Order("digest").Find(&rows).Error
	return rows, err
}

// Load returns the public keys of the installation: those of the database and of the
// signer of the context. Where the context has a signer or trusted keys, only those for
// which they vouch are among them: whoever owns the database can write any key into it.
func Load(ctx context.Context, db *gorm.DB) (_ Keys, err error) {
	defer fault.Wrap(&err, "signing keys")
	rows, err := stored(ctx, db)
	if err != nil {
		return Keys{}, err
	}
	settings := From(ctx)
	var statements []string
	trusted := settings.Trusted
	if settings.Signer != nil {
		if statements, err = settings.Signer.Statements(); err != nil {
			return Keys{}, err
		}
		for _, key := range KeysOf(statements).Keys {
			trusted = append(trusted, key.PublicKey)
		}
	}
	for _, r := range rows {
		statements = append(statements, r.Note)
	}
	keys := KeysOf(statements)
	if settings.Signer != nil || len(settings.Trusted) > 0 {
		keys = keys.TrustedBy(trusted)
	}
	return keys, nil
}

// Strange returns the statements of the database that are of none of the keys.
func (k Keys) Strange(ctx context.Context, db *gorm.DB) (list []Statement, err error) {
	defer fault.Wrap(&err, "signing keys")
	rows, err := stored(ctx, db)
	known := k.Statements()
	for _, r := range rows {
		if !slices.Contains(known, r.Note) {
			list = append(list, r)
		}
	}
	return list, err
}
