// SPDX-License-Identifier: GPL-2.0-only
// What was left over, of each kernel of the scenario, against the limit that its expectation has.

function barSection(cell, details) {
  const judged = [];
  for (const other of [cell, ...siblings(cell).filter((one) => one !== cell)]) {
    const {checks, phases} = details.cells[other.cell];
    const limits = checks.filter((check) => check.metric.includes('left_over'));
    const last = ['pressed', 'after'].find((phase) => phases[phase]?.left_over);
    if (limits.length) judged.push(...limits.map((check) => ({cell: other, ...check})));
    else if (last) judged.push({cell: other, metric: `${last}.left_over.pte`, value: phases[last].left_over.pte, limit: null, met: true});
  }
  if (!judged.length) return el('p', {class: 'muted'}, 'What was left over is not known: no census was taken.');
  const greatest = Math.max(1, ...judged.flatMap((one) => [one.value, one.limit || 0]));
  const share = (value) => `${100 * Math.sqrt(Math.max(0, value) / greatest)}%`;
  let last = null;
  const rows = judged.map((one) => {
    const again = one.cell === last;
    last = one.cell;
    return el('tr', {class: one.cell === cell ? 'open' : null},
      rowHead(again ? '' : [one.cell === cell ? one.cell.kernel : cellLink(one.cell, one.cell.kernel), one.cell.attempt === '1' ? null : ` #${one.cell.attempt}`]),
      td(one.metric, {class: 'mono'}),
      td(el('div', {class: 'bar', 'aria-hidden': 'true'},
        el('span', {class: `fill ${lookOf(one)}`, style: {width: share(one.value)}}),
        one.limit === null ? null : el('span', {class: 'limit', style: {left: share(one.limit)}}))),
      td(number(one.value), {class: 'num'}),
      td(one.limit === null ? el('span', {class: 'muted'}, 'no limit') : [one.met ? '' : el('b', {class: 'bad'}, 'not '), `${sign(one.op)} ${one.text}`], {class: 'mono nowrap'}));
  });
  return [
    el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Left over against the limit'},
      table(null, [th('kernel'), th('what'), th('tables'), th(''), th('expected')], rows, {class: 'grid bars'})),
    el('p', {class: 'muted note'}, 'Bars grow with the square root; the line is the limit. “≥”: this kernel is expected to leave so much, and a workload that leaks no more is noticed.'),
  ];
}

const sign = (op) => ({'<=': '≤', '>=': '≥', '==': '='}[op] || op);

/** What was left over is fine below its limit, and no matter where a kernel is expected to leave it. */
function lookOf({met, limit, op}) {
  if (!met) return 'f-over';
  if (limit === null) return 'f-plain';
  return op.startsWith('>') ? 'f-leak' : 'f-ok';
}

function otherChecks(details) {
  const rest = details.checks.filter((check) => !check.metric.includes('left_over'));
  if (!rest.length) return null;
  return el('ul', {class: 'checks', 'aria-label': 'Other expectations'}, rest.map((check) =>
    el('li', {class: check.met ? 'met' : 'unmet'}, el('span', {'aria-hidden': 'true'}, check.met ? '✓ ' : '✗ '),
      el('code', null, check.metric), ` ${number(check.value)} ${check.met ? '' : 'is not '}${sign(check.op)} ${check.text}`)));
}
