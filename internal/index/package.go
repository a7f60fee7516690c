package index

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/signature"
	"bulwark/internal/town"
)

// publicationFormat is the first line of the note of a publication. Lines can be added
// without another number: whoever reads a note takes those that he or she knows.
const publicationFormat = "bulwark/publication 1"

// text returns what the note of the publication states, with the head of the trail at
// that time. It names no person, for everybody reads it, but says where there was only one.
func (p Publication) text(r Run, head audit.Head) string {
	pairs := []string{
		"town", p.TownID, "period", p.PeriodCode, "publication", strconv.FormatInt(p.Number, 10),
		"run", r.ID, "scheme", r.Scheme.Code + " " + strconv.FormatInt(r.Scheme.Number, 10),
		"engine", r.Engine, "seed", strconv.FormatInt(r.Seed, 10),
		"scheme_hash", r.SchemeHash, "data_hash", r.DataHash, "result_hash", r.ResultHash,
		"trail", strings.TrimSuffix(strconv.FormatInt(head.Sequence, 10)+" "+head.Hash, " "),
		"computed", r.CreatedAt.UTC().Format(time.RFC3339Nano), "published", p.PublishedAt.UTC().Format(time.RFC3339Nano),
	}
	if p.NoticeUntil != nil {
		pairs = append(pairs, "notice_until", string(*p.NoticeUntil))
	}
	if p.AppealID != nil {
		pairs = append(pairs, "appeal", *p.AppealID)
	}
	if p.From != nil {
		pairs = append(pairs, "from", p.From.Period+" "+strconv.FormatInt(p.From.Publication, 10))
	}
	for _, e := range p.Ended.V {
		pairs = append(pairs, "ended", strings.TrimSuffix(e.Code+" "+string(e.On)+" "+e.Into, " "))
	}
	if p.onePerson() {
		pairs = append(pairs, "one_person", "true")
	}
	if p.Forced {
		pairs = append(pairs, "forced", "true")
	}
	return signature.Compose(publicationFormat, pairs...)
}

// sign returns the note of the publication. Without a key it has no signature, unless
// the town or the installation requires one: then it is refused.
func (p Publication) sign(ctx context.Context, tx *gorm.DB) (string, error) {
	var run Run
	if err := tx.WithContext(ctx).Omit("data").Where("town_id = ? AND id = ?", p.TownID, p.RunID).
		Take(&run).Error; err != nil {
		return "", err
	}
	t, err := town.Find(ctx, tx, p.TownID)
	if err != nil {
		return "", err
	}
	if err := refuseUnsigned(ctx, t); err != nil {
		return "", err
	}
	head, err := audit.FindHead(ctx, tx, p.TownID)
	if err != nil {
		return "", err
	}
	if err := signature.Record(ctx, tx); err != nil {
		return "", err
	}
	return signature.From(ctx).Sign(p.text(run, head))
}

// refuseUnsigned refuses to publish, and to propose that, without a key where the town or
// the installation requires one.
func refuseUnsigned(ctx context.Context, t town.Town) error {
	settings := signature.From(ctx)
	switch {
	case settings.Signer != nil:
		return nil
	case settings.Required:
		return noKey("BULWARK_REQUIRE_SIGNATURE 要求公布须有签名",
			"BULWARK_REQUIRE_SIGNATURE requires a signature on every publication")
	case t.RequireSignature:
		return noKey("本镇的设置要求公布须有签名", "the settings of the town require a signature on every publication")
	}
	return nil
}

func noKey(zh, en string) error {
	return fault.Unavailable("no_signing_key",
		"%[1]s，但服务没有签名密钥，未作任何改动。请管理员在服务器上运行 bulwark key signing --out 文件，将 BULWARK_SIGNING_KEY_FILE 设为该文件，并重新启动服务",
		"%[2]s, but the service has no signing key, and nothing was changed. An administrator runs bulwark key signing --out FILE on the server, "+
			"sets BULWARK_SIGNING_KEY_FILE to that file, and starts the service again", zh, en)
}

