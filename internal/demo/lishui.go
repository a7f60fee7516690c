package demo

import (
	"context"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

//go:embed lishui-branches.csv
var lishuiCSV string

// lishui creates the real town: names and their sources, the example scheme, and no
// scores.
func (s *story) lishui(ctx context.Context, tx *gorm.DB) error {
	const code = "lishui"
	_, err := town.Create(ctx, tx, town.Town{
		Code: code, AreaCode: "440605126", Name: text.Text{ZH: "里水镇", EN: "Lishui"},
		OpenResults: true, Provenance: "press report of July 2023",
		Safeguards: town.Safeguards{LeastScored: town.UsualLeastScored},
	})
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(strings.NewReader(lishuiCSV)).ReadAll()
	if err != nil {
		return fmt.Errorf("lishui-branches.csv: %w", err)
	}
	for _, row := range rows[1:] {
		b, err := lishuiBranch(code, row)
		if err != nil {
			return err
		}
		if _, err := town.CreateBranch(ctx, tx, b, ""); err != nil {
			return fmt.Errorf("%s: %w", b.Code, err)
		}
	}
	_, err = town.CreateSubBranch(ctx, tx, town.SubBranch{
		TownID: code, BranchCode: "lishui", Code: "dazhou",
		Name: text.Text{
			ZH: "里水社区大洲经济社党支部", EN: "Dazhou cooperative, Lishui community",
		}, Provenance: "press report of July 2023",
	})
	if err != nil {
		return err
	}
	return activateFiveForces(ctx, tx, code)
}

// lishuiBranch reads code, name, kind and provenance. A statistical code is an
// attribute; the public code is the name in pinyin.
func lishuiBranch(townID string, row []string) (town.Branch, error) {
	pinyin, ok := pinyinOf[row[1]]
	if !ok {
		return town.Branch{}, fmt.Errorf("lishui-branches.csv: no pinyin for %s", row[1])
	}
	b := town.Branch{Name: text.Text{ZH: row[1], EN: strings.ToUpper(pinyin[:1]) + pinyin[1:]}, Kind: row[2]}
	b.Life = town.Life{TownID: townID, Code: pinyin, Provenance: row[3]}
	if row[0] != "" {
		b.StatisticalCode = &row[0]
	}
	return b, nil
}

func activateFiveForces(ctx context.Context, tx *gorm.DB, townID string) error {
	d, err := scheme.FiveForces()
	if err != nil {
		return err
	}
	ctx = access.WithPrincipal(ctx, access.Principal{Towns: []string{townID}}.Holding(policy.LeadingGroup))
	v, err := scheme.Create(ctx, tx, townID, d)
	if err != nil {
		return err
	}
	_, err = scheme.Activate(ctx, tx, v.Ref(), nil)
	return err
}

var shanghai = day.Zone

var pinyinOf = map[string]string{
	"沙涌社区": "shachong", "草场社区": "caochang", "河村社区": "hecun", "甘蕉社区": "ganjiao", "胜利社区": "shengli",
	"大步社区": "dabu", "洲村社区": "zhoucun", "大冲社区": "dachong", "大石社区": "dashi", "邓岗社区": "denggang",
	"和顺社区": "heshun", "里水社区": "lishui", "金溪社区": "jinxi", "流潮社区": "liuchao", "共同社区": "gongtong",
	"白岗社区": "baigang", "文教社区": "wenjiao", "金利社区": "jinli", "新兴社区": "xinxing", "新联社区": "xinlian",
	"金峰洲社区": "jinfengzhou", "金旗峰社区": "jinqifeng", "得胜村": "desheng", "宏岗村": "honggang", "赤山村": "chishan",
	"麻奢村": "mashe", "布新村": "buxin", "岗联村": "ganglian", "北沙村": "beisha", "瑶头村": "yaotou",
	"鹤峰村": "hefeng", "贤僚村": "xianliao", "鲁岗村": "lugang", "汤村": "tangcun", "小布村": "xiaobu",
	"建星村": "jianxing", "逢涌村": "fengchong", "石塘村": "shitang", "和桂工业园社区": "heguigongyeyuan", "海南洲社区": "hainanzhou",
}
