// The entry sheet: a table of branches and columns, or one branch as a form. What is typed is
// kept in this browser at once, and saved row by row through the API.
import {call, key, offline, Problem, tell} from './api.js';

const zh = document.documentElement.lang === 'zh';
const t = (chinese, english) => (zh ? chinese : english);
const sheet = document.getElementById('sheet');
const {town, period, account} = sheet.dataset;
const api = `/api/v1/towns/${encodeURIComponent(town)}`;
const store = `bulwark-draft ${account} ${town} ${period}`;
const week = 7 * 24 * 3600 * 1000;
const pause = 1500; // after the last key, before a row is saved
const again = 3000; // before what failed for want of a network is sent again

// Columns by code.
const columns = new Map();
for (const head of sheet.querySelectorAll('[data-code]')) {
	const d = head.dataset;
	columns.set(d.code, {
		code: d.code, name: d.name, unit: d.unit || '', bounds: d.bounds,
		min: d.min === undefined ? -Infinity : Number(d.min), max: d.max === undefined ? Infinity : Number(d.max),
		decimals: d.decimals === undefined ? Infinity : Number(d.decimals), levels: d.levels ? d.levels.split('|') : null,
		waivable: 'waivable' in d, waiver: d.kind === 'waiver',
		medians: new Map((d.medians || '').split(' ').filter(Boolean).map((m) => m.split('='))),
	});
}

const waived = t('不适用', 'n/a');

/** What was meant by what was typed: full-width digits, signs and letters, spaces, percent. */
function clean(text, column) {
	let s = text.normalize('NFKC').replace(/[。．]/g, '.').replace(/[−－—–]/g, '-').trim();
	if (column.levels) return s;
	if (/^(不适用|n\/?a|n\.a\.)$/i.test(s)) return waived;
	s = s.replace(/\s/g, '');
	if (column.unit === '%') s = s.replace(/%$/, '');
	if (/^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(s)) s = s.replace(/,/g, '');
	s = s.replace(/^\+/, '').replace(/^(-?)\./, '$10.').replace(/\.$/, '');
	return s;
}

/** The entry of a cell, or what is wrong with it. Nothing typed is null. */
function entryOf(cell) {
	const {column, text} = cell;
	if (text === '') return {entry: null};
	const kept = {};
	if (cell.evidence) kept.evidence = cell.evidence;
	if (cell.source) kept.source = cell.source;
	if (text === waived) {
		return column.waivable ? {entry: {not_applicable: true, ...kept}} : {fault: t('此项不能填“不适用”', 'this always applies')};
	}
	if (column.waiver) return {fault: t(`此项由其他数计算，只能填“${waived}”`, `this is computed: only “${waived}” can be entered`)};
	if (column.levels) {
		return column.levels.includes(text) ? {entry: {level: text, ...kept}}
			: {fault: t(`请填 ${column.levels.join('、')} 之一`, `use one of ${column.levels.join(', ')}`)};
	}
	if (!/^-?\d+(\.\d+)?$/.test(text)) return {fault: t('应为数字', 'this should be a number')};
	const value = Number(text);
	if (value < column.min || value > column.max) return {fault: t(`超出范围：${column.bounds}`, `out of range: ${column.bounds}`)};
	if ((text.split('.')[1] || '').replace(/0+$/, '').length > column.decimals) {
		return {fault: t(`最多${column.decimals}位小数`, `at most ${column.decimals} decimals`)};
	}
	return {entry: {value, ...kept}};
}

