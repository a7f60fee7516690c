package api

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/audit"
	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evidence"
	"bulwark/internal/evidence/store"
	"bulwark/internal/jobs"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// attached sends a file to a record; name is its name, with further parameters behind "&".
func attached(c *apitest.Client, of, record, more string, content []byte) *apitest.Answer {
	return c.Header("Content-Type", "application/octet-stream").
		Post("/towns/demo/evidence?of="+of+"&record="+record+more, content)
}

// picture is a PNG whose left half is red and right half blue.
func picture(width, height int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{R: 255, A: 255}
			if x >= width/2 {
				c = color.RGBA{B: 255, A: 255}
			}
			img.Set(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// photo is the same as JPEG, as a phone writes it: turned, and with the place where it was taken.
func photo(width, height, orientation int) []byte {
	decoded, err := png.Decode(bytes.NewReader(picture(width, height)))
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, decoded, nil); err != nil {
		panic(err)
	}
	tiff := []byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00")
	tiff = binary.LittleEndian.AppendUint32(tiff, uint32(orientation))
	exif := append([]byte("Exif\x00\x00"), append(tiff, "GPS 23.18 113.11"...)...)
	head := binary.BigEndian.AppendUint16([]byte("\xff\xd8\xff\xe1"), uint16(len(exif)+2))
	return append(append(head, exif...), out.Bytes()[2:]...)
}

func hexOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// zipped is an archive of parts with what is in them.
func zipped(parts ...string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err == nil {
			_, err = io.WriteString(w, parts[i+1])
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func word() []byte { return zipped("[Content_Types].xml", "<Types/>", "word/document.xml", "<w/>") }

const pdf = "%PDF-1.4\n1 0 obj <</Author (Zhang San)>> endobj\ntrailer <<>>\n%%EOF\n"

// evidenced is a harness with a draft of a sheet of the mentor in an open period.
func evidenced(t *testing.T, db *gorm.DB) (h *harness, clock *wallClock, sheet string) {
	h, clock = newHarnessAt(t, db, "2026-04-10 09:00:00")
	h.inForce(smallScheme)
	h.planned("q1", "2026-01-01", "2026-03-31")
	h.steps("q1", "open")
	return h, clock, begun(h.as(policy.Mentor), "q1", "b01", value("spirit", 7))[len("/towns/demo/evaluations/"):]
}

// A photo comes to a value of a sheet, upright and without its place, is frozen with the approval, goes with a backup into
// the other database, and is missed where one of its bits flips.
func TestTheLifeOfEvidence(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _, sheet := evidenced(t, db)
		mentor, group, secretary := h.as(policy.Mentor), h.as(policy.LeadingGroup), h.as(policy.Secretary)
		sent := photo(40, 20, 6)
		may(t, mentor, "/towns/demo/evaluations/"+sheet, "write", "attach", "submit")
		made := attached(mentor, "evaluation", sheet, "&indicator=spirit&name="+url.QueryEscape(`C:\照片\会议.HEIC.jpeg`), sent).Want(http.StatusCreated)
		e := apitest.Decode[evidence.Evidence](made, http.StatusCreated)
		if e.Name != "会议.HEIC.jpg" || *e.Width != 20 || *e.Height != 40 || e.ReceivedSHA256 != hexOf(sent) || e.MetadataRemains ||
			e.ReceivedBytes != int64(len(sent)) || e.Record != sheet || e.Indicator != "spirit" {
			t.Errorf("kept is %+v", e)
		}
		same(t, "allowed", e.Allowed, "remove")
		at := made.Header.Get("Location")[len("/api/v1"):]
		got := mentor.Get(at + "/file").Want(http.StatusOK)
		shown, err := jpeg.Decode(bytes.NewReader(got.Body))
		if err != nil || hexOf(got.Body) != e.SHA256 || bytes.Contains(got.Body, []byte("GPS")) || bytes.Contains(got.Body, []byte("Exif")) {
			t.Fatalf("%v: %q", err, got.Body)
		}
		if r, _, b, _ := shown.At(10, 5).RGBA(); r < b { // what was left is above once it is turned
			t.Errorf("it is not upright: %v", shown.At(10, 5))
		}
		for name, want := range map[string]string{
			"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
			"Content-Disposition": "attachment; filename*=utf-8''%E4%BC%9A%E8%AE%AE.HEIC.jpg",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %q", name, got.Header.Get(name))
			}
		}
		inline := mentor.Get(at + "/file?inline=true").Want(http.StatusOK).Header.Get("Content-Disposition")
		if !strings.HasPrefix(inline, "inline;") {
			t.Error(inline)
		}
		mentor.Header("If-None-Match", got.ETag()).Get(at + "/file").Want(http.StatusNotModified)
		if again := attached(mentor, "evaluation", sheet, "&indicator=spirit", sent).Want(http.StatusCreated); last(again) != e.ID {
			t.Error("the same file is kept twice")
		}

		refused(t, attached(mentor, "evaluation", sheet, "", sent), http.StatusUnprocessableEntity, "invalid", "query/indicator")
		refused(t, attached(mentor, "evaluation", sheet, "&indicator=none", sent), http.StatusUnprocessableEntity, "invalid", "query/indicator")
		refused(t, attached(group, "evaluation", sheet, "&indicator=spirit", sent), http.StatusNotFound, "not_found") // it is a draft
		refused(t, secretary.Get(at), http.StatusNotFound, "not_found")

		attachPDF := apitest.Decode[evidence.Evidence](attached(mentor, "evaluation", sheet, "&indicator=meetings&name=a.exe", []byte(pdf)), http.StatusCreated)
		if attachPDF.Name != "a.exe.pdf" || !attachPDF.MetadataRemains || attachPDF.SHA256 != hexOf([]byte(pdf)) {
			t.Errorf("%+v", attachPDF)
		}
		document := "/towns/demo/evidence/" + attachPDF.ID
		if d := mentor.Get(document + "/file?inline=true").Want(http.StatusOK); !strings.HasPrefix(d.Header.Get("Content-Disposition"), "attachment") ||
			string(d.Body) != pdf {
			t.Error("a document is shown by browsers")
		}
		refused(t, mentor.IfMatch(`"1"`).Bad().Post(document+"/remove", object{}), http.StatusUnprocessableEntity, "invalid", "/reason")
		gone := mentor.IfMatch(mentor.Get(document).ETag()).Post(document+"/remove", object{"reason": "the wrong file"}).Want(http.StatusOK)
		if g := apitest.Decode[evidence.Evidence](gone, http.StatusOK); g.RemovedReason != "the wrong file" || len(g.Allowed) != 0 {
			t.Errorf("%+v", g)
		}
		refused(t, mentor.Get(document+"/file"), http.StatusNotFound, "evidence_removed")
		list := "/towns/demo/evidence?of=evaluation&record=" + sheet
		same(t, "list", column(mentor.Get(list), "id"), e.ID)
		same(t, "with removed", column(mentor.Get(list+"&removed=true"), "id"), e.ID, attachPDF.ID)

		moved(mentor, "/towns/demo/evaluations/"+sheet, "submitted", "").Want(http.StatusOK)
		same(t, "while it is submitted", apitest.Decode[evidence.Evidence](mentor.Get(at), http.StatusOK).Allowed)
		refused(t, mentor.IfMatch(`"1"`).Post(at+"/remove", object{"reason": "x"}), http.StatusConflict, "sheet_submitted")
		moved(group, "/towns/demo/evaluations/"+sheet, "approved", "").Want(http.StatusOK)
		refused(t, attached(mentor, "evaluation", sheet, "&indicator=meetings", []byte(pdf)), http.StatusConflict, "sheet_approved")
		refused(t, group.IfMatch(`"1"`).Post(at+"/remove", object{"reason": "x"}), http.StatusForbidden, "not_your_sheet")
		group.Get(at + "/file").Want(http.StatusOK)
		refused(t, secretary.Get(at), http.StatusNotFound, "not_found") // who is judged reads it once it is published

		h.movesEvidence(t, e)
	})
}

