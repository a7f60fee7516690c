package scheme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
	"bulwark/pkg/composite"
)

// State is where a version of a scheme is in its life.
type State string

// The states. An active version never changes; at most one is active and one is
// a draft at a time. A deleted draft keeps its number.
const (
	Draft   State = "draft"
	Active  State = "active"
	Retired State = "retired"
	Deleted State = "deleted"
)

var titles = workflow.Titles[State]{
	Draft:   {ZH: "草稿", EN: "draft"},
	Active:  {ZH: "已启用", EN: "active"},
	Retired: {ZH: "已停用", EN: "retired"},
	Deleted: {ZH: "已删除", EN: "deleted"},
}

// Title returns the name of the state.
func (s State) Title() text.Text { return titles.Of(s) }

// Ref names one version of a scheme.
type Ref struct {
	Code   string `json:"code" example:"five-forces"`
	Number int64  `json:"number" example:"1"`
} // @name SchemeRef

// Version is one version of a scheme in a town's registry.
type Version struct {
	TownID      string     `gorm:"primaryKey" json:"-"`
	Code        string     `gorm:"primaryKey" json:"code" example:"five-forces"`
	Number      int64      `gorm:"primaryKey" json:"number" example:"1"`
	State       State      `json:"state"`
	Name        text.Text  `gorm:"embedded;embeddedPrefix:name_" json:"name"`
	Document    Raw        `json:"document,omitempty"`
	Hash        string     `json:"hash"` // SHA-256 of the document in RFC 8785 form
	ActivatedAt *time.Time `json:"activated_at,omitempty"`
	RetiredAt   *time.Time `json:"retired_at,omitempty"`
	Warnings    []Warning  `gorm:"-" json:"warnings,omitempty"`         // of a draft, where it is written
	Allowed     []string   `gorm:"-" json:"allowed,omitempty,omitzero"` // what the caller can do with it now; absent in lists, and where there is nothing
	database.Versioned
} // @name SchemeVersion

// TableName of the versions of all schemes.
func (Version) TableName() string { return "schemes" }

// Raw is a document as canonical JSON text.
type Raw string

// MarshalJSON returns the text itself.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

// Ref names the version by code and number.
func (v Version) Ref() workflow.Ref {
	return workflow.Ref{Town: v.TownID, ID: v.Code + "/" + strconv.FormatInt(v.Number, 10), Version: v.Version}
}

// reader is a caller who reads or changes versions.
type reader struct {
	access.Principal
	last map[string]workflow.Transition // of the versions at hand, by id
}

type verbs = []workflow.Verb[Version, State, *reader]

// versions is the life of a version. An active one is retired when the next is activated.
var versions = workflow.Kind[Version, State, *reader]{
	Noun: text.Text{ZH: "指标体系版本", EN: "scheme version"}, Name: "scheme", Titles: titles, Key: "code || '/' || number",
	Reader: func(ctx context.Context, _ *gorm.DB, _ string) (*reader, error) {
		return &reader{Principal: access.PrincipalFrom(ctx)}, nil
	},
	Verbs: verbs{
		{Name: "create", To: Draft, Action: policy.WriteScheme},
		{Name: "update", From: []State{Draft}, Action: policy.WriteScheme, Frozen: frozen},
		{Name: "activate", From: []State{Draft}, To: Active, Action: policy.WriteScheme, Frozen: notADraft},
		{Name: "delete", From: []State{Draft}, To: Deleted, Action: policy.WriteScheme, Reason: true, Frozen: undeletable},
		{Name: "retire", From: []State{Active}, To: Retired},
	},
}.Checked()

func frozen(_ *reader, v Version) error {
	return fault.Conflict("version_frozen", "该版本处于“%s”状态，不能修改：请新建一个版本",
		"this version is %s and never changes: create a new version", v.State.Title())
}

func undeletable(_ *reader, v Version) error {
	return fault.Conflict("not_a_draft", "该版本处于“%s”状态，只有草稿可以删除",
		"only a draft can be deleted: this version is %s", v.State.Title())
}

func notADraft(_ *reader, v Version) error {
	return fault.Conflict("not_a_draft", "该版本处于“%s”状态，只有草稿可以启用",
		"only a draft can be activated: this version is %s", v.State.Title())
}

// State returns the state of the version, and who brought it there.
func (r *reader) State(v Version) (State, fault.Lock) { return v.State, r.last[v.Ref().ID].Lock() }

