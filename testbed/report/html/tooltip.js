// SPDX-License-Identifier: GPL-2.0-only
// One tooltip for all maps: beside the pointer, within the window.

function showTip(x, y, ...lines) {
  const tip = byId('tip');
  fill(tip, lines.filter(Boolean).map((line) => el('div', null, line)));
  tip.hidden = false;
  const {width, height} = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 6))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 10) : y + 18}px`;
}

function hideTip() {
  byId('tip').hidden = true;
}