// Rows and cells. A cell has what is typed (text), what the service has (base), and the fault.
const rows = new Map();
const cells = new Map(); // by input
const grid = []; // lines of inputs as they are on the screen
for (const element of sheet.querySelectorAll('[data-branch]')) {
	const d = element.dataset;
	const row = {
		element, branch: d.branch, name: d.name, class: d.class, id: d.sheet, version: Number(d.version) || 0, verbs: d.verbs.split(' '),
		cells: new Map(), once: null, timer: 0, running: false, state: '', words: element.querySelector('[data-state]'),
	};
	row.shown = row.words.textContent;
	rows.set(row.branch, row);
	for (const input of element.querySelectorAll('input[data-c]')) {
		const column = columns.get(input.dataset.c);
		const cell = {
			input, row, column, text: input.value, base: input.value, evidence: input.dataset.evidence || '',
			baseEvidence: input.dataset.evidence || '', source: input.dataset.source || '', last: input.dataset.last || '', fault: '', theirs: undefined,
		};
		row.cells.set(column.code, cell);
		cells.set(input, cell);
	}
}
for (const line of sheet.querySelectorAll('tbody tr')) {
	const inputs = [...line.children].map((place) => (place.tagName === 'TD' ? place.querySelector('input[data-c]') : null)).slice(1);
	if (inputs.some(Boolean)) {
		inputs.forEach((input, column) => { if (input) Object.assign(cells.get(input), {y: grid.length, x: column}); });
		grid.push(inputs);
	}
}

const dirty = (cell) => cell.text !== cell.base || cell.evidence !== cell.baseEvidence;
const unsaved = (row) => [...row.cells.values()].filter(dirty);

// What is not saved yet stays in this browser, per account, for a week.
function keep() {
	const all = {};
	for (const row of rows.values()) {
		for (const cell of unsaved(row)) {
			(all[row.branch] ??= {})[cell.column.code] = [cell.text, cell.evidence];
		}
	}
	try {
		if (Object.keys(all).length) localStorage.setItem(store, JSON.stringify({at: Date.now(), rows: all}));
		else localStorage.removeItem(store);
	} catch { /* a browser that keeps nothing still saves */ }
}

function kept() {
	try {
		const draft = JSON.parse(localStorage.getItem(store) || 'null');
		if (draft && Date.now() - draft.at < week) return draft.rows;
		localStorage.removeItem(store);
	} catch { /* nothing is kept */ }
	return null;
}

// States in words.
const said = {
	dirty: t('未保存', 'not saved'), saving: t('保存中…', 'saving …'), saved: t('已保存', 'saved'), offline: t('离线，已存本机', 'offline, kept here'),
	conflict: t('与他人冲突', 'changed by somebody else'), refused: t('未能保存', 'refused'), fault: t('有错误', 'has mistakes'),
	'sign-in': t('请重新登录', 'sign in again'),
};

function show(row, state, more = '') {
	row.state = state;
	row.element.dataset.rowState = state;
	row.words.textContent = (said[state] || row.shown) + (more ? `：${more}` : '');
	count();
}

function mark(cell) {
	const {input} = cell;
	if (cell.fault) input.setAttribute('aria-invalid', 'true'); else input.removeAttribute('aria-invalid');
	input.classList.toggle('unsaved', dirty(cell));
	input.classList.toggle('clash', cell.theirs !== undefined);
	let words = input.parentElement.querySelector('small.fault');
	if (!cell.fault) words?.remove();
	else {
		if (!words) {
			words = document.createElement('small');
			words.className = 'fault';
			words.id = `f-${cell.row.branch}-${cell.column.code}`;
			input.after(words);
			input.setAttribute('aria-describedby', words.id);
		}
		words.textContent = cell.fault;
	}
	if (document.activeElement === input) describe(cell);
}

const tally = document.getElementById('tally');
const submitButton = document.getElementById('submit');

function count() {
	const of = {};
	for (const row of rows.values()) of[row.state] = (of[row.state] || 0) + 1;
	const parts = ['saved', 'saving', 'dirty', 'fault', 'conflict', 'refused', 'offline', 'sign-in'].filter((s) => of[s]).map((s) => `${said[s]} ${of[s]}`);
	tally.textContent = parts.join(' · ');
	submitButton.disabled = !ready().length;
}

const ready = () => [...rows.values()].filter((r) => r.id && r.verbs.includes('submit') && !unsaved(r).length);