// movesEvidence takes a backup into the other database, and flips a bit there.
func (h *harness) movesEvidence(t *testing.T, e evidence.Evidence) {
	var file bytes.Buffer
	if s, err := backup.Write(t.Context(), h.db, evidence.Backup(h.server.Evidence), &file, "test"); err != nil || s.Trailer.Files != 1 || s.Lost != nil {
		t.Fatalf("%+v, %v", s.Trailer, err)
	}
	other := map[string]string{database.SQLite: database.PostgreSQL, database.PostgreSQL: database.SQLite}[database.Dialect(h.db)]
	target, folder := dbtest.Owner(t, dbtest.Open(t, other)), t.TempDir()
	there := store.NewFolder(folder)
	r, err := backup.Open(bytes.NewReader(file.Bytes()))
	h.must(err)
	defer r.Close()
	_, err = r.Restore(t.Context(), target, func(f backup.File) error {
		return there.Put(t.Context(), f.Key, int64(len(f.Content)), bytes.NewReader(f.Content))
	})
	h.must(err)
	if _, err := audit.VerifyRows(t.Context(), target, "demo", func(d audit.Difference) { t.Error(d.Message()) }); err != nil {
		t.Error(err)
	}
	verified := func(want string) {
		t.Helper()
		found := []string{}
		n, err := evidence.Verify(t.Context(), target, there, "", func(line text.Text) { found = append(found, line.In("en")) })
		if err != nil || n != 1 || (len(found) > 0) != (want != "") || want != "" && !strings.Contains(found[0], want) {
			t.Errorf("want %q: %d files, %q, %v", want, n, found, err)
		}
	}
	verified("")
	name := filepath.Join(folder, e.SHA256[:2], e.SHA256+"-"+e.ID)
	content, err := os.ReadFile(name)
	h.must(err)
	content[len(content)/2] ^= 1
	h.must(os.WriteFile(name, content, 0o600))
	verified("evidence/" + e.ID + ": the file " + e.SHA256[:2] + "/" + e.SHA256 + "-" + e.ID + " is not the one that was stored")
	again, err := backup.Write(t.Context(), target, evidence.Backup(there), io.Discard, "test")
	if err != nil || len(again.Lost) != 1 {
		t.Errorf("a backup of a changed file: %+v, %v", again.Lost, err)
	}
	h.must(os.Remove(name))
	verified("the store has no file")
	damaged := bytes.Clone(file.Bytes())
	damaged[len(damaged)*2/3] ^= 4
	if bad, err := backup.Open(bytes.NewReader(damaged)); err == nil {
		_, err = bad.Restore(t.Context(), dbtest.Owner(t, dbtest.Open(t, other)), func(backup.File) error { return nil })
		bad.Close()
		if err == nil {
			t.Error("a damaged backup is restored")
		}
	}
}

