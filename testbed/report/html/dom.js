// SPDX-License-Identifier: GPL-2.0-only
// Elements are made by hand, and what a guest said only ever becomes text.

const byId = (id) => document.getElementById(id);

/** Make an element: `on…` attributes are functions, `style` is a map, null leaves out; children are nodes or texts. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style') for (const [key, what] of Object.entries(value)) node.style.setProperty(key, what);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  add(node, children);
  return node;
}

function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

function fill(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

const number = (value, digits = 0) =>
  value === null || value === undefined
    ? '–'
    : value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});

const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** A long name that may be broken where a person would break it. */
function breakable(name) {
  const parts = name.split(/(?<=[-+/:])/);
  return parts.flatMap((part, at) => (at ? [document.createElement('wbr'), part] : [part]));
}

function table(caption, heads, rows, attributes) {
  return el(
    'table',
    attributes,
    caption && el('caption', null, caption),
    el('thead', null, el('tr', null, heads)),
    el('tbody', null, rows),
  );
}

const th = (text, attributes) => el('th', {scope: 'col', ...attributes}, text);
const rowHead = (text, attributes) => el('th', {scope: 'row', ...attributes}, text);
const td = (content, attributes) => el('td', attributes, content);

function say(text) {
  byId('said').textContent = text;
}

/** A text that is meant to be taken along, with a button that does so. */
function copyable(label, text) {
  const shown = el('pre', {class: 'line', tabindex: '0', 'aria-label': label}, text);
  const button = el('button', {type: 'button', class: 'small', onclick: () => copy(text, shown, button)}, 'Copy');
  button.setAttribute('aria-label', `Copy: ${label}`);
  return el('div', {class: 'copyable'}, el('div', {class: 'over'}, el('h4', null, label), button), shown);
}

async function copy(text, shown, button) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    // a browser that lets no page write there may still copy what is selected
    if (shown) {
      getSelection().selectAllChildren(shown);
      done = document.execCommand('copy');
    }
  }
  const was = button.textContent;
  button.textContent = done ? 'Copied' : 'Selected: copy by hand';
  say(button.textContent);
  setTimeout(() => { button.textContent = was; }, 1500);
}
