// The way of all changes: the API, as the page is shown. No other file sends anything.
const root = document.documentElement;
const base = root.dataset.base;

let token; // that changes of the session need; asked for once

/** Faults of the API, in words of the language of the page. */
export class Problem extends Error {
	constructor(status, body) {
		super(body.detail || body.title || String(status));
		this.status = status;
		this.code = body.code || '';
		this.errors = body.errors || [];
		this.body = body;
	}
}

/** A key that makes a request take effect once, however often it is sent. */
export function key() {
	return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

async function send(method, path, body, headers) {
	const answer = await fetch(base + path, {
		method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin', cache: 'no-store',
	});
	const text = await answer.text();
	let value = null;
	try {
		value = text ? JSON.parse(text) : null;
	} catch {
		value = {title: text.slice(0, 200)};
	}
	if (!answer.ok) throw new Problem(answer.status, value || {});
	return {status: answer.status, value, tag: answer.headers.get('ETag')};
}

async function session() {
	token ??= send('GET', '/api/v1/session', undefined, {'Accept-Language': root.lang}).then((a) => a.value.csrf_token);
	try {
		return await token;
	} catch (fault) {
		token = undefined;
		throw fault;
	}
}

/**
 * Sends a request under the role in which the page is shown. Changes of a session carry its
 * token; those that make something carry a key, so that sending them again does no harm.
 */
export async function call(method, path, body, {match, once} = {}) {
	const headers = {'Accept-Language': root.lang};
	if (root.dataset.role) headers['Act-As'] = root.dataset.role;
	if (body !== undefined) headers['Content-Type'] = 'application/json';
	if (match) headers['If-Match'] = match;
	if (once) headers['Idempotency-Key'] = once;
	if (method !== 'GET' && root.dataset.role !== undefined) headers['X-CSRF-Token'] = await session();
	return send(method, path, body, headers);
}

/** Words for what went wrong before the API answered. */
export const offline = root.lang === 'zh' ? '连接不上服务，请检查网络后重试' : 'The service cannot be reached: check the network and try again';

/** Tells something to the reader, screen readers included, for some seconds. */
export function tell(words) {
	const place = document.getElementById('status');
	place.textContent = words;
	clearTimeout(tell.timer);
	tell.timer = setTimeout(() => { place.textContent = ''; }, 6000);
}

export {base};