// A file whose bytes have changed in the store is cut off, not handed out.
func TestAChangedFileIsNotHandedOut(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _, sheet := evidenced(t, db)
		folder := t.TempDir()
		h.server.Evidence = store.NewFolder(folder)
		mentor := h.as(policy.Mentor)
		for what, large := range map[string]int{"in one piece": 10, "in several": 200_000} {
			content := []byte("%PDF-" + strings.Repeat("x", large) + "%%EOF")
			e := apitest.Decode[evidence.Evidence](attached(mentor, "evaluation", sheet, "&indicator=meetings", content), http.StatusCreated)
			name := filepath.Join(folder, e.SHA256[:2], e.SHA256+"-"+e.ID)
			changed := bytes.Clone(content)
			changed[7] = 'y'
			h.must(os.WriteFile(name, changed, 0o600))
			func() {
				defer func() {
					if v := recover(); v != nil && v != http.ErrAbortHandler {
						panic(v)
					}
				}()
				if a := mentor.Get("/towns/demo/evidence/" + e.ID + "/file"); a.Status == http.StatusOK {
					t.Errorf("%s: handed out", what)
				}
			}()
		}
	})
}

// Whoever may write a record may attach to it: each kind of record, and its states.
func TestEvidenceOfEveryKind(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, _, _ := evidenced(t, db)
		instructor, office, secretary, mentor := h.as(policy.Instructor), h.as(policy.Office), h.as(policy.Secretary), h.as(policy.Mentor)
		visit := last(instructor.Post("/towns/demo/visits", visitOf(object{"branch": "b01"})).Want(http.StatusCreated))
		attached(instructor, "visit", visit, "", picture(9, 9)).Want(http.StatusCreated)
		refused(t, attached(office, "visit", visit, "", picture(9, 9)), http.StatusNotFound, "not_found")
		moved(instructor, "/towns/demo/visits/"+visit, "recorded", "").Want(http.StatusOK)
		attached(instructor, "visit", visit, "", word()).Want(http.StatusCreated)
		refused(t, attached(office, "visit", visit, "", picture(8, 8)), http.StatusForbidden, "not_your_visit")
		refused(t, attached(secretary, "visit", visit, "", picture(8, 8)), http.StatusForbidden, "not_allowed")
		refused(t, attached(instructor, "visit", visit, "&indicator=meetings", picture(8, 8)), http.StatusUnprocessableEntity, "invalid", "query/indicator")
		files := secretary.Get("/towns/demo/evidence?of=visit&record=" + visit)
		same(t, "who may not read people reads roles", column(files, "added_by"), "instructor", "instructor")

		problem := last(instructor.Post("/towns/demo/problems", troubleOf(object{"branch": "b01", "due_on": "2026-09-01"})).Want(http.StatusCreated))
		first := attached(office, "problem", problem, "", picture(9, 9)).Want(http.StatusCreated)
		at := first.Header.Get("Location")[len("/api/v1"):]
		refused(t, instructor.IfMatch(`"1"`).Post(at+"/remove", object{"reason": "x"}), http.StatusForbidden, "not_your_evidence")
		for i := range 19 {
			attached(instructor, "problem", problem, "", picture(10+i, 9)).Want(http.StatusCreated)
		}
		refused(t, attached(instructor, "problem", problem, "", picture(5, 9)), http.StatusConflict, "too_much_evidence")

		draft := last(mentor.Post("/towns/demo/cases", draftOfCase("b01")).Want(http.StatusCreated))
		story := attached(mentor, "case", draft, "&name=story.png", picture(9, 9)).Want(http.StatusCreated)
		moved(mentor, "/towns/demo/cases/"+draft, "submitted", "").Want(http.StatusOK)
		refused(t, attached(mentor, "case", draft, "", picture(7, 9)), http.StatusLocked, "case_frozen")
		refused(t, h.Get(story.Header.Get("Location")[len("/api/v1"):]+"/file"), http.StatusNotFound, "not_found")
		moved(h.as(policy.LeadingGroup), "/towns/demo/cases/"+draft, "published", "").Want(http.StatusOK)
		h.Get(story.Header.Get("Location")[len("/api/v1"):] + "/file").Want(http.StatusOK) // as everybody reads the case

		// An administrator removes what must go, whatever it belongs to.
		gone := h.as(policy.Admin).IfMatch(`"1"`).Post(at+"/remove", object{"reason": "a child is on it"}).Want(http.StatusOK)
		if e := apitest.Decode[evidence.Evidence](gone, http.StatusOK); e.RemovedBy == "" || e.RemovedAt == nil {
			t.Errorf("%+v", e)
		}
		refused(t, h.as(policy.Admin).Get(at), http.StatusNotFound, "not_found")
	})
}

