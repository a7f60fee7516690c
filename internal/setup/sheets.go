package setup

import (
	"strconv"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/improve/measure"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/structure"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// all is more than a town has of anything.
const all = 1 << 20

var (
	code       = column{code: "code", head: text.Text{ZH: "代码", EN: "code"}, must: true}
	nameZH     = column{code: "name.zh", head: text.Text{ZH: "名称（中文）", EN: "name (Chinese)"}}
	nameEN     = column{code: "name.en", head: text.Text{ZH: "名称（英文）", EN: "name (English)"}}
	provenance = column{code: "provenance", head: text.Text{ZH: "来源", EN: "provenance"}}
	person     = column{code: "person", head: text.Text{ZH: "人员", EN: "person"}, must: true}
	branch     = column{code: "branch", head: text.Text{ZH: "党组织", EN: "branch"}, must: true}
	office     = column{code: "office", head: text.Text{ZH: "挂钩办", EN: "liaison office"}, must: true}
	from       = column{code: "from", head: text.Text{ZH: "起", EN: "from"}, kind: date, must: true}
	until      = column{code: "until", head: text.Text{ZH: "止", EN: "until"}, kind: date}
)

// sheets are the sheets of the workbook, in the order in which they are taken in: what others
// refer to comes first.
func sheets() []sheet {
	list := []sheet{
		{
			code: "areas", name: text.Text{ZH: "区划", EN: "Areas"}, action: policy.WriteTowns, offline: true, key: []string{"code"},
			columns: []column{
				code,
				{code: "parent_code", head: text.Text{ZH: "上级", EN: "parent"}},
				{code: "level", head: text.Text{ZH: "级别", EN: "level"}, must: true, choice: []string{"province", "city", "district", "town"}},
				nameZH, nameEN,
			},
			list: listAreas, add: addArea,
		},
		{
			code: "town", name: text.Text{ZH: "镇（街道）", EN: "Town"}, action: policy.WriteTowns, offline: true, key: []string{"code"},
			columns: []column{
				code,
				{code: "area_code", head: text.Text{ZH: "区划代码", EN: "area"}, must: true},
				nameZH, nameEN,
				{code: "open_results", head: text.Text{ZH: "公开成绩", EN: "open results"}, kind: yes},
			},
			list: listTown, add: addTown,
		},
		{
			code: "kinds", name: text.Text{ZH: "类型", EN: "Kinds"}, action: policy.WriteStructure, town: true, key: []string{"code"},
			columns: []column{code, nameZH, nameEN}, list: listKinds, add: addKind,
		},
		{
			code: "classes", name: text.Text{ZH: "类别", EN: "Classes"}, action: policy.WriteStructure, town: true, key: []string{"code"},
			columns: []column{code, nameZH, nameEN}, list: listClasses, add: addClass,
		},
		{
			code: "branches", name: text.Text{ZH: "党组织", EN: "Branches"}, action: policy.WriteStructure, town: true, key: []string{"code"},
			columns: []column{
				code, nameZH, nameEN,
				{code: "kind", head: text.Text{ZH: "类型", EN: "kind"}, must: true},
				{code: "class", head: text.Text{ZH: "类别", EN: "class"}},
				{code: "statistical_code", head: text.Text{ZH: "统计代码", EN: "statistical code"}},
				{code: "founded_on", head: text.Text{ZH: "成立日期", EN: "founded on"}, kind: date},
				provenance,
			},
			list: listBranches, add: addBranch,
		},
		{
			code: "people", name: text.Text{ZH: "人员", EN: "People"}, action: policy.WritePeople, town: true, key: []string{"code"},
			columns: []column{code, nameZH, nameEN, provenance}, list: listPeople, add: addPerson,
		},
		{
			code: "appointments", name: text.Text{ZH: "聘任", EN: "Appointments"}, action: policy.WritePeople, town: true,
			key: []string{"person", "role", "from"},
			columns: []column{
				person,
				{code: "role", head: text.Text{ZH: "角色", EN: "role"}, must: true, choice: []string{
					"secretary", "mentor", "instructor", "liaison_office", "leading_group", "leadership", "reader",
				}},
				{code: "letter", head: text.Text{ZH: "聘书编号", EN: "letter"}},
				from, until,
			},
			list: listAppointments, add: addAppointment,
		},
		{
			code: "pairings", name: text.Text{ZH: "任职与结对", EN: "Pairings"}, action: policy.WritePeople, town: true,
			key: []string{"person", "branch", "duty", "from"},
			columns: []column{
				person, branch,
				{code: "duty", head: text.Text{ZH: "职责", EN: "duty"}, must: true, choice: []string{"leads", "mentors", "instructs"}},
				{code: "exclusive", head: text.Text{ZH: "独占", EN: "exclusive"}, kind: yes},
				from, until,
			},
			list: listPairings, add: addPairing,
		},
		{
			code: "offices", name: text.Text{ZH: "挂钩办", EN: "Offices"}, action: policy.WritePeople, town: true, key: []string{"code"},
			columns: []column{code, nameZH, nameEN}, list: listOffices, add: addOffice,
		},
		{
			code: "members", name: text.Text{ZH: "挂钩办人员", EN: "Office members"}, action: policy.WritePeople, town: true,
			key: []string{"office", "person", "from"}, columns: []column{office, person, from, until}, list: listMembers, add: addMember,
		},
		{
			code: "links", name: text.Text{ZH: "挂钩关系", EN: "Office links"}, action: policy.WritePeople, town: true,
			key: []string{"office", "branch", "from"}, columns: []column{office, branch, from, until}, list: listLinks, add: addLink,
		},
		{
			code: "measures", name: text.Text{ZH: "措施", EN: "Measures"}, action: policy.WriteMeasures, town: true, key: []string{"number"},
			columns: []column{
				{code: "number", head: text.Text{ZH: "序号", EN: "number"}, kind: number, must: true},
				nameZH, nameEN,
				{code: "description.zh", head: text.Text{ZH: "说明（中文）", EN: "description (Chinese)"}},
				{code: "description.en", head: text.Text{ZH: "说明（英文）", EN: "description (English)"}},
			},
			list: listMeasures, add: nameMeasure, change: nameMeasure,
		},
	}
	list = append(list, schemeSheets()...)
	return append(list, sheet{
		code: "periods", name: text.Text{ZH: "考评周期", EN: "Periods"}, action: policy.WritePeriods, town: true, key: []string{"code"},
		columns: []column{
			code,
			{code: "kind", head: text.Text{ZH: "种类", EN: "kind"}, must: true, choice: []string{"quarter", "half_year", "year"}},
			{code: "scheme", head: text.Text{ZH: "指标体系", EN: "scheme"}, must: true},
			{code: "starts_on", head: text.Text{ZH: "开始日期", EN: "starts on"}, kind: date, must: true},
			{code: "ends_on", head: text.Text{ZH: "结束日期", EN: "ends on"}, kind: date, must: true},
			{code: "entry_from", head: text.Text{ZH: "填报开始", EN: "entry from"}, kind: date},
			{code: "entry_until", head: text.Text{ZH: "填报截止", EN: "entry until"}, kind: date},
			{code: "review_until", head: text.Text{ZH: "审核截止", EN: "review until"}, kind: date},
			{code: "open", head: text.Text{ZH: "立即启用", EN: "open at once"}, kind: yes},
		},
		list: listPeriods, add: addPeriod,
	}, sheet{
		code: "accounts", name: text.Text{ZH: "账号", EN: "Accounts"}, action: policy.ManageAccounts, key: []string{"name"},
		columns: []column{
			{code: "name", head: text.Text{ZH: "账号", EN: "account"}, must: true}, person,
		},
		list: listAccounts, add: addAccount,
	})
}

// named returns the record of what has a code and a name.
func named(code string, name text.Text) record {
	return record{"code": code, "name.zh": name.ZH, "name.en": name.EN}
}

func dayOf(d *day.Date) string {
	if d == nil {
		return ""
	}
	return string(*d)
}

func yesOf(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func listAreas(r *run) (list []record, err error) {
	areas, err := town.ListAreas(r, r.tx, "", all)
	for _, a := range areas {
		rec := named(a.Code, a.Name)
		if rec["level"] = a.Level; a.ParentCode != nil {
			rec["parent_code"] = *a.ParentCode
		}
		list = append(list, rec)
	}
	return list, err
}

func addArea(r *run, in record) error {
	_, err := town.CreateArea(r, r.tx, town.Area{
		Code: in["code"], ParentCode: in.orNil("parent_code"), Level: in["level"], Name: in.text("name"),
	})
	return err
}

func listTown(r *run) ([]record, error) {
	t, err := town.Find(r, r.tx, r.Town)
	if fault.Is(err, fault.KindNotFound) {
		return nil, nil
	}
	rec := named(t.Code, t.Name)
	rec["area_code"], rec["open_results"] = t.AreaCode, yesOf(t.OpenResults)
	return []record{rec}, err
}

func addTown(r *run, in record) error {
	if in["code"] != r.Town {
		return fault.Broken(fault.Field("/code", "wrong_town", "应为“%s”", "should be %q", r.Town))
	}
	_, err := town.Create(r, r.tx, town.Town{
		Code: in["code"], AreaCode: in["area_code"], Name: in.text("name"), OpenResults: in["open_results"] != "",
		Safeguards: town.Safeguards{LeastScored: town.UsualLeastScored},
	})
	return err
}

func listKinds(r *run) (list []record, err error) {
	kinds, err := town.ListKinds(r, r.tx, r.Town)
	for _, k := range kinds {
		list = append(list, named(k.Code, k.Name))
	}
	return list, err
}

func addKind(r *run, in record) error {
	_, err := town.CreateKind(r, r.tx, town.Kind{TownID: r.Town, Code: in["code"], Name: in.text("name")})
	return err
}

func listClasses(r *run) (list []record, err error) {
	classes, err := town.ListClasses(r, r.tx, r.Town)
	for _, c := range classes {
		list = append(list, named(c.Code, c.Name))
	}
	return list, err
}

func addClass(r *run, in record) error {
	_, err := town.CreateClass(r, r.tx, town.Class{TownID: r.Town, Code: in["code"], Name: in.text("name")})
	return err
}

func listBranches(r *run) (list []record, err error) {
	branches, err := town.ListBranches(r, r.tx, r.Town, town.BranchFilter{On: day.Of(r.tx.NowFunc()), Closed: true})
	for _, b := range branches {
		rec := named(b.Code, b.Name)
		rec["kind"], rec["founded_on"], rec["provenance"] = b.Kind, dayOf(b.FoundedOn), b.Provenance
		if b.Class != nil {
			rec["class"] = *b.Class
		}
		if b.StatisticalCode != nil {
			rec["statistical_code"] = *b.StatisticalCode
		}
		list = append(list, rec)
	}
	return list, err
}

func addBranch(r *run, in record) error {
	b := town.Branch{Name: in.text("name"), Kind: in["kind"], Class: in.orNil("class")}
	b.Life = town.Life{
		TownID: r.Town, Code: in["code"], StatisticalCode: in.orNil("statistical_code"), FoundedOn: in.dayOrNil("founded_on"),
		Provenance: in["provenance"],
	}
	_, err := structure.Found(r, r.tx, b, "")
	return err
}

func listPeople(r *run) (list []record, err error) {
	persons, err := people.List(r, r.tx, r.Town, people.Filter{Limit: all})
	for _, p := range persons {
		rec := named(p.Code, p.Name)
		rec["provenance"] = p.Provenance
		list = append(list, rec)
	}
	return list, err
}

func addPerson(r *run, in record) error {
	_, err := people.Create(r, r.tx, people.Person{
		TownID: r.Town, Code: in["code"], Name: in.text("name"), Provenance: in["provenance"],
	})
	return err
}

func listAppointments(r *run) (list []record, err error) {
	appointments, err := people.ListAppointments(r, r.tx, r.Town, people.AppointmentFilter{})
	for _, a := range appointments {
		if a.CancelledAt == nil {
			list = append(list, record{
				"person": a.PersonCode, "role": string(a.Role), "letter": a.Letter, "from": string(a.ValidFrom), "until": dayOf(a.ValidUntil),
			})
		}
	}
	return list, err
}

func addAppointment(r *run, in record) error {
	_, err := people.Appoint(r, r.tx, people.Appointment{
		TownID: r.Town, PersonCode: in["person"], Role: policy.Role(in["role"]), Letter: in["letter"], ValidFrom: in.day("from"),
		ValidUntil: in.dayOrNil("until"),
	})
	return err
}

func listPairings(r *run) (list []record, err error) {
	assignments, err := people.ListAssignments(r, r.tx, r.Town, people.AssignmentFilter{})
	for _, a := range assignments {
		if a.CancelledAt == nil {
			list = append(list, record{
				"person": a.PersonCode, "branch": a.BranchCode, "duty": string(a.Duty), "exclusive": yesOf(a.Exclusive),
				"from": string(a.ValidFrom), "until": dayOf(a.ValidUntil),
			})
		}
	}
	return list, err
}

func addPairing(r *run, in record) error {
	_, err := people.Assign(r, r.tx, people.Assignment{
		TownID: r.Town, PersonCode: in["person"], BranchCode: in["branch"], Duty: access.Duty(in["duty"]), Exclusive: in["exclusive"] != "",
		ValidFrom: in.day("from"), ValidUntil: in.dayOrNil("until"),
	})
	return err
}

func listOffices(r *run) (list []record, err error) {
	offices, err := people.ListOffices(r, r.tx, r.Town, "", all)
	for _, o := range offices {
		list = append(list, named(o.Code, o.Name))
	}
	return list, err
}

func addOffice(r *run, in record) error {
	_, err := people.CreateOffice(r, r.tx, people.LiaisonOffice{TownID: r.Town, Code: in["code"], Name: in.text("name")})
	return err
}

func listMembers(r *run) (list []record, err error) {
	members, err := people.ListOfficeMembers(r, r.tx, r.Town, people.OfficeFilter{})
	for _, m := range members {
		if m.CancelledAt == nil {
			list = append(list, record{"office": m.OfficeCode, "person": m.PersonCode, "from": string(m.ValidFrom), "until": dayOf(m.ValidUntil)})
		}
	}
	return list, err
}

func addMember(r *run, in record) error {
	_, err := people.JoinOffice(r, r.tx, people.OfficeMember{
		TownID: r.Town, OfficeCode: in["office"], PersonCode: in["person"], ValidFrom: in.day("from"), ValidUntil: in.dayOrNil("until"),
	})
	return err
}

func listLinks(r *run) (list []record, err error) {
	links, err := people.ListOfficeLinks(r, r.tx, r.Town, people.OfficeFilter{})
	for _, l := range links {
		if l.CancelledAt == nil {
			list = append(list, record{"office": l.OfficeCode, "branch": l.BranchCode, "from": string(l.ValidFrom), "until": dayOf(l.ValidUntil)})
		}
	}
	return list, err
}

func addLink(r *run, in record) error {
	_, err := people.LinkOffice(r, r.tx, people.OfficeLink{
		TownID: r.Town, OfficeCode: in["office"], BranchCode: in["branch"], ValidFrom: in.day("from"), ValidUntil: in.dayOrNil("until"),
	})
	return err
}

func listMeasures(r *run) (list []record, err error) {
	measures, err := measure.List(r, r.tx, r.Town)
	if fault.Is(err, fault.KindNotFound) { // the town is in the book
		return nil, nil
	}
	for _, m := range measures {
		list = append(list, record{
			"number": strconv.FormatInt(m.Number, 10), "name.zh": m.Name.ZH, "name.en": m.Name.EN, "description.zh": m.Description.ZH,
			"description.en": m.Description.EN,
		})
	}
	return list, err
}

func nameMeasure(r *run, in record) error {
	number, err := strconv.ParseInt(in["number"], 10, 64)
	if err != nil {
		return fault.Broken(fault.Field("/number", "wrong_type", "应为 1 至 7", "should be 1 to 7"))
	}
	m, err := measure.Find(r, r.tx, r.Town, number)
	if err != nil {
		return err
	}
	_, err = measure.Name(r, r.tx, r.Town, number, m.Version, in.text("name"), in.text("description"))
	return err
}

func listPeriods(r *run) (list []record, err error) {
	periods, err := evaluation.ListPeriods(r, r.tx, r.Town, evaluation.PeriodFilter{Limit: all})
	for _, p := range periods {
		list = append(list, record{
			"code": p.Code, "kind": p.Kind, "scheme": p.Scheme.Code, "starts_on": string(p.StartsOn), "ends_on": string(p.EndsOn),
			"entry_from": dayOf(p.EntryFrom), "entry_until": dayOf(p.EntryUntil), "review_until": dayOf(p.ReviewUntil),
			"open": yesOf(p.State != evaluation.Planned),
		})
	}
	return list, err
}

func addPeriod(r *run, in record) error {
	p, err := evaluation.CreatePeriod(r, r.tx, evaluation.Period{
		TownID: r.Town, Code: in["code"], Kind: in["kind"], StartsOn: in.day("starts_on"), EndsOn: in.day("ends_on"),
		Scheme: scheme.Ref{Code: in["scheme"]}, Calendar: evaluation.Calendar{
			EntryFrom: in.dayOrNil("entry_from"), EntryUntil: in.dayOrNil("entry_until"), ReviewUntil: in.dayOrNil("review_until"),
			NoticeDays: evaluation.DefaultDays, AnswerDays: evaluation.DefaultDays,
		},
	}, false)
	if err != nil || in["open"] == "" {
		return err
	}
	_, err = evaluation.MovePeriod(r, r.tx, p.Ref(), evaluation.PeriodMove{To: evaluation.Open, Language: r.Language})
	return err
}

func listAccounts(r *run) (list []record, err error) {
	accounts, err := credential.ListAccounts(r, r.tx, "", all)
	for _, a := range accounts {
		if a.OnlyTown != nil && *a.OnlyTown == r.Town && a.PersonCode != nil {
			list = append(list, record{"name": a.Name, "person": *a.PersonCode})
		}
	}
	return list, err
}

func addAccount(r *run, in record) error {
	a, err := credential.CreateAccount(r, r.tx, credential.Account{
		Name: strings.ToLower(in["name"]), OnlyTown: &r.Town, PersonCode: in.orNil("person"),
	})
	if err == nil {
		r.made = append(r.made, NewAccount{Account: a.Name, Person: in["person"]})
	}
	return err
}