// checkNotes compares the notes of the run's publications with the rows that they are
// about, with the keys and with the trail.
func (v *Verification) checkNotes(ctx context.Context, db *gorm.DB, run Run) error {
	var list []Publication
	err := db.WithContext(ctx).Where("town_id = ? AND run_id = ?", run.TownID, run.ID).Order("number").Find(&list).Error
	if err != nil || len(list) == 0 {
		return err
	}
	keys, err := signature.Load(ctx, db)
	if err != nil {
		return err
	}
	for _, p := range list {
		text, _ := signature.Split(p.Note)
		head := trailOf(text, publicationFormat)
		stated, stored := firstDifference(text, p.text(run, head))
		if err := v.checkNote(ctx, db, keys, notedAt{"note", p.Note, p.PublishedAt, stated, stored, head}); err != nil {
			return err
		}
		var withdrawals []Withdrawal
		err := db.WithContext(ctx).Where("town_id = ? AND period_code = ? AND publication_number = ?",
			p.TownID, p.PeriodCode, p.Number).Find(&withdrawals).Error
		if err != nil {
			return err
		}
		for _, w := range withdrawals {
			v.Withdrawn = true
			text, _ := signature.Split(w.Note)
			head := trailOf(text, withdrawalFormat)
			stated, stored := firstDifference(text, w.text(run, p.PublishedAt, head))
			note := notedAt{"withdrawal", w.Note, w.WithdrawnAt, stated, stored, head}
			if err := v.checkNote(ctx, db, keys, note); err != nil {
				return err
			}
		}
	}
	return nil
}

// notedAt is a note with its time, the first line in which its text differs from the rows
// that it is about, as it is in both, and the head of the trail that it names.
type notedAt struct {
	what           string
	note           string
	at             time.Time
	stated, stored string
	head           audit.Head
}

// checkNote compares a note with its rows, with the keys and with the trail.
func (v *Verification) checkNote(ctx context.Context, db *gorm.DB, keys signature.Keys, n notedAt) error {
	v.check(n.what, n.stated, n.stored)
	signed := "signed"
	if !signature.Signed(n.note) {
		if !slices.ContainsFunc(keys.Keys, func(k signature.Key) bool { return k.From.Before(n.at) }) {
			v.check("signature", "unsigned", "unsigned")
			return nil
		}
		signed = "unsigned, although there was a key"
	} else if _, _, err := keys.Open(n.note, n.at); err != nil {
		signed = err.Error()
	}
	v.check("signature", "signed", signed)
	return v.checkTrail(ctx, db, n.head)
}

// firstDifference returns the first lines in which two texts differ; where they do not,
// their first line, twice.
func firstDifference(a, b string) (string, string) {
	for a != b {
		lineA, restA, _ := strings.Cut(a, "\n")
		lineB, restB, _ := strings.Cut(b, "\n")
		if lineA != lineB || restA == a || restB == b {
			return lineA, lineB
		}
		a, b = restA, restB
	}
	first, _, _ := strings.Cut(a, "\n")
	return first, first
}

// checkTrail looks the record up that a note names.
func (v *Verification) checkTrail(ctx context.Context, db *gorm.DB, head audit.Head) error {
	if head.Sequence == 0 {
		return nil
	}
	r, err := audit.Find(ctx, db, v.Town, head.Sequence)
	if err != nil && !fault.Is(err, fault.KindNotFound) {
		return err
	}
	stated, found := strconv.FormatInt(head.Sequence, 10), strconv.FormatInt(r.Sequence, 10)
	if head.Hash != r.Hash {
		stated, found = stated+" "+head.Hash, found+" "+r.Hash
	}
	v.check("trail", stated, found)
	return nil
}

// trailOf returns the head that the text of a note names.
func trailOf(text, format string) (head audit.Head) {
	for _, pair := range signature.Fields(text, format) {
		if pair[0] == "trail" {
			sequence, hash, _ := strings.Cut(pair[1], " ")
			head.Sequence, _ = strconv.ParseInt(sequence, 10, 64)
			head.Hash = hash
		}
	}
	return head
}

// Members of a package, beside the files of the result.
const (
	readmeFile  = "README.md"
	noteFile    = "note.txt"
	receiptFile = "receipt.json"
	// the signed note of the withdrawal; only in a package of a withdrawn publication
	withdrawalFile = "withdrawal.txt"
	keysFile       = "keys.json"
	schemeFile     = "scheme.json"
	resultText     = "result.txt"
	dataFile       = "data.csv"
)

// members is the order of a package; the details of branches follow nodesFile.
var members = []string{
	readmeFile, noteFile, withdrawalFile, receiptFile, keysFile, schemeFile, resultText, resultsFile, nodesFile, dataFile,
	dataPackageFile,
}

// readme is what a package says of itself.
//
//go:embed package.md
var readme string

// readmes are the hashes of every readme that packages have had, the present one last: no
// signature covers it.
var readmes = []string{
	"1cba43d7e05008e8a78bf1cb8f97913d1a719a1685498d585831f3c3878510b4",
	"85d478efc79ab41781773bb3ffc5778917bed2314a551140a1bdf3c616b57774",
	"d1135560e6e8d83074d067656d555c050a8da66a79fc55400229b26719e3a4ae",
}