/** Takes what was typed into a cell, and plans to save its row. */
function change(cell, text, evidence = cell.evidence) {
	if (cell.input.readOnly) return false;
	const now = clean(text, cell.column);
	if (now === cell.text && evidence === cell.evidence) return false;
	cell.text = now;
	cell.evidence = evidence;
	cell.fault = entryOf(cell).fault || '';
	mark(cell);
	plan(cell.row);
	return true;
}

function plan(row, delay = pause) {
	clearTimeout(row.timer);
	const left = unsaved(row);
	if (!left.length) {
		if (!row.running) show(row, row.state === '' ? '' : 'saved');
		return;
	}
	if (!row.running && !['offline', 'conflict'].includes(row.state)) show(row, left.every((c) => c.fault) ? 'fault' : 'dirty');
	row.timer = setTimeout(() => save(row), delay);
}

/** Saves what is right in a row by one request. What is wrong stays, with its words. */
async function save(row) {
	clearTimeout(row.timer);
	if (row.running) return; // it plans itself again
	const sent = new Map();
	for (const cell of unsaved(row)) {
		const {entry, fault} = entryOf(cell);
		if (!fault && cell.theirs === undefined && !cell.refused) sent.set(cell, {entry, text: cell.text, evidence: cell.evidence});
	}
	if (!sent.size) {
		settle(row);
		return;
	}
	row.running = true;
	row.failure = '';
	show(row, 'saving');
	let wait = 0;
	try {
		const {value} = row.id ? await patch(row, sent) : await begin(row, sent);
		row.id = value.id;
		row.version = value.version;
		row.element.dataset.sheet = value.id;
		row.element.dataset.version = value.version;
		row.once = null;
		row.verbs = value.allowed || row.verbs;
		for (const [cell, was] of sent) {
			cell.base = was.text;
			cell.baseEvidence = was.evidence;
		}
	} catch (problem) {
		wait = await failed(row, sent, problem);
	}
	row.running = false;
	keep();
	for (const cell of sent.keys()) mark(cell);
	settle(row);
	if (wait) plan(row, wait);
}

/** States where a row is, and saves on where more was typed meanwhile. */
function settle(row) {
	const left = unsaved(row);
	if (['offline', 'refused', 'sign-in'].includes(row.failure)) {
		show(row, row.failure, row.why);
		return;
	}
	if (left.some((c) => c.theirs !== undefined)) show(row, 'conflict');
	else if (left.some((c) => c.fault || c.refused)) show(row, 'fault');
	else if (left.length) plan(row);
	else show(row, 'saved');
}

function begin(row, sent) {
	const entries = [...sent].filter(([, s]) => s.entry).map(([cell, s]) => ({code: cell.column.code, ...s.entry}));
	// the same request gets the same key, so that an answer that was lost makes no second sheet
	const body = {period, branch: row.branch, entries};
	const text = JSON.stringify(body);
	if (row.once?.text !== text) row.once = {text, key: key()};
	return call('POST', `${api}/evaluations`, body, {once: row.once.key});
}

function patch(row, sent) {
	const entries = Object.fromEntries([...sent].map(([cell, s]) => [cell.column.code, s.entry]));
	return call('PATCH', `${api}/evaluations/${row.id}`, {entries}, {match: `"${row.version}"`});
}

/** Takes a failure into account and returns after how long to try again; 0: not by itself. */
async function failed(row, sent, problem) {
	row.failure = '';
	row.why = '';
	if (!(problem instanceof Problem) || problem.status >= 500) {
		row.failure = 'offline';
		return again;
	}
	switch (problem.status) {
	case 401:
		row.failure = 'sign-in';
		signInAgain();
		return 0;
	case 429:
		return again;
	case 412:
		return merge(row, sent);
	case 409:
		if (!row.id) return merge(row, sent); // somebody began it in another window
	}
	const codes = new Map([...sent.keys()].map((c) => [c.column.code, c]));
	const listed = [...sent.keys()].filter((c) => sent.get(c).entry); // as begin sends them
	let found = false;
	for (const {pointer, message} of problem.errors) {
		const m = /^\/entries\/([^/]+)/.exec(pointer);
		const cell = m && (codes.get(m[1].replace(/~1/g, '/').replace(/~0/g, '~')) || (row.id ? null : listed[Number(m[1])]));
		if (cell) {
			cell.fault = message;
			cell.refused = cell.text;
			found = true;
		}
	}
	if (found) return sent.size > problem.errors.length ? 1 : 0; // the rest goes alone
	row.failure = 'refused';
	row.why = problem.message;
	return 0;
}

