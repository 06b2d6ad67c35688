// SPDX-License-Identifier: GPL-2.0-only
// What operations cost: the plain kernel's instructions, and of the others how many more, against the budget.

function costsView() {
  return el('div', null, DATA.costs.map(bench));
}

const percent = (ratio, digits = 2) => `${ratio >= 1 ? '+' : '−'}${number(Math.abs(ratio - 1) * 100, digits)} %`;

function bench({name, columns, rows}) {
  const judged = rows.flatMap((row) => row.costs).filter((cost) => cost && cost.within !== null && cost.within !== undefined);
  const over = judged.filter((cost) => !cost.within).length;
  const heads = [th('instructions for one'), columns.map((column) =>
    th([cellLink(CELLS.get(column.cell), breakable(column.kernel)), ' ', badge(column.verdict)], {class: 'num', 'data-kernel': column.kernel})), th('budget', {class: 'num'}), th('error', {class: 'num', title: 'by how much two boots differ, at most'})];
  const body = rows.map((row) => {
    const told = row.costs.filter(Boolean);
    const budget = told.find((cost) => cost.budget !== null)?.budget ?? null;
    const most = Math.max(1e-4, budget || 0, ...told.map((cost) => (cost.ratio === null ? 0 : Math.abs(cost.ratio - 1))));
    const error = Math.max(...told.map((cost) => cost.repeat_error || 0));
    return el('tr', {'data-text': row.operation},
      rowHead(row.operation, {class: 'mono'}),
      row.costs.map((cost, at) => td(cost ? costCell(cost, most * 1.1) : '–', {class: 'num', 'data-kernel': columns[at].kernel})),
      td(budget === null ? el('span', {class: 'muted'}, 'none') : `+${number(budget * 100, budget < 0.01 ? 1 : 0)} %`, {class: 'num'}),
      td(told.length ? error.toExponential(0) : '–', {class: 'num muted'}));
  });
  const grid = table(null, heads, body, {class: 'grid costs'});
  onState(() => {
    const wanted = words();
    for (const row of body) row.hidden = !has(row.dataset.text.toLowerCase(), wanted);
    for (const node of grid.querySelectorAll('[data-kernel]')) node.hidden = state.kernel.size > 0 && !state.kernel.has(node.dataset.kernel);
  });
  return el('section', {class: 'part', 'aria-label': name},
    el('h3', null, name),
    judged.length ? el('p', {class: over ? 'bad' : 'good'}, over ? `${number(over)} of ${number(judged.length)} costs are over their budget` : `All ${number(judged.length)} costs that have a budget are within it`) : null,
    el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `${name}: costs`}, grid),
    el('p', {class: 'muted note'}, 'A bar is the change from the first kernel, to the right where it costs more; each line has its own scale, and the mark is the budget.'));
}

function costCell(cost, most) {
  if (cost.ratio === null || cost.ratio === undefined) return number(cost.instructions);
  const change = cost.ratio - 1;
  const half = 50 * Math.min(1, Math.abs(change) / most);
  const look = cost.within === false ? 'f-over' : cost.within ? 'f-ok' : 'f-plain';
  return [
    el('span', {class: 'change'}, el('b', {class: cost.within === false ? 'bad' : ''}, percent(cost.ratio)), cost.within === false ? el('span', {class: 'bad'}, ' OVER') : null,
      el('br'), el('span', {class: 'muted'}, number(cost.instructions), cost.reclaim === null || cost.reclaim === undefined ? null : `, pass ${number(cost.reclaim)}`)),
    el('span', {class: 'twoway', 'aria-hidden': 'true'},
      el('span', {class: `fill ${look}`, style: change >= 0 ? {left: '50%', width: `${half}%`} : {right: '50%', width: `${half}%`}}),
      el('span', {class: 'zero'}),
      cost.budget === null ? null : el('span', {class: 'limit', style: {left: `${50 + 50 * Math.min(1, cost.budget / most)}%`}})),
  ];
}