// Package returns the publication as a zip file that can be checked offline: with the
// details of the branches in reach, with the data file where data is set, and with the note
// of its withdrawal. Its bytes are the same as long as rights and keys are, and it is not
// withdrawn.
func (c *ResultCache) Package(
	ctx context.Context, db *gorm.DB, p Publication, reach access.Reach, data bool,
) (_ []byte, err error) {
	defer fault.Wrap(&err, "package of %s", p.PeriodCode)
	o, published, err := c.publishedOutcome(ctx, db, p.TownID, p.PeriodCode, p.Number)
	if err != nil {
		return nil, err
	}
	keys, err := signature.Load(ctx, db)
	if err != nil {
		return nil, err
	}
	m := o.members(published.Note, keys, reach.Has, data)
	if w := published.withdrawn; w != nil {
		m[withdrawalFile] = w.Note
	}
	return packed(m)
}

// members returns the content of a package.
func (o *Outcome) members(
	note string, keys signature.Keys, reach func(branch string) bool, data bool,
) map[string]string {
	files := o.files(o.Run.Data)
	text, _ := signature.Split(note)
	m := map[string]string{
		readmeFile: readme, noteFile: note, receiptFile: receiptOf(text), keysFile: string(keys.Document()),
		schemeFile: string(o.Scheme.Canonical), resultText: files.Text, resultsFile: files.Results, nodesFile: files.Nodes,
	}
	for i := range o.Results {
		if reach(o.Results[i].BranchCode) {
			m[detailsFile(o.Results[i].BranchCode)] = files.Details[i]
		}
	}
	if data {
		m[dataFile] = o.Run.Data
	}
	m[dataPackageFile] = dataPackageOf(m)
	return m
}

// receiptOf returns the text of a note as JSON.
func receiptOf(text string) string {
	var b strings.Builder
	b.WriteString("{\n")
	member := func(name, value, end string) {
		n, _ := json.Marshal(name) // texts
		v, _ := json.Marshal(value)
		b.WriteString("  " + string(n) + ": " + string(v) + end + "\n")
	}
	member("format", publicationFormat, ",")
	pairs := signature.Fields(text, publicationFormat)
	for i, pair := range pairs {
		end := ","
		if i == len(pairs)-1 {
			end = ""
		}
		member(pair[0], pair[1], end)
	}
	return b.String() + "}\n"
}