/** Reads what somebody else saved. Cells that only one of both has changed are no conflict. */
async function merge(row, sent) {
	let value;
	try {
		if (row.id) ({value} = await call('GET', `${api}/evaluations/${row.id}`));
		else {
			const form = (await call('GET', `${api}/periods/${encodeURIComponent(period)}/entry`)).value;
			const other = form.rows.find((r) => r.branch.code === row.branch);
			value = {id: other.sheet, version: other.version, entries: other.entries, allowed: other.allowed};
		}
	} catch {
		row.failure = 'offline';
		return again;
	}
	if (!value.id || !(value.allowed.includes('write') || value.allowed.includes('submit'))) {
		row.failure = 'refused';
		row.why = t('考评表已不能修改，请重新打开本页', 'the sheet cannot be changed any more: open this page again');
		return 0;
	}
	row.id = value.id;
	row.version = value.version;
	row.verbs = value.allowed;
	const theirs = new Map((value.entries || []).map((e) => [e.code, e]));
	for (const cell of row.cells.values()) {
		const e = theirs.get(cell.column.code);
		const text = !e ? '' : e.not_applicable ? waived : e.level ?? String(e.value);
		const evidence = e?.evidence || '';
		if (text === cell.base && evidence === cell.baseEvidence) continue; // nobody else changed it
		const mine = dirty(cell);
		cell.base = text;
		cell.baseEvidence = evidence;
		if (!mine) {
			cell.text = text;
			cell.evidence = evidence;
			cell.input.value = text;
		} else if (text !== cell.text) {
			cell.theirs = text;
		}
		mark(cell);
	}
	return [...sent.keys()].some((c) => dirty(c) && c.theirs === undefined) ? 1 : 0;
}

function signInAgain() {
	tell(t('登录已失效，填写的内容仍在本机。请在新窗口登录后返回，会自动保存。', 'The session has ended; what you typed is kept here. Sign in in another window and come back: it is saved by itself.'));
}

// The panel about the cell that is being filled.
const panel = document.getElementById('panel');
const evidence = document.getElementById('evidence');
let current = null;

function describe(cell) {
	current = cell;
	panel.hidden = false;
	const median = cell.row.class && cell.column.medians.get(cell.row.class);
	panel.querySelector('[data-name]').textContent = `${cell.row.name} · ${cell.column.name}`;
	panel.querySelector('[data-bounds]').textContent = [
		cell.column.unit, cell.column.bounds, cell.last && t(`上期 ${cell.last}`, `last ${cell.last}`), median && t(`同类中位数 ${median}`, `class median ${median}`),
	].filter(Boolean).join(' · ');
	panel.querySelector('[data-fault]').textContent = cell.fault;
	evidence.value = cell.evidence;
	evidence.readOnly = cell.input.readOnly;
	const clash = panel.querySelector('.conflict');
	clash.hidden = cell.theirs === undefined;
	if (cell.theirs !== undefined) {
		clash.querySelector('span').textContent = t(`对方填了“${cell.theirs || '空'}”，您填了“${cell.text || '空'}”。`,
			`Somebody else has “${cell.theirs || 'nothing'}”, you have “${cell.text || 'nothing'}”.`);
	}
}

evidence.addEventListener('input', () => {
	if (!current) return;
	change(current, current.text, evidence.value.trim());
	keep();
});

panel.addEventListener('click', (event) => {
	const mine = event.target.closest('[data-mine]');
	if (!current || !mine && !event.target.closest('[data-theirs]')) return;
	if (!mine) {
		current.text = current.theirs;
		current.evidence = current.baseEvidence;
		current.input.value = current.text;
	}
	current.theirs = undefined;
	current.fault = entryOf(current).fault || '';
	mark(current);
	keep();
	plan(current.row, 1);
	current.input.focus();
});

