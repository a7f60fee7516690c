package api

import "bulwark/internal/rest"

// labels are the Chinese names of fields and parameters in messages about them.
var labels = rest.Labels{ //nolint:gosec // words about passwords, none of them one
	"account": "账号", "action": "行动", "adjustment": "加减分", "after": "起始标记", "amendment_days": "更正期限（天）",
	"area": "行政区划", "area_code": "区划代码",
	"around": "党组织", "body": "正文", "branch": "党组织", "branches": "党组织", "by": "办理人", "case": "案例", "cases": "案例",
	"cause": "原因", "checks": "检查项", "claim": "主张", "class": "类别", "code": "代码", "combination": "合并方法", "comment": "评语",
	"corrections": "更正", "cost": "成本", "criteria": "评审标准", "description": "说明", "difficulties": "困难", "due_on": "完成期限",
	"duty": "职责", "ends_on": "结束日期", "entries": "填报值", "error": "错误", "evaluator": "考评人", "evidence": "佐证",
	"field": "领域", "finding": "发现", "findings": "发现", "format": "格式", "from": "起始日期", "from_publication": "对比的公布",
	"held_on": "举办日期", "horizon": "年限", "host": "主办党组织", "id": "编号", "indicator": "指标", "indicators": "指标",
	"importance": "重要程度", "judgements": "两两比较", "less": "次要的一方", "method": "方法", "more": "重要的一方",
	"schemes": "指标体系", "share": "党组织完整度",
	"into": "并入的党组织",
	"iss":  "签发者", "issuer": "签发者", "item": "事项", "items": "事项", "judges": "评委", "kind": "类型", "letter": "聘书",
	"level": "层级",
	"links": "链接", "mark": "分数", "max": "上限", "measure": "措施", "measures": "措施", "members": "成员", "name": "名称",
	"next": "下一步",
	"note": "备注", "notice_floor": "公示最少天数", "number": "版本号",
	"of": "对象", "office": "部门", "offices": "部门", "old": "原密码", "on": "日期", "open_results": "公开结果",
	"outcome": "结果", "owner_office": "负责部门", "owner_person": "负责人", "page_size": "每页条数", "page_token": "页标记",
	"parent_code": "上级代码", "password": "密码", "people": "人员", "period": "考评周期", "person": "人员", "persons": "人员",
	"place": "地点", "places": "名额", "plan_item": "提升事项", "points": "要点", "problem": "难题", "problems": "难题",
	"progress": "进展", "projects": "项目", "provenance": "来源", "publication": "公布", "reason": "理由", "remark": "意见",
	"return": "返回地址",
	"role":   "角色", "roles": "角色", "round": "评审轮次", "scheme": "指标体系", "score": "分数", "scores": "分数", "seats": "名额", "second_person": "双人公布",
	"settings": "设置", "severity": "严重程度", "sheet": "考评表", "since": "起始序号", "solved_for": "解决对象", "source": "来源", "span": "范围",
	"starts_on": "开始日期", "state": "状态", "statement": "陈述", "statistical_code": "统计代码", "story": "经过", "subject": "对象",
	"summary": "摘要", "text": "内容", "title": "标题", "to": "目标状态", "token": "令牌", "topic": "主题", "towns": "镇",
	"trim": "去除个数", "until": "截止日期", "url": "网址", "value": "数值", "value_goal": "目标数值", "values": "数值", "version": "版本",
	"visit": "走访", "visited_on": "走访日期", "weight": "权重", "weights": "权重", "zh": "中文", "en": "英文",
}