// Visible hides drafts from who does not work on them.
func (r *reader) Visible(q *gorm.DB) *gorm.DB {
	if r.May(policy.ReadDrafts) {
		return q
	}
	return q.Where("state NOT IN ?", unknownToOthers)
}

// unknownToOthers are the states of versions that only those know who work on drafts.
var unknownToOthers = []State{Draft, Deleted}

// Load reads who made the versions that are to change what they are.
func (r *reader) Load(ctx context.Context, db *gorm.DB, list []Version, depth workflow.Depth) (err error) {
	if depth == workflow.ForChange {
		r.last, err = workflow.LastSteps(ctx, db, versions.Name, list[0].TownID, []workflow.Ref{list[0].Ref()})
	}
	return err
}

// Show returns the version with what the caller can do.
func (*reader) Show(v Version, allowed []string) Version {
	v.Allowed = allowed
	return v
}

// Audit returns the whole version where it was written, and the state where it moved.
func (*reader) Audit(v Version, verb string) (string, any) {
	path := fmt.Sprintf("schemes/%s/versions/%d", v.Code, v.Number)
	v.Allowed = nil
	if verb == "create" || verb == "update" || verb == "activate" && v.fitted() {
		return path, v
	}
	return path, v.State
}

// fitted reports whether the activation wrote into the document.
func (v Version) fitted() bool {
	c, err := v.Compile()
	return err == nil && slices.ContainsFunc(c.Indicators, func(n *Node) bool { return n.Over != nil })
}

// Create stores the document as the next version of its scheme, a draft. A
// scheme with a draft already takes no second one: edit that.
func Create(ctx context.Context, db *gorm.DB, townID string, d Document) (Version, error) {
	draft := Version{TownID: townID, Code: d.Code, State: Draft, Name: d.Name, Versioned: database.Versioned{Version: 1}}
	return versions.Create(ctx, db, "create", "", draft, func(tx *gorm.DB, _ *reader, v *Version) error {
		if err := refuseOtherCase(tx, townID, d.Code); err != nil {
			return err
		}
		err := tx.Model(&Version{}).Where("town_id = ? AND code = ?", townID, d.Code).
			Select("COALESCE(MAX(number), 0) + 1").Scan(&v.Number).Error
		if err != nil {
			return err
		}
		d.Version = v.Number
		d.Tree = d.Tree.unfitted()
		c, err := check(ctx, tx, townID, d)
		if err != nil {
			return err
		}
		v.Document, v.Hash = Raw(c.Canonical), c.Hash
		if err := tx.Create(v).Error; err != nil {
			return draftExists(err)
		}
		return nil
	})
}

// Update replaces the document of a draft.
func Update(ctx context.Context, db *gorm.DB, ref workflow.Ref, d Document) (Version, error) {
	return versions.Do(ctx, db, ref, "update", "", func(tx *gorm.DB, _ *reader, v Version) (workflow.Change, error) {
		if d.Code != v.Code {
			return workflow.Change{}, fault.Broken(fault.Field("/code", "code_fixed",
				"代码须为“%s”", "the code must stay %q", v.Code))
		}
		d.Version = v.Number
		d.Tree = d.Tree.unfitted()
		c, err := check(ctx, tx, v.TownID, d)
		if err != nil {
			return workflow.Change{}, err
		}
		return workflow.Change{Columns: map[string]any{
			"document": Raw(c.Canonical), "hash": c.Hash, "name_zh": d.Name.ZH, "name_en": d.Name.EN,
		}}, nil
	})
}

// unfitted returns the tree without what an activation wrote: a draft is fitted anew.
func (n Node) unfitted() Node {
	if n.Over != nil {
		n.Over = &Over{Periods: n.Over.Periods}
	}
	n.Children = slices.Clone(n.Children)
	for i, child := range n.Children {
		n.Children[i] = child.unfitted()
	}
	return n
}

// Fitter returns, by column, what the indicators with Over are fitted to in the published periods of a town.
type Fitter func(ctx context.Context, tx *gorm.DB, townID string, c *Compiled) ([][]composite.Fitted, error)