// Selection, keys, undo.
let anchor = null; // where a selection begins
let reach = null; // and where it ends
let runStart = null; // column in which a run of Tab began
let editing = false; // F2: arrows move the caret
let typed = false; // the cell has keys that are not taken yet
const undo = [];

function area() {
	if (!anchor || !reach) return [];
	const [a, b] = [cells.get(anchor), cells.get(reach)];
	const list = [];
	for (let y = Math.min(a.y, b.y); y <= Math.max(a.y, b.y); y++) {
		for (let x = Math.min(a.x, b.x); x <= Math.max(a.x, b.x); x++) list.push({x, y, input: grid[y]?.[x]});
	}
	return list;
}

function select(from, to) {
	for (const old of sheet.querySelectorAll('.selected')) old.classList.remove('selected');
	anchor = from;
	reach = to;
	if (from && to && from !== to) for (const {input} of area()) input?.parentElement.classList.add('selected');
}

function at(x, y) {
	return grid[y]?.[x] || null;
}

/** The next cell in a direction that can be filled. */
function beside(cell, dx, dy) {
	for (let x = cell.x + dx, y = cell.y + dy; y >= 0 && y < grid.length && x >= 0 && x < grid[y].length; x += dx, y += dy) {
		if (at(x, y)) return at(x, y);
	}
	return null;
}

function go(input) {
	if (!input) return;
	input.focus();
	input.scrollIntoView({block: 'nearest', inline: 'nearest'});
}

/** Takes the text of the field as what the cell has. */
function take(input) {
	const cell = cells.get(input);
	const before = [cell.text, cell.evidence];
	typed = false;
	if (change(cell, input.value)) undo.push([[cell, ...before]]);
	if (input.value !== cell.text) input.value = cell.text;
	keep();
}

/** Changes many cells as one step that can be undone. */
function changeAll(list) {
	const step = [];
	for (const [cell, text] of list) {
		const before = [cell.text, cell.evidence];
		if (change(cell, text)) {
			step.push([cell, ...before]);
			cell.input.value = cell.text;
		}
	}
	if (step.length) undo.push(step);
	keep();
	return step.length;
}

sheet.addEventListener('focusin', (event) => {
	const cell = cells.get(event.target);
	if (!cell) return;
	editing = false;
	typed = false;
	event.target.select();
	if (!event.target.closest('.selected')) select(event.target, event.target);
	describe(cell);
	for (const row of rows.values()) if (row !== cell.row && unsaved(row).length && !['offline', 'conflict'].includes(row.state)) plan(row, 1);
});

sheet.addEventListener('input', (event) => {
	const cell = cells.get(event.target);
	if (!cell) return;
	typed = true;
	// kept at once, taken when the cell is left or nothing is typed for a moment
	const now = clean(event.target.value, cell.column);
	if (cell.before === undefined) cell.before = [cell.text, cell.evidence];
	if (!event.isComposing) change(cell, event.target.value);
	if (cell.refused !== undefined && now !== cell.refused) cell.refused = undefined;
	keepSoon();
});

sheet.addEventListener('compositionend', (event) => {
	const cell = cells.get(event.target);
	if (cell && change(cell, event.target.value)) keepSoon();
});

let soon = 0;
function keepSoon() {
	soon ||= setTimeout(() => { soon = 0; keep(); }, 150);
}

sheet.addEventListener('focusout', (event) => {
	const cell = cells.get(event.target);
	if (!cell) return;
	if (cell.before !== undefined) {
		const step = [cell, ...cell.before];
		cell.before = undefined;
		if (event.target.value !== cell.text) change(cell, event.target.value);
		if (step[1] !== cell.text) undo.push([step]);
	}
	event.target.value = cell.text;
	keep();
});

sheet.addEventListener('mousedown', (event) => {
	if (!event.shiftKey || !cells.has(event.target) || !anchor) return;
	event.preventDefault();
	select(anchor, event.target);
});

