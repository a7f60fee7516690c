// The review queue: sheets are looked at, selected, and decided on by one request.
import {call, key, offline, Problem, tell} from './api.js';

const zh = document.documentElement.lang === 'zh';
const t = (chinese, english) => (zh ? chinese : english);
const bar = document.getElementById('deciding');
const dialog = document.getElementById('decide');
const sheets = [...document.querySelectorAll('.queue > li')];
const box = (sheet) => sheet.querySelector(':scope > input');
const selected = () => sheets.filter((s) => box(s)?.checked);
let now = -1;
let items = [];
let to = '';

function count() {
	const n = selected().length;
	for (const button of bar.querySelectorAll('[data-to]')) {
		button.disabled = !n;
		button.querySelector('[data-count]').textContent = n ? `(${n})` : '';
	}
	const boxes = sheets.filter(box);
	const all = document.getElementById('all');
	all.checked = n > 0 && n === boxes.length;
	all.indeterminate = n > 0 && n < boxes.length;
}

function go(index) {
	if (index < 0 || index >= sheets.length) return;
	now = index;
	sheets[now].querySelector('summary').focus();
	sheets[now].scrollIntoView({block: 'nearest'});
}

/** States what would happen first; only then the dialog offers the step. */
async function decide(target) {
	const chosen = selected();
	if (!chosen.length) return;
	to = target;
	items = chosen.map((s) => ({id: s.dataset.id, version: Number(s.dataset.version)}));
	const returned = to === 'returned';
	const list = dialog.querySelector('[data-list]');
	list.replaceChildren();
	const line = (words) => {
		const p = document.createElement('p');
		p.textContent = words;
		list.append(p);
	};
	try {
		const body = {to, items, reason: returned ? t('试算', 'trial') : ''};
		const {value} = await call('POST', `/api/v1/towns/${encodeURIComponent(bar.dataset.town)}/evaluations/decide?dry_run=true`, body, {once: key()});
		line(returned ? t(`可以退回${value.done}份，不能退回${value.refused}份。`, `${value.done} can be returned, ${value.refused} cannot.`)
			: t(`可以通过${value.done}份，不能通过${value.refused}份。`, `${value.done} can be approved, ${value.refused} cannot.`));
		value.items.forEach((item, i) => { if (item.status === 'refused') line(`${chosen[i].dataset.name}：${item.message}`); });
		const contradictions = value.contradictions?.length || 0;
		if (contradictions) line(t(`有${contradictions}项与其他已通过的考评表不一致，锁定前须选定采用哪个值。`, `${contradictions} values contradict other approved sheets: one must be chosen before the period is locked.`));
		items = items.filter((_, i) => value.items[i].status === 'ok');
	} catch (problem) {
		tell(problem instanceof Problem ? problem.message : offline);
		return;
	}
	dialog.querySelector('h2').textContent = returned ? t('退回考评表', 'Return the sheets') : t('通过考评表', 'Approve the sheets');
	const yes = dialog.querySelector('[data-yes]');
	yes.textContent = returned ? t('退回', 'Return') : t('通过', 'Approve');
	yes.disabled = !items.length;
	dialog.querySelector('[data-reason]').hidden = !returned;
	dialog.querySelector('[data-due]').hidden = !returned;
	dialog.querySelector('.fault').hidden = true;
	dialog.showModal();
}

function complain(words) {
	const place = dialog.querySelector('.fault');
	place.textContent = words;
	place.hidden = false;
}

if (bar) {
	bar.hidden = !sheets.some(box);
	document.getElementById('all').addEventListener('change', (event) => {
		for (const s of sheets) if (box(s)) box(s).checked = event.target.checked;
		count();
	});
	for (const s of sheets) box(s)?.addEventListener('change', count);
	for (const button of bar.querySelectorAll('[data-to]')) button.addEventListener('click', () => decide(button.dataset.to));
	document.addEventListener('keydown', (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || /^(TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
		const sheet = sheets[now];
		const act = {
			j: () => go(now + 1),
			k: () => go(now - 1),
			x: () => { if (sheet && box(sheet)) { box(sheet).checked = !box(sheet).checked; count(); } },
			a: () => { if (sheet && box(sheet) && !selected().length) { box(sheet).checked = true; count(); } decide('approved'); },
			r: () => { if (sheet && box(sheet) && !selected().length) { box(sheet).checked = true; count(); } decide('returned'); },
		}[event.key];
		if (act) {
			event.preventDefault();
			act();
		}
	});
	document.addEventListener('focusin', (event) => {
		const at = sheets.indexOf(event.target.closest('.queue > li'));
		if (at >= 0) now = at;
	});
	count();
}

dialog.querySelector('[data-no]').addEventListener('click', () => dialog.close());
dialog.querySelector('[data-yes]').addEventListener('click', async (event) => {
	const body = {to, items};
	if (to === 'returned') {
		body.reason = document.getElementById('reason').value.trim();
		if (!body.reason) {
			complain(t('请写明理由', 'Give a reason'));
			document.getElementById('reason').focus();
			return;
		}
		if (document.getElementById('due').value) body.due_on = document.getElementById('due').value;
	}
	event.target.disabled = true;
	try {
		const {value} = await call('POST', `/api/v1/towns/${encodeURIComponent(bar.dataset.town)}/evaluations/decide`, body, {once: key()});
		if (value.refused) tell(t(`${value.refused}份没有改变`, `${value.refused} stayed as they were`));
		location.reload();
	} catch (problem) {
		event.target.disabled = false;
		complain(problem instanceof Problem ? [problem.message, ...problem.errors.map((e) => e.message)].join(' ') : offline);
	}
});