// No hostile or broken file is kept, and each refusal says what to do.
func TestHostileFiles(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	h, _, sheet := evidenced(t, db)
	folder := t.TempDir()
	h.server.Evidence = store.NewFolder(folder)
	zeros := strings.Repeat("\x00", 300<<20)
	forged := zipped("[Content_Types].xml", "x", "word/document.xml", "<w/>")
	forged = bytes.ReplaceAll(forged, []byte("\x04\x00\x00\x00"), []byte("\xff\xff\xff\x7f"))
	many := make([]string, 0, 2*10_002)
	for i := range 10_001 {
		many = append(many, "word/"+strconv.Itoa(i), "")
	}
	compound := func(stream string) []byte {
		data := make([]byte, 4*512)
		copy(data, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
		data[30], data[48] = 9, 1
		for i, c := range stream {
			data[1024+2*i] = byte(c)
		}
		return data
	}
	// bomb is a PNG whose header has these sides, and little else.
	bomb := func(width, height uint32) []byte {
		data := bytes.Clone(picture(4, 3))
		binary.BigEndian.PutUint32(data[16:], width)
		binary.BigEndian.PutUint32(data[20:], height)
		binary.BigEndian.PutUint32(data[29:], crcOf(data[12:29]))
		return data
	}
	wide := func() []byte { // a JPEG whose frame is 65,535 × 65,535
		data := photo(40, 20, 1)
		at := bytes.Index(data, []byte("\xff\xc0"))
		copy(data[at+5:], "\xff\xff\xff\xff")
		return data
	}
	whole := photo(400, 300, 1)
	for _, tt := range []struct {
		name    string
		content []byte
		code    string
	}{
		{"empty", []byte{}, "evidence_empty"},
		{"text", []byte("just words"), "evidence_type"},
		{"html as jpg", []byte("<!DOCTYPE html><script>alert(1)</script>"), "evidence_type"},
		{"svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), "evidence_type"},
		{"gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), "evidence_type"},
		{"program", []byte("MZ\x90\x00\x03"), "evidence_type"},
		{"elf", []byte("\x7fELF\x02\x01\x01"), "evidence_type"},
		{"script", []byte("#!/bin/sh\nrm -rf /\n"), "evidence_type"},
		{"bmp", []byte("BM\x00\x00\x00\x00"), "evidence_type"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), "evidence_heic"},
		{"avif", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif"), "evidence_heic"},
		{"only the magic of jpeg", []byte("\xff\xd8\xff"), "evidence_photo"},
		{"jpeg cut off", whole[:len(whole)/2], "evidence_photo"},
		{"jpeg without pixels", wideless(whole), "evidence_photo"},
		{"jpeg of 65,535 × 65,535", wide(), "evidence_photo_large"},
		{"png of 100,000 × 100,000", bomb(100_000, 100_000), "evidence_photo_large"},
		{"png of 2³¹ × 2³¹", bomb(1<<31-1, 1<<31-1), "evidence_photo"},
		{"png with fewer rows than its header", bomb(4, 3000), "evidence_photo"},
		{"png without width", bomb(0, 3), "evidence_photo"},
		{"png cut off", picture(40, 30)[:60], "evidence_photo"},
		{"webp of nothing", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "evidence_photo"},
		{"pdf cut off", []byte("%PDF-1.7\n1 0 obj"), "evidence_document"},
		{"pdf and zip at once", append([]byte(pdf), zipped("a", "b")...), "evidence_two_types"},
		{"pdf that ends as one and is a zip", append(append([]byte("%PDF-"), zipped("%%EOF", "b")...), 0)[:5+len(zipped("%%EOF", "b"))], "evidence_two_types"},
		{"zip", zipped("a.txt", "hello"), "evidence_type"},
		{"jar", zipped("META-INF/MANIFEST.MF", "x", "A.class", "x"), "evidence_type"},
		{"zip cut off", word()[:40], "evidence_document"},
		{"docx with zeros", zipped("[Content_Types].xml", "x", "word/document.xml", zeros), "evidence_unpacks"},
		{"docx with forged sizes", forged, "evidence_document"},
		{"docx of 10,001 parts", zipped(append(many, "[Content_Types].xml", "x", "word/document.xml", "x")...), "evidence_unpacks"},
		{"docx that climbs", zipped("[Content_Types].xml", "x", "word/document.xml", "x", "../../etc/passwd", "x"), "evidence_document"},
		{"docx with macros", zipped("[Content_Types].xml", "x", "word/document.xml", "x", "word/vbaProject.bin", "x"), "evidence_macros"},
		{"document of another program", compound("Nothing known"), "evidence_type"},
		{"doc with macros", compound("_VBA_PROJECT WordDocument"), "evidence_macros"},
		{"docx with a password", compound("EncryptedPackage"), "evidence_password"},
		{"doc cut off", compound("WordDocument")[:600], "evidence_document"},
	} {
		for _, language := range []string{"zh", "en"} {
			mentor := h.as(policy.Mentor).Lang(language)
			if len(tt.content) == 0 { // which the document does not have
				mentor = mentor.Bad()
			}
			a := attached(mentor, "evaluation", sheet, "&indicator=meetings&name=photo.jpg", tt.content)
			p := a.Problem(http.StatusUnprocessableEntity)
			if len(p.Errors) != 1 || p.Errors[0].Code != tt.code || p.Errors[0].Message == "" {
				t.Errorf("%s: %s", tt.name, a.Body)
			}
		}
	}
	refused(t, attached(h.as(policy.Mentor), "evaluation", sheet, "&indicator=meetings", make([]byte, 20<<20+1)), http.StatusRequestEntityTooLarge, "body_too_large")
	refused(t, h.as(policy.Mentor).Bad().Header("Content-Type", "multipart/form-data; boundary=x").Post(
		"/towns/demo/evidence?of=evaluation&indicator=meetings&record="+sheet, []byte("--x--")), http.StatusUnsupportedMediaType, "unsupported_media_type")
	refused(t, attached(h.as(policy.Mentor), "evaluation", sheet, "&indicator=meetings&name=%E2%80%AEgpj.exe", picture(4, 3)), http.StatusBadRequest, "malformed", "query/name")
	if left, err := os.ReadDir(folder); err != nil && !errors.Is(err, os.ErrNotExist) || len(left) != 0 {
		t.Errorf("something was kept: %v, %v", left, err)
	}
	number := 0
	for given, want := range map[string]string{
		"../../etc/passwd": "passwd.jpg", `..\..\boot.ini`: "boot.ini.jpg", "": "evidence.jpg", ".": "evidence.jpg", "..": "evidence.jpg", "CON": "evidence.jpg",
		"nul.jpg": "evidence.jpg", "a.PNG": "a.jpg", "a.jpg.exe": "a.jpg.exe.jpg", "x;y\"z.png": "x_y_z.jpg", "a:b.jpg": "b.jpg",
		strings.Repeat("长", 200) + ".jpg": strings.Repeat("长", 116) + ".jpg", "%2e%2e%2f": "_2e_2e_2f.jpg",
	} {
		number++ // else it would be the file that is there
		made := attached(h.as(policy.Mentor), "evaluation", sheet, "&indicator=spirit&name="+url.QueryEscape(given), picture(number, 5))
		if e := apitest.Decode[evidence.Evidence](made, http.StatusCreated); e.Name != want {
			t.Errorf("%q is called %q, want %q", given, e.Name, want)
		}
	}
	for name, content := range map[string][]byte{
		"doc": compound("WordDocument"), "xls": compound("Workbook"), "ppt": compound("PowerPoint Document"), "docx": word(),
		"xlsx": zipped("[Content_Types].xml", "x", "xl/workbook.xml", "x"), "pptx": zipped("[Content_Types].xml", "x", "ppt/presentation.xml", "x"),
		"odt": zipped("mimetype", "application/vnd.oasis.opendocument.text", "content.xml", "x"), "ofd": zipped("OFD.xml", "<OFD/>"), "pdf": []byte(pdf),
	} {
		e := apitest.Decode[evidence.Evidence](attached(h.as(policy.Mentor), "evaluation", sheet, "&indicator=meetings&name=a", content), http.StatusCreated)
		if e.Name != "a."+name || !e.MetadataRemains || e.SHA256 != hexOf(content) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// wideless cuts the frame out of a photo.
func wideless(data []byte) []byte {
	at := bytes.Index(data, []byte("\xff\xc0"))
	length := int(binary.BigEndian.Uint16(data[at+2:]))
	return append(bytes.Clone(data[:at]), data[at+2+length:]...)
}

// However a photo is turned, what is kept is upright.
func TestPhotosAreTurned(t *testing.T) {
	h, _, sheet := evidenced(t, dbtest.Open(t, database.SQLite))
	mentor := h.as(policy.Mentor)
	// where the red half is, by the orientation
	for orientation, at := range map[int][2]int{1: {4, 10}, 2: {36, 10}, 3: {36, 10}, 4: {4, 10}, 5: {10, 4}, 6: {10, 4}, 7: {10, 36}, 8: {10, 36}, 9: {4, 10}} {
		made := attached(mentor, "evaluation", sheet, "&indicator=spirit", photo(40, 20, orientation)).Want(http.StatusCreated)
		shown, err := jpeg.Decode(bytes.NewReader(mentor.Get(made.Header.Get("Location")[len("/api/v1"):] + "/file").Want(http.StatusOK).Body))
		if err != nil {
			t.Fatal(err)
		}
		if r, _, b, _ := shown.At(at[0], at[1]).RGBA(); r < b {
			t.Errorf("orientation %d: %v at %v of %v", orientation, shown.At(at[0], at[1]), at, shown.Bounds())
		}
	}
	large := apitest.Decode[evidence.Evidence](attached(mentor, "evaluation", sheet, "&indicator=spirit", picture(5000, 100)), http.StatusCreated)
	if *large.Width != 4096 || *large.Height != 81 {
		t.Errorf("%d × %d", *large.Width, *large.Height)
	}
}

// crashing is a store whose files arrive, and whose process then ends before the row is there.
type crashing struct {
	store.Store
	after func()
}

func (c crashing) Put(ctx context.Context, key string, size int64, content io.Reader) error {
	if err := c.Store.Put(ctx, key, size, content); err != nil {
		return err
	}
	c.after()
	return errors.New("the process ends here")
}

// A crash between file and row leaves a file that nobody names, which is collected; never a row without its file.
func TestACrashBetweenFileAndRow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock, sheet := evidenced(t, db)
		folder := t.TempDir()
		whole := store.NewFolder(folder)
		count := func() (n int) {
			h.must(filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					n++
				}
				return err
			}))
			return n
		}
		kept := func(want int64) {
			t.Helper()
			if n := h.count(evidence.Evidence{}, "1 = 1"); n != want {
				t.Errorf("%d rows, want %d", n, want)
			}
		}
		mentor := h.as(policy.Mentor)
		h.server.Evidence = whole
		attached(mentor, "evaluation", sheet, "&indicator=spirit", picture(9, 9)).Want(http.StatusCreated)
		h.server.Evidence = crashing{whole, func() {}}
		attached(mentor, "evaluation", sheet, "&indicator=meetings", picture(9, 9)).Want(http.StatusInternalServerError)
		kept(1)
		if n := count(); n != 2 {
			t.Fatalf("%d files before the collection", n)
		}
		runner := jobs.New(h.db, h.server.Log, clock.now, time.Hour)
		runner.Evidence = whole
		runner.Cleanup(t.Context())
		if n := count(); n != 2 {
			t.Errorf("%d files: one that may still be coming was collected", n)
		}
		// a row that somebody planted takes no file away that is needed
		var e evidence.Evidence
		h.must(h.db.Take(&e).Error)
		h.must(h.db.Create(&evidence.LooseFile{TownID: "demo", File: e.SHA256[:2] + "/" + e.SHA256 + "-" + e.ID, Since: clock.now()}).Error)
		clock.set(t, "2026-04-11 09:00:01")
		runner.Cleanup(t.Context())
		if n := count(); n != 1 {
			t.Errorf("%d files after the collection", n)
		}
		if n := h.count(evidence.LooseFile{}, "1 = 1"); n != 0 {
			t.Errorf("%d loose files", n)
		}
		h.server.Evidence = whole
		at := "/towns/demo/evidence/" + e.ID
		mentor.Get(at + "/file").Want(http.StatusOK)
		mentor.IfMatch(`"1"`).Post(at+"/remove", object{"reason": "x"}).Want(http.StatusOK)
		clock.set(t, "2026-04-12 09:00:02")
		runner.Cleanup(t.Context())
		kept(1)
		if n := count(); n != 0 {
			t.Errorf("%d files after the removal", n)
		}
	})
}

