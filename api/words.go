package api

import (
	"context"
	"maps"

	"bulwark/internal/rest"
	"bulwark/internal/town"
)

// kindWords are the Chinese names of the kinds that the program knows.
var kindWords = map[string]string{
	"quarter": "季度", "half_year": "半年", "year": "年度", "bonus": "加分", "deduction": "扣分", "veto": "一票否决",
	"event": "经验交流", "study_visit": "学习", "case": "案例", "mentor": "导师", "measure": "措施", "person": "人员", "office": "挂钩办",
	"branch": "党组织", "appointment": "聘任", "key": "密钥", "account": "账号", "password": "密码", "sign_in": "外部登录",
	"visit": "走访", "problem": "难题", "report": "汇报", "task": "任务", "analysis": "原因分析", "plan": "提升方案", "item": "提升事项",
	"sheet": "考评表", "returned": "退回的考评表", "visit_due": "走访到期", "visit_overdue": "走访逾期", "problem_due": "难题到期",
	"problem_overdue": "难题逾期", "report_due": "汇报到期", "report_overdue": "汇报逾期", "task_due": "任务到期", "task_overdue": "任务逾期",
	"analysis_due": "原因分析到期", "analysis_overdue": "原因分析逾期", "plan_due": "提升方案到期", "plan_overdue": "提升方案逾期",
	"item_due": "提升事项到期", "item_overdue": "提升事项逾期", "sheet_due": "考评表到期", "sheet_overdue": "考评表逾期",
	"returned_due": "退回的考评表到期", "returned_overdue": "退回的考评表逾期", "ratings": "评分", "derived": "推算", "carried": "沿用",
	"imputed": "插补", "correction": "更正", "contradicted": "不一致", "reported": "上报", "rated": "评分项", "quantity": "基础数据", "waiver": "不适用",
	// what stands in for a missing value
	"exclude": "剔除", "zero": "记零分", "peer_mean": "同组均值", "peer_median": "同组中位数", "class_mean": "同类均值", "carry": "沿用", "fail": "不计分",
}

// statusWords are the Chinese names of the statuses of results and of what is in them.
var statusWords = map[string]string{
	"provisional": "未公布", "not_published": "未公布", "published": "已公布", "final": "已定为最终", "withdrawn": "已撤回", "scored": "已计分",
	"unscored": "未计分", "insufficient": "数据不足", "failed": "无法计算", "closed": "已撤销", "merged": "已合并", "entered": "已填报",
	"missing": "缺失", "imputed": "插补", "carried": "沿用", "not_applicable": "不适用",
}

// tableWords returns the Chinese names of kinds, classes and statuses in tables of the town: those of the town for its
// branches, and those that the program knows.
func (s *Server) tableWords(ctx context.Context, townID string) (rest.Words, error) {
	kinds, classes := maps.Clone(kindWords), map[string]string{}
	if townID != "" {
		list, err := town.ListKinds(ctx, s.db(ctx), townID)
		if err != nil {
			return nil, err
		}
		for _, k := range list {
			kinds[k.Code] = k.Name.In("zh")
		}
		peers, err := town.ListClasses(ctx, s.db(ctx), townID)
		if err != nil {
			return nil, err
		}
		for _, c := range peers {
			classes[c.Code] = c.Name.In("zh")
		}
	}
	return rest.Words{"kind": kinds, "kinds": kinds, "class": classes, "classes": classes, "status": statusWords}, nil
}
