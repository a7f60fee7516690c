package demo

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

const (
	branches    = 40
	mentors     = 4
	instructors = 8
	offices     = 2
)

// classes of the invented town: branches take them in turn.
var classes = []town.Class{
	{
		TownID: Town, Code: "urban", Name: text.Text{ZH: "城市社区", EN: "urban community"},
		Provenance: "published practice elsewhere",
	},
	{
		TownID: Town, Code: "suburban", Name: text.Text{ZH: "涉农社区", EN: "community with farmland"},
		Provenance: "published practice elsewhere",
	},
	{TownID: Town, Code: "rural", Name: text.Text{ZH: "村", EN: "village"}, Provenance: "published practice elsewhere"},
}

// branchCode of the n-th branch, from 1.
func branchCode(n int) string { return fmt.Sprintf("b%02d", n) }

// classOf the n-th branch: 14 urban, 13 suburban, 13 rural.
func classOf(n int) town.Class { return classes[(n-1)%len(classes)] }

// town creates the invented town, its classes, branches and scheme.
func (s *story) town(ctx context.Context, tx *gorm.DB) error {
	_, err := town.Create(ctx, tx, town.Town{
		Code: Town, AreaCode: "999999999", Name: text.Text{ZH: "演示镇", EN: "Demo Town"},
		OpenResults: true, Provenance: invented, Safeguards: town.Safeguards{LeastScored: town.UsualLeastScored},
	})
	if err != nil {
		return err
	}
	for _, c := range classes {
		if _, err := town.CreateClass(ctx, tx, c); err != nil {
			return err
		}
	}
	for n := 1; n <= branches; n++ {
		class := classOf(n).Code
		b := town.Branch{Name: text.F("演示%[1]s社区", "Demo Community %[2]d", numeral(n), n), Kind: "community", Class: &class}
		if class == "rural" {
			b.Name, b.Kind = text.F("演示%[1]s村", "Demo Village %[2]d", numeral(n), n), "village"
		}
		b.Life = town.Life{TownID: Town, Code: branchCode(n), Provenance: invented}
		if _, err := town.CreateBranch(ctx, tx, b, ""); err != nil {
			return err
		}
	}
	return activateFiveForces(ctx, tx, Town)
}

var digits = []string{"", "一", "二", "三", "四", "五", "六", "七", "八", "九"}

// numeral returns 1 to 99 in Chinese.
func numeral(n int) string {
	switch {
	case n < 10:
		return digits[n]
	case n < 20:
		return "十" + digits[n%10]
	}
	return digits[n/10] + "十" + digits[n%10]
}

// staff appoints the people: two of the leading group, because nobody decides on
// his or her own sheet; mentors and instructors with equal shares of branches; a
// secretary for each branch.
func (s *story) staff(ctx context.Context, tx *gorm.DB) error {
	for _, g := range []struct {
		prefix, zh, en string
		count          int
		role           policy.Role
		duty           access.Duty
	}{
		{"group", "领导小组成员", "Group member", 2, policy.LeadingGroup, ""},
		{"leader", "镇领导", "Town leader", 1, policy.Leadership, ""},
		{"mentor", "导师", "Mentor", mentors, policy.Mentor, access.Mentors},
		{"instructor", "指导员", "Instructor", instructors, policy.Instructor, access.Instructs},
		{"office", "挂钩办专员", "Officer", offices, policy.Office, ""},
		{"secretary", "书记", "Secretary", branches, policy.Secretary, access.Leads},
	} {
		for i := 1; i <= g.count; i++ {
			p := people.Person{
				TownID: Town, Code: fmt.Sprintf("%s-%d", g.prefix, i), Provenance: invented,
				Name: text.F("%[1]s%[3]d（虚构）", "%[2]s %[3]d (invented)", g.zh, g.en, i),
			}
			if _, err := people.Create(ctx, tx, p); err != nil {
				return err
			}
			if err := appoint(ctx, tx, Town, p.Code, g.role, i); err != nil {
				return err
			}
		}
		if err := assign(ctx, tx, g.prefix, g.count, g.duty); err != nil {
			return err
		}
	}
	return link(ctx, tx)
}

// begun is the day from which people hold their roles and duties.
const begun day.Date = "2022-09-01"

// appoint enters that a person has the role; the n-th mentor by an invented letter, for a
// term that outlasts the demo.
func appoint(ctx context.Context, tx *gorm.DB, townID, person string, role policy.Role, n int) error {
	a := people.Appointment{TownID: townID, PersonCode: person, Role: role, ValidFrom: begun, Reason: invented}
	if role == policy.Mentor {
		until := day.Date("2042-08-31")
		a.Letter, a.ValidUntil = fmt.Sprintf("演示聘字〔2022〕%d号", n), &until
	}
	_, err := people.Appoint(ctx, tx, a)
	return err
}

// assign ties the branches in turn to the people of one duty.
func assign(ctx context.Context, tx *gorm.DB, prefix string, count int, duty access.Duty) error {
	for n := 1; n <= branches && duty != ""; n++ {
		_, err := people.Assign(ctx, tx, people.Assignment{
			TownID: Town, PersonCode: turn(prefix, n, count), BranchCode: branchCode(n),
			Duty: duty, ValidFrom: begun, Reason: invented,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// link creates the liaison offices, each with one member, and links the branches to them
// in turn.
func link(ctx context.Context, tx *gorm.DB) error {
	for i := 1; i <= offices; i++ {
		office := people.LiaisonOffice{
			TownID: Town, Code: fmt.Sprintf("liaison-%d", i), Provenance: invented,
			Name: text.F("演示挂钩办%[1]s（虚构）", "Liaison office %[2]d (invented)", numeral(i), i),
		}
		if _, err := people.CreateOffice(ctx, tx, office); err != nil {
			return err
		}
		member := people.OfficeMember{
			TownID: Town, OfficeCode: office.Code, PersonCode: fmt.Sprintf("office-%d", i), ValidFrom: begun,
			Reason: invented,
		}
		if _, err := people.JoinOffice(ctx, tx, member); err != nil {
			return err
		}
	}
	for n := 1; n <= branches; n++ {
		l := people.OfficeLink{
			TownID: Town, OfficeCode: turn("liaison", n, offices), BranchCode: branchCode(n), ValidFrom: begun,
			Reason: invented,
		}
		if _, err := people.LinkOffice(ctx, tx, l); err != nil {
			return err
		}
	}
	return nil
}

// turn returns the code of the person or office to which the n-th branch goes.
func turn(prefix string, n, count int) string { return fmt.Sprintf("%s-%d", prefix, (n-1)%count+1) }