sheet.addEventListener('click', (event) => {
	if (cells.has(event.target) && document.activeElement === event.target && event.detail > 1) editing = true;
});

const steps = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]};

sheet.addEventListener('keydown', (event) => {
	const input = event.target;
	const cell = cells.get(input);
	if (!cell || event.isComposing || event.keyCode === 229) return;
	const control = event.ctrlKey || event.metaKey;
	const move = steps[event.key];
	if (move && !control && !event.altKey) {
		if (editing && move[0]) return;
		event.preventDefault();
		runStart = null;
		const from = event.shiftKey && reach ? reach : input;
		const next = beside(cells.get(from), ...move);
		if (event.shiftKey) {
			if (next) select(anchor || input, next);
		} else if (next) {
			select(next, next);
			go(next);
		}
		return;
	}
	if (event.key === 'Tab') {
		if (!event.shiftKey && runStart === null) runStart = cell.x;
		select(null, null);
	} else if (event.key === 'Enter') {
		event.preventDefault();
		const x = runStart ?? cell.x;
		runStart = null;
		let next = null;
		for (let y = cell.y + (event.shiftKey ? -1 : 1); y >= 0 && y < grid.length && !next; y += event.shiftKey ? -1 : 1) next = at(x, y);
		if (next) {
			select(next, next);
			go(next);
		} else {
			input.blur();
			input.focus();
		}
	} else if (event.key === 'F2') {
		event.preventDefault();
		editing = true;
		input.setSelectionRange(input.value.length, input.value.length);
	} else if (event.key === 'Escape') {
		if (cell.before !== undefined) {
			input.value = cell.before[0];
			change(cell, cell.before[0], cell.before[1]);
			cell.before = undefined;
		}
		select(input, input);
		input.select();
		typed = editing = false;
	} else if ((event.key === 'Delete' || event.key === 'Backspace') && anchor !== reach && area().length > 1) {
		event.preventDefault();
		changeAll(area().filter((p) => p.input).map((p) => [cells.get(p.input), '']));
	} else if (control && event.key.toLowerCase() === 'z' && !typed) {
		event.preventDefault();
		const step = undo.pop();
		for (const [c, text, evidenceBefore] of step || []) {
			change(c, text, evidenceBefore);
			c.input.value = c.text;
		}
		keep();
	} else if (control && event.key.toLowerCase() === 'd') {
		event.preventDefault();
		let list = area();
		if (list.length < 2) list = [{x: cell.x, y: cell.y - 1, input: at(cell.x, cell.y - 1)}, {x: cell.x, y: cell.y, input}];
		const top = Math.min(...list.map((p) => p.y));
		changeAll(list.filter((p) => p.y > top && p.input && at(p.x, top)).map((p) => [cells.get(p.input), cells.get(at(p.x, top)).text]));
	}
});

sheet.addEventListener('copy', (event) => {
	const list = area();
	if (list.length < 2) return;
	const lines = new Map();
	for (const p of list) lines.set(p.y, [...(lines.get(p.y) || []), p.input ? cells.get(p.input).text : '']);
	event.clipboardData.setData('text/plain', [...lines.values()].map((l) => l.join('\t')).join('\n'));
	event.preventDefault();
});

sheet.addEventListener('paste', (event) => {
	const cell = cells.get(event.target);
	const text = event.clipboardData.getData('text/plain');
	if (!cell || !/[\t\n\r]/.test(text.replace(/[\r\n]+$/, '')) && area().length < 2) return;
	event.preventDefault();
	const block = text.replace(/\r\n?/g, '\n').replace(/\n$/, '').split('\n').map((l) => l.split('\t'));
	const places = area();
	const x0 = Math.min(...places.map((p) => p.x), cell.x);
	const y0 = Math.min(...places.map((p) => p.y), cell.y);
	const list = [];
	let lost = 0;
	if (block.length === 1 && block[0].length === 1) { // one value for the whole selection
		for (const p of places) if (p.input) list.push([cells.get(p.input), block[0][0]]);
	} else {
		block.forEach((line, dy) => line.forEach((value, dx) => {
			const input = at(x0 + dx, y0 + dy);
			if (input && !input.readOnly) list.push([cells.get(input), value]);
			else if (value.trim()) lost++;
		}));
	}
	const done = changeAll(list);
	tell(t(`粘贴了${done}格`, `${done} cells were pasted`) + (lost ? t(`，${lost}格不能填写，已略过`, `, ${lost} could not be filled and were left out`) : ''));
});

