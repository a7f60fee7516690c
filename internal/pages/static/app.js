// What every page does: forms, signing out, printing.
import {base, call, offline, Problem, tell} from './api.js';

const storage = ['localStorage', 'sessionStorage'];

function fault(form, problem) {
	for (const old of form.querySelectorAll('small.fault')) old.remove();
	for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
	const rest = [];
	let first = null;
	for (const {pointer, message} of problem.errors || []) {
		const field = form.elements.namedItem(pointer.slice(1));
		if (!field || !field.id) {
			rest.push(message);
			continue;
		}
		const words = document.createElement('small');
		words.className = 'fault';
		words.id = field.id + '-fault';
		words.textContent = message;
		field.setAttribute('aria-invalid', 'true');
		field.setAttribute('aria-errormessage', words.id);
		field.after(words);
		first ??= field;
	}
	const place = form.querySelector('p.fault');
	place.textContent = [problem.message, ...rest].join(' ');
	place.hidden = false;
	(first || form.querySelector('input')).focus();
}

function values(form) {
	const body = {};
	for (const field of form.elements) {
		if (field.name) body[field.name] = field.value;
	}
	return body;
}

async function submit(event) {
	event.preventDefault();
	const form = event.target;
	for (const field of form.querySelectorAll('[data-same]')) {
		if (field.value !== form.elements.namedItem(field.dataset.same).value) {
			fault(form, {message: field.dataset.differs});
			return;
		}
	}
	const [method, path] = form.dataset.api.split(' ');
	const button = form.querySelector('button');
	button.disabled = true;
	try {
		const {value} = await call(method, path, values(form));
		location.assign(value && value.must_change && form.dataset.must
			? form.dataset.must + '?next=' + encodeURIComponent(form.dataset.next) : form.dataset.next);
	} catch (problem) {
		button.disabled = false;
		fault(form, problem instanceof Problem ? problem : {message: offline});
	}
}

async function signOut() {
	try {
		await call('DELETE', '/api/v1/session', undefined, {match: '"1"'});
	} catch (problem) {
		if (!(problem instanceof Problem) || problem.status !== 401) {
			tell(problem instanceof Problem ? problem.message : offline);
			return;
		}
	}
	for (const name of storage) window[name].clear();
	location.assign(base + '/signed-out');
}

for (const form of document.querySelectorAll('form[data-api]')) form.addEventListener('submit', submit);
for (const button of document.querySelectorAll('[data-sign-out]')) button.addEventListener('click', signOut);
for (const button of document.querySelectorAll('[data-print]')) {
	button.hidden = false;
	button.addEventListener('click', () => window.print());
}
for (const menu of document.querySelectorAll('details.menu')) {
	menu.addEventListener('keydown', (event) => {
		if (event.key === 'Escape') {
			menu.open = false;
			menu.querySelector('summary').focus();
		}
	});
}
