// SPDX-License-Identifier: GPL-2.0-only
// Verdicts and cells: what is asked of them everywhere.

const VERDICTS = ['crash', 'hang', 'fail', 'error', 'flake', 'gap', 'done', 'skip', 'pass'];
const MEANINGS = {
  crash: 'the kernel died, or complained of damage',
  hang: 'no progress until the deadline',
  fail: 'an expectation was not met',
  error: 'could not be judged: the testbed failed, or the channels disagree',
  flake: 'failed, and passed when run again',
  gap: 'a gap that the scenario knows of',
  done: 'measured, nothing was expected',
  skip: 'not run, for the reason told',
  pass: 'all expectations met',
};

const CELLS = new Map(DATA.cells.map((cell) => [cell.cell, cell]));
const KERNELS = [...new Set(DATA.head.kernels.map((kernel) => kernel.name))].filter((name) =>
  DATA.cells.some((cell) => cell.kernel === name));
const SCENARIOS = DATA.cells.filter((cell) => !cell.suite && !cell.bench);
const UNEXPECTED = DATA.cells.filter((cell) => cell.bad);
const siblings = (cell) => DATA.cells.filter((other) => other.group === cell.group);

const known = (verdict) => (VERDICTS.includes(verdict) ? verdict : 'error');

function badge(verdict, extra) {
  return el('span', {class: `badge v-${known(verdict)}`, title: MEANINGS[verdict] || ''}, verdict, extra);
}

function cellLink(cell, ...content) {
  return el('a', {
    href: hashOf({cell: cell.cell}),
    onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      go({cell: cell.cell});
    },
  }, content);
}

const counted = (cells) => VERDICTS
  .map((verdict) => [verdict, cells.filter((cell) => known(cell.verdict) === verdict).length])
  .filter(([, count]) => count);

function matches(cell, wanted = words()) {
  if (state.kernel.size && !state.kernel.has(cell.kernel)) return false;
  if (state.kind.size && !cell.suite && !state.kind.has(cell.kind)) return false;
  if (state.verdict.size && !state.verdict.has(cell.verdict) && !(cell.bad && state.verdict.has('unexpected'))) return false;
  return has(`${cell.cell} ${cell.verdict} ${cell.reason}`.toLowerCase(), wanted);
}

/** A colour, dash and mark for each kernel, the same in every chart. */
function lineOf(kernel) {
  const at = Math.max(0, DATA.head.kernels.findIndex((other) => other.name === kernel));
  return {
    colour: css(`line-${at % 6}`),
    dash: ['solid', 'dash', 'dot', 'dashdot', 'longdash'][at % 5],
    symbol: ['circle', 'square', 'diamond', 'triangle-up', 'cross', 'x'][at % 6],
  };
}
