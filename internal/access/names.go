package access

import (
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// roleNames are the roles in words of people. The empty role is an anonymous caller.
var roleNames = map[Role]text.Text{
	"":           {ZH: "匿名访问者", EN: "anonymous"},
	Reader:       {ZH: "查阅者", EN: "reader"},
	Secretary:    {ZH: "书记", EN: "secretary"},
	Mentor:       {ZH: "导师", EN: "mentor"},
	Instructor:   {ZH: "指导员", EN: "instructor"},
	Office:       {ZH: "挂钩办", EN: "liaison office"},
	LeadingGroup: {ZH: "工作领导小组", EN: "leading group"},
	Leadership:   {ZH: "镇领导", EN: "leadership"},
	Admin:        {ZH: "管理员", EN: "administrator"},
}

// Name returns the role in words of people, or its code where it is none of ours.
func (r Role) Name() text.Text {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return text.Same(string(r))
}

// Name returns the action as what one can or cannot do, or its code where it is none
// of ours.
func (a Action) Name() text.Text {
	if r, ok := policy[a]; ok {
		return text.Text{ZH: r.zh, EN: r.en}
	}
	return text.Same(string(a))
}

// NotAllowed returns the refusal of an action that the policy does not allow the caller.
func (p Principal) NotAllowed(a Action) error {
	if p.needsPerson(a) {
		return fault.Forbidden("person_needed",
			"此操作须由人员作出：该密钥或账号未关联人员，不能%s。请使用关联人员的账号或密钥，或请管理员建立",
			"this is for a person to do, and no person stands behind this key or account: it may not %s. "+
				"Use one of a person, or ask an administrator for it", a.Name())
	}
	return fault.Forbidden("not_allowed", "“%s”不能%s", "the role %q may not %s", p.Role.Name(), a.Name())
}

// Roles returns the roles that the policy allows the action on some branch at least,
// in the order of the policy table.
func (a Action) Roles() (list []Role) {
	for _, r := range Roles() {
		if a.ScopeFor(r) != None {
			list = append(list, r)
		}
	}
	return list
}
