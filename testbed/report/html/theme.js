// SPDX-License-Identifier: GPL-2.0-only
// Light, dark, or as the system has it.

const THEMES = ['auto', 'light', 'dark'];
const STORED = 'testbed-report-theme';
const themed = [];

function storedTheme() {
  try {
    const kept = localStorage.getItem(STORED);
    return THEMES.includes(kept) ? kept : 'auto';
  } catch {
    return 'auto';
  }
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  try {
    localStorage.setItem(STORED, name);
  } catch {
    // a browser may keep nothing for a file: the choice then lasts as long as the page
  }
  redrawThemed();
}

function redrawThemed() {
  for (const redraw of themed) redraw();
}

/** Call `redraw` whenever the colours change: what is drawn does not follow the style sheet by itself. */
function onTheme(redraw) {
  themed.push(redraw);
}

/** The colour that a variable of the style sheet has now, as r, g, b. */
function colour(name) {
  const probe = byId('tip');
  const was = probe.style.color;
  probe.style.color = `var(--${name})`;
  const told = getComputedStyle(probe).color;
  probe.style.color = was;
  return told.match(/[\d.]+/g).slice(0, 3).map(Number);
}

const css = (name) => `rgb(${colour(name).join(',')})`;

function themeButton() {
  const button = el('button', {type: 'button', class: 'theme', id: 'theme'});
  const label = () => {
    const now = document.documentElement.dataset.theme;
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    fill(button, el('span', {'aria-hidden': 'true', class: `sun ${now}`}), now);
    button.setAttribute('aria-label', `Theme: ${now}. Switch to ${next}`);
  };
  button.addEventListener('click', () => {
    const now = document.documentElement.dataset.theme;
    setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
    label();
  });
  label();
  return button;
}

document.documentElement.dataset.theme = storedTheme();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawThemed);