// fit returns the columns of a draft with what its indicators are fitted to; none where it has no such indicators.
func (f Fitter) fit(ctx context.Context, tx *gorm.DB, v Version) (map[string]any, error) {
	c, err := v.Compile()
	if err != nil || len(c.Unfitted()) == 0 {
		return map[string]any{}, err
	}
	if f == nil {
		return nil, fmt.Errorf("scheme %s/%d: nothing can fit %v", v.Code, v.Number, c.Unfitted())
	}
	fitted, err := f(ctx, tx, v.TownID, c)
	if err != nil {
		return nil, err
	}
	d, column := c.Document, 0
	var write func(n Node) Node
	write = func(n Node) Node {
		if len(n.Children) == 0 {
			if n.Over != nil {
				n.Over = &Over{Periods: n.Over.Periods, Fitted: fitted[column]}
			}
			column++
		}
		n.Children = slices.Clone(n.Children)
		for i, child := range n.Children {
			n.Children[i] = write(child)
		}
		return n
	}
	d.Tree = write(d.Tree)
	if c, err = Compile(d); err != nil {
		return nil, err
	}
	return map[string]any{"document": Raw(c.Canonical), "hash": c.Hash}, nil
}

// Activate puts a draft into force and retires the version that was. What its indicators are fitted to over published
// periods becomes part of its document, and so of its hash.
func Activate(ctx context.Context, db *gorm.DB, ref workflow.Ref, fit Fitter) (Version, error) {
	return versions.Do(ctx, db, ref, "activate", "", func(tx *gorm.DB, _ *reader, v Version) (workflow.Change, error) {
		columns, err := fit.fit(ctx, tx, v)
		if err != nil {
			return workflow.Change{}, err
		}
		columns["activated_at"] = tx.NowFunc()
		active, err := FindActive(ctx, tx, v.TownID, v.Code)
		if err == nil {
			_, err = versions.Apply(ctx, tx, active.Ref(), "retire", "",
				func(tx *gorm.DB, _ *reader, _ Version) (workflow.Change, error) {
					return workflow.Change{Columns: map[string]any{"retired_at": tx.NowFunc()}}, nil
				})
		}
		if fault.Is(err, fault.KindNotFound) { // it is the first
			err = nil
		}
		return workflow.Change{Columns: columns}, err
	})
}

// Delete ends a draft that is not wanted. It stays readable, and its number is never used again.
func Delete(ctx context.Context, db *gorm.DB, ref workflow.Ref, reason string) (Version, error) {
	return versions.Do(ctx, db, ref, "delete", reason, func(*gorm.DB, *reader, Version) (workflow.Change, error) {
		return workflow.Change{}, nil
	})
}

// Tried returns the compiled form that the version has once it is activated.
func Tried(ctx context.Context, db *gorm.DB, v Version, fit Fitter) (_ *Compiled, err error) {
	defer fault.Wrap(&err, "try of scheme %s/%d", v.Code, v.Number)
	columns, err := fit.fit(ctx, db, v)
	if err != nil {
		return nil, err
	}
	if document, fitted := columns["document"].(Raw); fitted {
		v.Document, v.Hash = document, columns["hash"].(string)
	}
	return v.Compile()
}

// refuseOtherCase refuses the code of a new scheme that differs from another one's only in
// capital and small letters.
func refuseOtherCase(tx *gorm.DB, townID, code string) error {
	var other []Version
	err := tx.Select("code").Where("town_id = ? AND lower(code) = ? AND code <> ?", townID, text.CodeKey(code), code).
		Limit(1).Find(&other).Error
	if err != nil || len(other) == 0 {
		return err
	}
	return fault.Conflict("already_exists", "该代码已被使用", "this code is taken").With(fault.Field("/code", "taken",
		"已有代码“%s”，不分大小写：请另取一个，或用该代码增加版本",
		"there is a scheme %q, and capital and small letters do not differ: choose another code, or add a version to that one",
		other[0].Code))
}

func draftExists(err error) error {
	if database.ConstraintOf(err) == "schemes_one_draft" || fault.Is(err, fault.KindConflict) {
		return fault.Conflict("draft_exists", "该指标体系已有草稿：请先修改或启用它",
			"this scheme has a draft already: edit or activate that one").Because(err)
	}
	return err
}

// check compiles the document and makes sure that the town has the kinds and
// classes that it names.
func check(ctx context.Context, tx *gorm.DB, townID string, d Document) (*Compiled, error) {
	c, err := Compile(d)
	if err != nil {
		return nil, err
	}
	kinds, err := town.ListKinds(ctx, tx, townID)
	if err != nil {
		return nil, err
	}
	classes, err := town.ListClasses(ctx, tx, townID)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, k := range kinds {
		known["kinds/"+k.Code] = true
	}
	for _, k := range classes {
		known["classes/"+k.Code] = true
	}
	if faults := unknownCategories("/tree", d.Tree, known); len(faults) > 0 {
		return nil, fault.Broken(faults...)
	}
	return c, nil
}