// The network comes back; the tab goes away.
function resume() {
	for (const row of rows.values()) {
		if (unsaved(row).length && ['offline', 'sign-in'].includes(row.state)) {
			row.failure = '';
			plan(row, 1);
		}
	}
}
window.addEventListener('online', resume);
window.addEventListener('focus', resume);
window.addEventListener('pagehide', keep);
document.addEventListener('visibilitychange', () => {
	if (document.visibilityState !== 'hidden') return;
	keep();
	for (const row of rows.values()) if (unsaved(row).length) save(row);
});

// What was not saved before is offered again.
const bar = document.getElementById('drafts');
const draft = kept();
if (draft) {
	const found = [];
	for (const [branch, values] of Object.entries(draft)) {
		for (const [code, [text, proof]] of Object.entries(values)) {
			const cell = rows.get(branch)?.cells.get(code);
			if (cell && !cell.input.readOnly && (text !== cell.base || proof !== cell.baseEvidence)) found.push([cell, text, proof]);
		}
	}
	if (found.length) {
		bar.hidden = false;
		bar.querySelector('span').textContent = t(`${found.length}格`, `${found.length} cells`);
		bar.querySelector('[data-restore]').addEventListener('click', () => {
			bar.hidden = true;
			for (const [cell, text, proof] of found) {
				change(cell, text, proof);
				cell.input.value = cell.text;
			}
			keep();
		});
		bar.querySelector('[data-discard]').addEventListener('click', () => {
			bar.hidden = true;
			keep();
		});
	} else {
		keep();
	}
}

// Submission: what would happen first, then the step.
const dialog = document.getElementById('confirm');
const path = `${api}/periods/${encodeURIComponent(period)}/entry/submit`;
let items = [];

submitButton.addEventListener('click', async () => {
	items = ready().map((r) => ({id: r.id, version: r.version}));
	submitButton.disabled = true;
	try {
		const {value} = await call('POST', `${path}?dry_run=true`, {items}, {once: key()});
		const list = dialog.querySelector('[data-list]');
		list.replaceChildren();
		const line = (words) => {
			const p = document.createElement('p');
			p.textContent = words;
			list.append(p);
		};
		line(t(`可以提交${value.done}份，不能提交${value.refused}份。`, `${value.done} can be submitted, ${value.refused} cannot.`));
		for (const item of value.items) {
			const name = item.branch?.name || item.sheet;
			if (item.refused) line(`${name}：${item.refused.message}`);
			else if (item.unfilled.length) line(t(`${name}：还有${item.unfilled.length}项没有填`, `${name}: ${item.unfilled.length} values are not filled`));
		}
		items = items.filter((_, i) => !value.items[i].refused);
		dialog.querySelector('[data-yes]').disabled = !items.length;
		dialog.querySelector('.fault').hidden = true;
		dialog.showModal();
	} catch (problem) {
		tell(problem instanceof Problem ? problem.message : offline);
	}
	count();
});

dialog.querySelector('[data-no]').addEventListener('click', () => dialog.close());
dialog.querySelector('[data-yes]').addEventListener('click', async (event) => {
	event.target.disabled = true;
	try {
		await call('POST', path, {items}, {once: key()});
		location.reload();
	} catch (problem) {
		const words = dialog.querySelector('.fault');
		words.hidden = false;
		words.textContent = problem instanceof Problem ? [problem.message, ...problem.errors.map((e) => e.message)].join(' ') : offline;
		event.target.disabled = false;
	}
});

count();
