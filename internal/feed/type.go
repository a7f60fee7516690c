package feed

import (
	"slices"
	"strings"

	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
)

// kind is what an action of the audit trail is told as. An action without a kind is not told.
type kind struct {
	Type  string        // of the event
	Reads policy.Action // what the policy must allow the reader
	of    string        // table of the subject, whose rows are each of a branch; empty: it is about no branch, or is one
}

// kinds are the actions of the audit trail that are told, and nothing else is: no action
// about sessions, accounts, keys and persons.
var kinds = map[string]kind{
	"period.create":    {"period.created", policy.ReadStructure, ""},
	"period.change":    {"period.changed", policy.ReadStructure, ""},
	"period.planned":   {"period.planned", policy.ReadStructure, ""},
	"period.open":      {"period.opened", policy.ReadStructure, ""},
	"period.review":    {"period.in_review", policy.ReadStructure, ""},
	"period.locked":    {"period.locked", policy.ReadStructure, ""},
	"period.published": {"period.published", policy.ReadStructure, ""},
	"period.withdraw":  {"period.withdrawn", policy.ReadStructure, ""},
	"period.final":     {"period.finalised", policy.ReadStructure, ""},
	"period.cancelled": {"period.cancelled", policy.ReadStructure, ""},

	"run.publish":          {"publication.published", policy.ReadRanking, ""},
	"result.amend":         {"publication.amended", policy.ReadRanking, ""},
	"publication.withdraw": {"publication.withdrawn", policy.ReadRanking, ""},

	"evaluation.approve": {"evaluation.approved", policy.ReadSheets, "evaluations"},
	"evaluation.return":  {"evaluation.returned", policy.ReadSheets, "evaluations"},

	"targets.propose": {"target.proposals_made", policy.ReadTargets, ""},
	"targets.follow":  {"target.proposals_followed", policy.ReadTargets, ""},
	"target.propose":  {"target.proposed", policy.ReadTargets, "improvement_targets"},
	"target.confirm":  {"target.confirmed", policy.ReadTargets, "improvement_targets"},
	"target.dismiss":  {"target.dismissed", policy.ReadTargets, "improvement_targets"},
	"target.end":      {"target.ended", policy.ReadTargets, "improvement_targets"},

	"plan.draft":        {"plan.drafted", policy.ReadPlans, "plans"},
	"plan.write":        {"plan.written", policy.ReadPlans, "plans"},
	"plan.redraft":      {"plan.redrafted", policy.ReadPlans, "plans"},
	"plan.advise":       {"plan.advised", policy.ReadPlans, "plans"},
	"plan.send_back":    {"plan.sent_back", policy.ReadPlans, "plans"},
	"plan.approve":      {"plan.approved", policy.ReadPlans, "plans"},
	"plan.start":        {"plan.started", policy.ReadPlans, "plans"},
	"plan.return":       {"plan.returned", policy.ReadPlans, "plans"},
	"plan.resume":       {"plan.resumed", policy.ReadPlans, "plans"},
	"plan.accept":       {"plan.accepted", policy.ReadPlans, "plans"},
	"plan.close":        {"plan.closed", policy.ReadPlans, "plans"},
	"plan.abandon":      {"plan.abandoned", policy.ReadPlans, "plans"},
	"plan.outcome":      {"plan.outcome_measured", policy.ReadPlans, "plans"},
	"plan-item.done":    {"plan.item_done", policy.ReadPlans, "plans"},
	"plan-item.verify":  {"plan.item_verified", policy.ReadPlans, "plans"},
	"plan-item.return":  {"plan.item_returned", policy.ReadPlans, "plans"},
	"plan-item.close":   {"plan.item_closed", policy.ReadPlans, "plans"},
	"plan-item.relapse": {"plan.item_relapsed", policy.ReadPlans, "plans"},

	"problem.open":   {"problem.opened", policy.ReadProblems, "problems"},
	"problem.write":  {"problem.changed", policy.ReadProblems, "problems"},
	"problem.start":  {"problem.started", policy.ReadProblems, "problems"},
	"problem.solve":  {"problem.solved", policy.ReadProblems, "problems"},
	"problem.close":  {"problem.closed", policy.ReadProblems, "problems"},
	"problem.reopen": {"problem.reopened", policy.ReadProblems, "problems"},

	"appeal.file":     {"appeal.filed", policy.ReadAppeals, "appeals"},
	"appeal.uphold":   {"appeal.upheld", policy.ReadAppeals, "appeals"},
	"appeal.reject":   {"appeal.rejected", policy.ReadAppeals, "appeals"},
	"appeal.withdraw": {"appeal.withdrawn", policy.ReadAppeals, "appeals"},

	"branch.create":     {"branch.created", policy.ReadStructure, ""},
	"branch.rename":     {"branch.renamed", policy.ReadStructure, ""},
	"branch.reclassify": {"branch.reclassified", policy.ReadStructure, ""},
	"branch.merge":      {"branch.merged", policy.ReadStructure, ""},
	"branch.close":      {"branch.closed", policy.ReadStructure, ""},
	"branch.reopen":     {"branch.reopened", policy.ReadStructure, ""},
	"branch.withdraw":   {"branch.change_withdrawn", policy.ReadStructure, ""},
	"branch.correct":    {"branch.corrected", policy.ReadStructure, ""},

	"scheme.activate": {"scheme.activated", policy.ReadStructure, ""},
}

// Types returns the types of events, sorted.
func Types() []string {
	list := make([]string, 0, len(kinds))
	for _, k := range kinds {
		list = append(list, k.Type)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TypeOf returns the type of the events about an action of the audit trail; empty where it
// is not told.
func TypeOf(action string) string { return kinds[action].Type }

// matches reports whether a type is one of the wanted ones: each is a type, or the
// beginning of some with a star (plan.*). None wants all.
func matches(wanted []string, typ string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool {
		beginning, some := strings.CutSuffix(w, "*")
		return w == typ || some && strings.HasPrefix(typ, beginning)
	})
}

// CheckTypes returns a fault for each of the wanted types that is no type and no beginning
// of one, at the pointer and, if indexed, its place in the list.
func CheckTypes(wanted []string, pointer func(i int) string) (faults []fault.FieldError) {
	for i, w := range wanted {
		if !slices.ContainsFunc(Types(), func(typ string) bool { return matches(wanted[i:i+1], typ) }) {
			faults = append(faults, fault.At(pointer(i), "unknown_type", text.F("没有事件类型“%[1]s”：可选 %[2]s，或如 plan.*",
				"there is no type of event %[1]q: use some of %[2]s, or such as plan.*", w, strings.Join(Types(), ", "))))
		}
	}
	return faults
}

// actions returns the actions that are told as one of the wanted types to someone whom the
// policy allows to read them, sorted.
func actions(wanted []string, may func(policy.Action) bool) (list []string) {
	for action, k := range kinds {
		if matches(wanted, k.Type) && may(k.Reads) {
			list = append(list, action)
		}
	}
	slices.Sort(list)
	return list
}