func unknownCategories(at string, n Node, known map[string]bool) []fault.FieldError {
	var faults []fault.FieldError
	look := func(facet string, codes []string) {
		for i, code := range codes {
			if !known[facet+"/"+code] {
				faults = append(faults, fault.Field(fmt.Sprintf("%s/applies_to/%s/%d", at, facet, i), "unknown_category",
					"本镇没有“%s”", "this town has no %q among its %[2]s", code, facet))
			}
		}
	}
	if n.AppliesTo != nil {
		look("kinds", n.AppliesTo.Kinds)
		look("classes", n.AppliesTo.Classes)
	}
	for i, child := range n.Children {
		faults = append(faults, unknownCategories(fmt.Sprintf("%s/children/%d", at, i), child, known)...)
	}
	return faults
}

// Read returns one version, unless it is a draft that the caller may not know of.
func Read(ctx context.Context, db *gorm.DB, townID, code string, number int64) (Version, error) {
	return versions.Find(ctx, db, townID, Version{Code: code, Number: number}.Ref().ID)
}

// Find returns one version of a scheme.
func Find(ctx context.Context, db *gorm.DB, townID, code string, number int64) (v Version, err error) {
	defer fault.Wrap(&err, "scheme %s/%d", code, number)
	return database.Take[Version](db.WithContext(ctx).Where("town_id = ? AND code = ? AND number = ?", townID, code, number),
		versions.Noun, Version{Code: code, Number: number}.Ref().ID)
}

// Filter narrows a list of versions; zero fields do not.
type Filter struct {
	Code        string
	State       State
	NoDrafts    bool
	AfterCode   string
	AfterNumber int64
	Limit       int // 0 = all
}

// List returns versions without their documents, by code and number: deleted ones only where
// they are asked for.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) (list []Version, err error) {
	defer fault.Wrap(&err, "schemes")
	q := db.WithContext(ctx).Omit("document").Where("town_id = ?", townID).
		Where("(code > ? OR (code = ? AND number > ?))", f.AfterCode, f.AfterCode, f.AfterNumber)
	if f.Code != "" {
		q = q.Where("code = ?", f.Code)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.NoDrafts {
		q = q.Where("state NOT IN ?", unknownToOthers)
	}
	if f.State == "" {
		q = q.Where("state <> ?", Deleted)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	err = q.Order("code, number").Find(&list).Error
	return list, err
}

// FindActive returns the active version of the scheme, or, where code is empty, of
// the scheme that was activated last.
func FindActive(ctx context.Context, db *gorm.DB, townID, code string) (v Version, err error) {
	defer fault.Wrap(&err, "active scheme")
	q := db.WithContext(ctx).Where("town_id = ? AND state = ?", townID, Active)
	if code != "" {
		q = q.Where("code = ?", code)
	}
	err = q.Order("activated_at DESC, code").Take(&v).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Version{}, fault.NotFound("no_active_scheme",
			"没有启用中的指标体系：请先启用一个版本", "no scheme is in force: activate a version first")
	}
	return v, err
}

// InForce returns the compiled version that FindActive returns; nil where the town has none yet.
func InForce(ctx context.Context, db *gorm.DB, townID string) (*Compiled, error) {
	v, err := FindActive(ctx, db, townID, "")
	if fault.Is(err, fault.KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v.Compile()
}

// compiledByHash keeps compiled documents: a hash names one document for ever,
// so an entry never goes stale. It is small because schemes are few.
var compiledByHash sync.Map

// Load returns the compiled form of a version, from memory where its document was
// compiled before.
func Load(ctx context.Context, db *gorm.DB, townID, code string, number int64) (*Compiled, error) {
	v, err := Find(ctx, db, townID, code, number)
	if err != nil {
		return nil, err
	}
	return v.Compile()
}

// Compile returns the compiled form of a stored version.
func (v Version) Compile() (*Compiled, error) {
	if c, ok := compiledByHash.Load(v.Hash); ok {
		return c.(*Compiled), nil
	}
	d, err := Decode([]byte(v.Document))
	if err != nil {
		return nil, fmt.Errorf("stored scheme %s/%d: %w", v.Code, v.Number, err)
	}
	c, err := Compile(d)
	if err != nil {
		return nil, fmt.Errorf("stored scheme %s/%d: %w", v.Code, v.Number, err)
	}
	compiledByHash.Store(v.Hash, c)
	return c, nil
}
