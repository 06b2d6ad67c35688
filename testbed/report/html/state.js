// SPDX-License-Identifier: GPL-2.0-only
// What is shown stands in the address behind the #, so that it can be sent to a colleague and gone back to.

const SETS = ['verdict', 'kernel', 'kind'];
const WORDS = ['view', 'cell', 'q', 'show', 'series'];
const state = {};
const listeners = [];

function readState() {
  const told = new Map();
  for (const part of location.hash.slice(1).split('&')) {
    const at = part.indexOf('=');
    if (at > 0) told.set(part.slice(0, at), decode(part.slice(at + 1)));
  }
  for (const name of WORDS) state[name] = told.get(name) || '';
  for (const name of SETS) state[name] = new Set((told.get(name) || '').split(',').filter(Boolean));
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const encode = (text) => encodeURIComponent(text).replace(/%(2F|3A|3D|2B|2C)/g, (code) => decodeURIComponent(code));

/** The address of the present state with some of it changed. */
function hashOf(change = {}) {
  const now = {...state, ...change};
  const parts = [];
  for (const name of [...WORDS, ...SETS]) {
    const value = now[name] instanceof Set ? [...now[name]].join(',') : now[name];
    if (value) parts.push(`${name}=${encode(value)}`);
  }
  return `#${parts.join('&')}`;
}

/** Go to the state; `quietly` leaves no step to go back to, which is for what is typed letter by letter. */
function go(change, quietly = false) {
  const hash = hashOf(change);
  if (hash === (location.hash || '#')) return;
  if (quietly) location.replace(hash);
  else location.hash = hash;
  applyState(); // the event comes later, and the next click may come before it
}

function onState(listener) {
  listeners.push(listener);
}

let applied = null;

function applyState() {
  if (location.hash === applied) return;
  applied = location.hash;
  readState();
  for (const listener of listeners) listener();
}

const words = () => state.q.toLowerCase().split(/\s+/).filter(Boolean);
const has = (text, wanted) => wanted.every((word) => text.includes(word));
