// SPDX-License-Identifier: GPL-2.0-only
// Tests by kernels, held against the suite's baseline.

function suitesView() {
  return el('div', null, DATA.suites.map(suite));
}

function suite({name, kernels, baseline, differences, passing, uncompared, tests}) {
  const worse = differences.filter((one) => one.worse);
  const marked = new Map();
  for (const one of differences) {
    const key = `${one.test}\n${one.kernel}`;
    if (!marked.get(key)?.worse) marked.set(key, one);
  }
  const rows = tests.map((test) => el('tr', null,
    rowHead(test.name, {class: 'mono'}),
    test.kernels.map((attempts, at) => td(attempts.length ? attempts.map((one) => testLink(one, marked.get(`${test.name}\n${kernels[at]}`))) : el('span', {class: 'muted'}, '–'), {'data-kernel': kernels[at]}))));
  const grid = table(null, [th('test'), kernels.map((kernel) => th([breakable(kernel), kernel === baseline ? el('span', {class: 'tag'}, 'baseline') : null], {'data-kernel': kernel}))], rows, {class: 'matrix suite'});
  grid.addEventListener('keydown', walk);
  onState(() => {
    const wanted = words();
    const links = grid.querySelectorAll('.cell');
    for (const link of links) {
      const cell = CELLS.get(link.dataset.cell);
      link.classList.toggle('off', !matches(cell, wanted));
      if (state.cell === cell.cell) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
      link.href = hashOf({cell: cell.cell});
    }
    for (const row of rows) row.hidden = !row.querySelector('.cell:not(.off)');
    for (const node of grid.querySelectorAll('[data-kernel]')) node.hidden = state.kernel.size > 0 && !state.kernel.has(node.dataset.kernel);
  });
  const others = kernels.filter((kernel) => baseline && kernel !== baseline);
  return el('section', {class: 'part', 'aria-label': name},
    el('h3', null, name),
    others.length ? null : el('p', {class: 'muted'}, baseline ? 'The baseline alone was run: there is nothing to compare it with.' : 'The baseline was not run: nothing is compared.'),
    el('ul', {class: 'plain'},
      others.map((kernel) => {
        const count = worse.filter((one) => one.kernel === kernel).length;
        return el('li', null, el('b', {class: count ? 'bad' : 'good'}, count ? `${plural(count, 'regression')} on ${kernel}` : `Of ${number(passing[kernel])} tests that pass on ${baseline} none fails on ${kernel}`),
          uncompared[kernel].length ? el('span', {class: 'muted'}, ` · not compared: ${uncompared[kernel].join(', ')}`) : null);
      })),
    differenceList(worse, baseline, 'Worse than the baseline', true),
    el('div', {class: 'scroll', tabindex: '-1'}, grid),
    differenceList(differences.filter((one) => !one.worse), baseline, 'Differs, and is no worse', false));
}

function differenceList(some, baseline, title, open) {
  if (!some.length) return null;
  return el('details', {class: 'more', open}, el('summary', null, `${title}: ${number(some.length)}`),
    el('ul', {class: 'plain'}, some.map((one) => el('li', null, one.worse ? el('b', {class: 'tag worse'}, 'WORSE') : null, ' ',
      el('code', null, one.test), one.subtest ? `: ${one.subtest}` : '', `: ${one.was} on ${baseline}, ${one.now} on ${one.kernel}`))));
}

function testLink(one, difference) {
  const cell = CELLS.get(one.cell);
  const link = cellLink(cell, el('span', {class: 'word'}, one.verdict), el('span', {class: 'left'}, one.of ? `${one.ok}/${one.of}` : ''), difference?.worse ? el('b', {class: 'tag worse'}, 'WORSE') : null);
  link.className = `cell v-${known(one.verdict)}${one.forgiven ? ' forgiven' : ''}`;
  link.dataset.cell = one.cell;
  link.title = one.reason;
  link.setAttribute('aria-label', `${cell.label} on ${cell.kernel}: ${one.verdict}${one.of ? `, ${one.ok} of ${one.of} subtests ok` : ''}${difference?.worse ? ', worse than the baseline' : ''}`);
  return link;
}