// slowly sends its content in pieces with pauses.
type slowly struct {
	content []byte
	piece   int
	pause   time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	if len(s.content) == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause)
	n := copy(p, s.content[:min(s.piece, len(s.content))])
	s.content = s.content[n:]
	return n, nil
}

// A file that takes longer than any other request may take arrives all the same, and comes back to who reads slowly.
func TestFilesTakeTheirTime(t *testing.T) {
	h, _, sheet := evidenced(t, dbtest.Open(t, database.SQLite))
	h.server.Config.RequestTimeout, h.server.Config.WriteTimeout = 700*time.Millisecond, time.Second
	handler, err := h.server.Handler()
	h.must(err)
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout, srv.Config.ReadHeaderTimeout = time.Second, time.Second, time.Second
	srv.Start()
	defer srv.Close()
	content := append(append([]byte("%PDF-"), make([]byte, 5<<20)...), "%%EOF"...)
	const pieces = 80
	address := srv.URL + "/api/v1/towns/demo/evidence?of=evaluation&indicator=meetings&record=" + sheet
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address,
		&slowly{content, len(content) / pieces, 2 * time.Second / pieces})
	h.must(err)
	request.Header.Set("Authorization", "Bearer "+h.secrets[policy.Mentor])
	request.ContentLength = int64(len(content))
	started := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(answer.Body)
	h.must(errors.Join(err, answer.Body.Close()))
	if answer.StatusCode != http.StatusCreated || time.Since(started) < 1500*time.Millisecond {
		t.Fatalf("%d after %s: %s", answer.StatusCode, time.Since(started), said)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	h.must(err)
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n",
		answer.Header.Get("Location"), h.secrets[policy.Mentor])
	got, buffer := 0, make([]byte, 128<<10)
	for {
		n, err := conn.Read(buffer)
		got += n
		if err != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got < len(content) {
		t.Errorf("%d bytes came back of %d", got, len(content))
	}
}

func crcOf(b []byte) uint32 { return crc32.ChecksumIEEE(b) }
