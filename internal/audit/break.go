package audit

import (
	"bulwark/internal/database"
	"bulwark/internal/text"
)

// Break is where a trail is not what was written, and how.
type Break struct {
	Sequence int64     `json:"sequence" example:"17"` // of the first record that is missing or wrong
	Kind     string    `json:"kind" enums:"edited,inserted,removed,swapped,cut,rewritten,head,restored"`
	Message  text.Text `json:"message"`
}

// kind is one way in which a chain can be broken. Its words take the place, and
// %[2]d is the place before it.
type kind struct{ name, zh, en string }

var (
	edited = kind{
		"edited",
		"第 %[1]d 条与第 %[2]d 条接不上：两条之中有一条被改动", "record %[1]d does not continue record %[2]d: one of the two was edited",
	}
	inserted   = kind{"inserted", "第 %[1]d 条是后来插入的", "record %[1]d was put in later"}
	behindHead = kind{"inserted", "链尾之后又有第 %[1]d 条：是后来加上的", "record %[1]d lies behind the head of the chain: it was added later"}
	tooYoung   = kind{"inserted", "第 %[1]d 条自称早于审计链，日期却更晚", "record %[1]d claims to be older than the chain, but its date is later"}
	removed    = kind{"removed", "第 %[1]d 条被删去", "record %[1]d was removed"}
	swapped    = kind{"swapped", "第 %[1]d 条与另一条对调", "record %[1]d has changed places with another one"}
	cut        = kind{"cut", "从第 %[1]d 条起到链尾被删去", "the chain was cut: the records from %[1]d up to its head are gone"}

	cutBeforeAnchor = kind{
		"cut",
		"从第 %[1]d 条起被删去：库外留存的锚点证明它们存在过", "the chain was cut: an anchor kept elsewhere proves that there were records from %[1]d on",
	}
	rewritten = kind{
		"rewritten",
		"第 %[1]d 条的哈希与库外留存的锚点不同：它或更早的记录被改写，之后的链重新计算过",
		"record %[1]d has another hash than an anchor kept elsewhere: it or an earlier one was changed, and the chain computed anew from there",
	}
	headDiffers = kind{"head", "链尾所记的哈希与最后一条（第 %[1]d 条）不同", "the head of the chain has another hash than the last record, %[1]d"}
	headMissing = kind{"head", "链尾被删去；最后一条是第 %[1]d 条", "the head of the chain was removed; the last record is %[1]d"}
)

func (v *verification) wrong(sequence int64, k kind) {
	v.report.Fault = &Break{sequence, k.name, text.F(k.zh, k.en, sequence, sequence-1)}
}

// explain says why r does not continue the chain: it continues the record before
// last, so the last one was put in between; or one of those behind it belongs in
// its place; or else it was edited.
func (v *verification) explain(r Record) error {
	at := r.Sequence
	r.Sequence = v.last.Sequence
	if r.Sequence > 0 && r.link(v.before.Hash) == r.Hash {
		v.wrong(r.Sequence, inserted)
		return nil
	}
	var others []Record
	var found bool
	err := v.tx.Where("town_id = ? AND sequence > ?", r.TownID, at).Order("sequence").Limit(database.Batch).Find(&others).Error
	for _, o := range others {
		o.Sequence = at
		hash := o.link(v.last.Hash)
		found = found || hash == o.Hash || hash == r.Hash
	}
	if found {
		v.wrong(at, swapped)
	} else {
		v.wrong(at, edited)
	}
	return err
}