// packed returns the members as a zip file without compression: there is one way only to
// write it, whatever the version of a library.
func packed(m map[string]string) ([]byte, error) {
	names := slices.Collect(maps.Keys(m))
	place := func(name string) int {
		if strings.HasPrefix(name, detailsFolder) {
			return slices.Index(members, nodesFile)*2 + 1
		}
		return slices.Index(members, name) * 2
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		size := uint64(len(m[name]))
		to, err := w.CreateRaw(&zip.FileHeader{
			Name: name, Method: zip.Store, ModifiedDate: 1<<5 | 1, //nolint:staticcheck // the first day that zip knows: CreateRaw does not look at Modified
			CRC32: crc32.ChecksumIEEE([]byte(m[name])), CompressedSize64: size, UncompressedSize64: size,
		})
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(to, m[name]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

var errNotStored = errors.New("index: a member of a package is compressed")

// unpacked returns the members of a package, and why some cannot be read.
func unpacked(content []byte) (m map[string]string, broken map[string]error, err error) {
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, nil, err
	}
	m, broken = map[string]string{}, map[string]error{}
	for _, f := range r.File {
		read := func() (string, error) {
			if f.Method != zip.Store {
				return "", errNotStored
			}
			in, err := f.Open()
			if err != nil {
				return "", err
			}
			b, err := io.ReadAll(in)
			return string(b), errors.Join(err, in.Close())
		}
		if m[f.Name], err = read(); err != nil {
			broken[f.Name] = err
		}
	}
	return m, broken, nil
}

// VerifyPackage checks a package with nothing but public keys: every member against the
// signed note, and, where the data file is there, the result by computing it again. A
// check that fails names the member. Without trusted keys those of the package count,
// which proves only that it is of one piece.
func VerifyPackage(content []byte, trusted []string) Verification {
	v := Verification{Engine: Engine, OK: true}
	m, broken, err := unpacked(content)
	if err != nil {
		v.check("package", "zip", err.Error())
		return v
	}
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		v.check(name, "whole", broken[name].Error())
	}
	if !v.OK {
		return v
	}
	text := v.checkSigned(m, trusted)
	stated := map[string]string{}
	for _, pair := range signature.Fields(text, publicationFormat) {
		stated[pair[0]] = pair[1]
	}
	v.Town, v.Period, v.Run = stated["town"], stated["period"], stated["run"]
	v.checkWithdrawal(m, stated, trusted)
	v.check(receiptFile, sha256Hex(receiptOf(text)), sha256Hex(m[receiptFile]))
	v.check(schemeFile, stated["scheme_hash"], sha256Hex(m[schemeFile]))
	v.check(resultText, stated["result_hash"], sha256Hex(m[resultText]))
	v.checkListed(m)
	if described, ok := m[dataPackageFile]; ok { // older packages have none
		v.check(dataPackageFile, sha256Hex(dataPackageOf(m)), sha256Hex(described))
	}
	if data, ok := m[dataFile]; ok {
		v.check(dataFile, stated["data_hash"], sha256Hex(data))
		v.check("recomputed", sha256Hex(m[resultText]), recomputedPackage(m))
	}
	if again, err := packed(m); err != nil || !bytes.Equal(again, content) {
		v.check("package", sha256Hex(string(again)), sha256Hex(string(content)))
	}
	return v
}

// checkSigned checks the members that say who has signed, and returns the text of the note.
func (v *Verification) checkSigned(m map[string]string, trusted []string) string {
	known := sha256Hex(m[readmeFile])
	if !slices.Contains(readmes, known) {
		v.check(readmeFile, readmes[len(readmes)-1], known)
	}
	keys, err := signature.ParseKeys([]byte(m[keysFile]))
	if err != nil {
		v.check(keysFile, "signed", err.Error())
		return ""
	}
	text, _ := signature.Split(m[noteFile])
	at := ""
	for _, pair := range signature.Fields(text, publicationFormat) {
		if pair[0] == "published" {
			at = pair[1]
		}
	}
	v.check(noteFile, "signed", signedBy(keys, trusted, m[noteFile], at))
	return text
}

// signedBy returns "signed" where a key of the time, for which the trusted keys vouch, has
// signed the note, and otherwise what is wrong.
func signedBy(keys signature.Keys, trusted []string, note, at string) string {
	instant, _ := time.Parse(time.RFC3339Nano, at) // the zero time is before every key
	_, by, err := keys.Open(note, instant)
	if err != nil {
		return err.Error()
	}
	if trusted != nil && !slices.ContainsFunc(keys.TrustedBy(trusted).Keys, func(k signature.Key) bool {
		return slices.Contains(by, k.ID())
	}) {
		return "signed by " + strings.Join(by, ", ") + ", for which the given key does not vouch"
	}
	return "signed"
}

// checkWithdrawal checks the note of a withdrawal, where the package has one: that it is
// signed and about this publication, as stated in its own note.
func (v *Verification) checkWithdrawal(m, stated map[string]string, trusted []string) {
	note, ok := m[withdrawalFile]
	if !ok {
		return
	}
	v.Withdrawn = true
	text, _ := signature.Split(note)
	pairs := signature.Fields(text, withdrawalFormat)
	about, own, at := "", "", ""
	for _, pair := range pairs {
		switch pair[0] {
		case "town", "period", "publication", "run", "result_hash", "published":
			about, own = about+pair[1]+"\n", own+stated[pair[0]]+"\n"
		case "withdrawn":
			at = pair[1]
		}
	}
	if about == "" || about != own {
		v.check(withdrawalFile, "about "+stated["publication"]+" of "+stated["period"], about)
		return
	}
	keys, err := signature.ParseKeys([]byte(m[keysFile]))
	if err != nil {
		v.check(keysFile, "signed", err.Error())
		return
	}
	v.check(withdrawalFile, "signed", signedBy(keys, trusted, note, at))
}

// checkListed checks the files of the result with the hashes that result.txt lists, and
// that nothing is in the package beside.
func (v *Verification) checkListed(m map[string]string) {
	listed := map[string]string{}
	for _, pair := range signature.Fields(m[resultText], resultFormat) {
		listed[pair[0]] = pair[1]
	}
	for _, name := range []string{resultsFile, nodesFile} {
		v.check(name, listed[name], sha256Hex(m[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(members, name) { // of a branch, or nothing that belongs here
			v.check(name, listed[name], sha256Hex(m[name]))
		}
	}
}

// recomputedPackage returns the hash of the result that scheme and data of the package
// lead to, with the names of the branches in it, or why there is none.
func recomputedPackage(m map[string]string) string {
	d, err := scheme.Decode([]byte(m[schemeFile]))
	if err != nil {
		return err.Error()
	}
	compiled, err := scheme.Compile(d)
	if err != nil {
		return err.Error()
	}
	c, err := readComputation(compiled, m[dataFile])
	if err != nil {
		return err.Error()
	}
	rows, err := csv.NewReader(strings.NewReader(m[resultsFile])).ReadAll()
	if err != nil {
		return err.Error()
	}
	named := map[string]*Result{}
	for _, row := range rows {
		r := &Result{BranchCode: row[0]}
		if len(row) > 2 {
			r.Name.ZH, r.Name.EN = row[1], row[2]
		}
		named[row[0]] = r
	}
	o := c.outcome(evaluation.Period{})
	o.nameAs(named)
	return o.resultHash(m[dataFile])
}
