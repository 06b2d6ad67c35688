// SPDX-License-Identifier: GPL-2.0-only
// Scenarios by kernels. The small number is of PTE tables left over in the last phase.

function matrixView() {
  const rows = new Map();
  for (const cell of SCENARIOS) {
    if (!rows.has(cell.group)) rows.set(cell.group, []);
    rows.get(cell.group).push(cell);
  }
  const guests = new Map();
  for (const cell of SCENARIOS) guests.set(cell.guest, (guests.get(cell.guest) || 0) + 1);
  const usual = [...guests].sort((one, other) => other[1] - one[1])[0]?.[0];
  const links = new Map();
  const columns = KERNELS.filter((kernel) => SCENARIOS.some((cell) => cell.kernel === kernel));
  const heads = columns.map((kernel) => th(breakable(kernel), {'data-kernel': kernel}));
  const body = [...rows].map(([, cells]) => {
    const [first] = cells;
    const [kind, ...rest] = first.label.split('/');
    return el('tr', {'data-kind': first.kind},
      rowHead([el('span', {class: 'muted'}, `${kind}/`), breakable(rest.join('/') || first.label), first.guest === usual ? null : el('span', {class: 'tag'}, first.guest)]),
      columns.map((kernel) => td(
        cells.filter((cell) => cell.kernel === kernel).map((cell) => {
          const link = cellLink(cell, el('span', {class: 'word'}, cell.verdict), el('span', {class: 'left'}, cell.left === null || cell.left === undefined ? '' : number(cell.left)));
          link.className = `cell v-${known(cell.verdict)}`;
          link.title = `${cell.reason}`;
          link.setAttribute('aria-label', `${cell.label} on ${cell.kernel}: ${cell.verdict}${cell.left ? `, ${plural(cell.left, 'PTE table')} left over` : ''}`);
          links.set(cell.cell, link);
          return link;
        }), {'data-kernel': kernel})));
  });
  const none = el('p', {class: 'none', hidden: true}, 'No cell is like that. ', el('button', {type: 'button', class: 'small', onclick: () => go({verdict: new Set(), kernel: new Set(), kind: new Set(), q: ''})}, 'Show all'));
  const grid = table(null, [th('scenario'), heads], body, {class: 'matrix', id: 'matrix'});
  grid.addEventListener('keydown', walk);
  onState(() => {
    const wanted = words();
    for (const cell of SCENARIOS) {
      const link = links.get(cell.cell);
      link.classList.toggle('off', !matches(cell, wanted));
      if (state.cell === cell.cell) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
      link.href = hashOf({cell: cell.cell});
    }
    let shown = 0;
    for (const row of body) {
      row.hidden = !row.querySelector('.cell:not(.off)');
      shown += row.hidden ? 0 : 1;
    }
    for (const node of grid.querySelectorAll('[data-kernel]')) node.hidden = state.kernel.size > 0 && !state.kernel.has(node.dataset.kernel);
    none.hidden = shown > 0;
    grid.hidden = !shown;
  });
  return el('div', null,
    el('div', {class: 'scroll', tabindex: '-1'}, grid), none,
    el('p', {class: 'muted note matrixnote'}, 'The number is of PTE tables left over in the last phase: tables that nobody needs.'));
}

/** Arrow keys go from cell to cell. */
function walk(event) {
  const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
  const from = event.target.closest('td');
  if (!step || !from) return;
  event.preventDefault();
  let row = from.parentElement;
  let at = from.cellIndex;
  for (;;) {
    if (step[0]) row = step[0] > 0 ? row.nextElementSibling : row.previousElementSibling;
    at += step[1];
    const cell = row?.cells[at];
    if (!cell || at < 1) return;
    const link = !row.hidden && !cell.hidden && cell.querySelector('.cell');
    if (link) {
      link.focus();
      return;
    }
  }
}

function filters() {
  const search = el('input', {
    type: 'search', id: 'search', placeholder: 'Search cells and reasons', 'aria-label': 'Search cells and reasons', autocomplete: 'off', spellcheck: 'false',
    oninput: () => go({q: search.value}, true),
  });
  onState(() => {
    if (document.activeElement !== search) search.value = state.q;
  });
  const kinds = [...new Set(SCENARIOS.map((cell) => cell.kind))].filter(Boolean);
  const byKind = kinds.length > 1 ? el('div', {class: 'chips', role: 'group', 'aria-label': 'Filter by kind'}, el('span', {class: 'muted'}, 'kind'), kinds.map((kind) => chip('kind', kind, kind))) : null;
  onState(() => { if (byKind) byKind.hidden = viewName() !== 'matrix'; });
  return el('div', {class: 'filters'}, search, byKind,
    KERNELS.length > 1 ? el('div', {class: 'chips', role: 'group', 'aria-label': 'Filter by kernel'}, el('span', {class: 'muted'}, 'kernel'), KERNELS.map((kernel) => chip('kernel', kernel, kernel))) : null);
}
