// SPDX-License-Identifier: GPL-2.0-only
// All there is to know of one cell.

const LEVELS = ['pte', 'pmd', 'pud', 'p4d'];
let onPanelRedraw = [];
let opened = null;

/** Call `redraw` when the colours change, as long as this cell is open. */
function onPanel(redraw) {
  onPanelRedraw.push(redraw);
}

function afterPaint(what) {
  requestAnimationFrame(() => setTimeout(what, 0));
}

onTheme(() => { for (const redraw of onPanelRedraw) redraw(); });

async function openCell(panel, name) {
  if (opened === name) return;
  opened = name;
  onPanelRedraw = [];
  const cell = CELLS.get(name);
  if (!cell) {
    fill(panel, panelHead(null, name), el('p', {class: 'notice'}, 'This run has no record of that cell.'));
    return;
  }
  const group = DATA.groups.indexOf(cell.group);
  const body = el('div', null, el('p', {class: 'muted'}, '…'));
  fill(panel, panelHead(cell, name), reasonBox(cell), body);
  const details = await jsonOf(`cells-${group}`);
  if (opened !== name) return;
  const mine = details.cells[name];
  const maps = el('div', null);
  fill(body,
    mine.first ? el('p', {class: 'notice'}, `First try: ${mine.first.verdict}: ${mine.first.reason}`) : null,
    quickFacts(cell, mine),
    urgent(mine),
    cell.suite || cell.bench ? null : [
      part('Left over against the limit', barSection(cell, details), otherChecks(mine)),
      part('Phases', phaseTable(mine)),
      part('Page tables over time', curveSection(cell, details)),
      part('Map of the address space', maps),
    ],
    subtests(mine),
    part('Run it again', mine.hand ? copyable('By hand: ends in a shell in the same guest', mine.hand) : null, mine.argv ? copyable('QEMU, as it was started', mine.argv) : null,
      el('p', {class: 'muted note'}, 'Files: ', el('code', {class: 'wrap'}, mine.files))),
    part('Logs', mine.logs.length ? mine.logs.filter((log) => !isUrgent(log)).map((log) => logBox(log, cell.bad)) : el('p', {class: 'muted'}, 'No log is left of this cell.')));
  if (cell.suite || cell.bench) return;
  afterPaint(async () => fill(maps, await mapSection(cell, details, group)));
}

function closeCell() {
  opened = null;
  onPanelRedraw = [];
  hideTip();
}

function part(title, ...content) {
  const filled = content.flat(Infinity).filter(Boolean);
  return filled.length ? el('section', {class: 'part'}, el('h3', null, title), filled) : null;
}

function panelHead(cell, name) {
  const link = el('button', {type: 'button', class: 'small', onclick: () => copy(location.href, null, link)}, 'Copy link');
  const close = el('button', {type: 'button', class: 'small close', id: 'close', onclick: () => go({cell: ''}), title: 'Esc'}, 'Close');
  const others = cell ? siblings(cell) : [];
  return el('div', {class: 'panelhead'},
    el('div', {class: 'over'}, el('h2', {tabindex: '-1', id: 'cellname'}, cell ? [breakable(cell.label), cell.attempt === '1' ? null : el('span', {class: 'muted'}, ` #${cell.attempt}`)] : name), el('span', {class: 'buttons'}, link, close)),
    others.length ? el('nav', {class: 'tabs kernels', 'aria-label': 'The same on other kernels'}, others.map((other) => {
      const tab = cellLink(other, el('span', {class: `dot v-${known(other.verdict)}`, 'aria-hidden': 'true'}), other.kernel, other.attempt === '1' ? null : ` #${other.attempt}`);
      tab.setAttribute('aria-label', `${other.kernel}: ${other.verdict}`);
      if (other === cell) tab.setAttribute('aria-current', 'page');
      return tab;
    })) : null);
}

function reasonBox(cell) {
  return el('p', {class: `reason r-${known(cell.verdict)}`}, badge(cell.verdict), ' ', el('span', {class: 'text'}, cell.reason), cell.forgiven ? el('span', {class: 'muted'}, ' (as on the baseline)') : null);
}

function quickFacts(cell, mine) {
  const done = mine.exit;
  const ended = done && (done.signal ? `signal ${done.signal}` : `status ${done.status}`);
  const said = [
    `guest ${cell.guest}`, mine.vcpus && plural(mine.vcpus, 'CPU'), mine.memory_mib && `${number(mine.memory_mib)} MiB`,
    `${number(mine.wall_s, 1)} s${mine.start_s === null ? '' : `, ${number(mine.start_s, 1)} s of it to start`}`,
    ended && `ended with ${ended}`, done?.oom_kill ? plural(done.oom_kill, 'OOM kill') : null,
    ...Object.entries(mine.params).map(([key, value]) => `${key}=${value}`),
  ];
  const history = DATA.history.of ? {view: 'history', show: 'all', q: cell.label, kernel: new Set([cell.kernel]), verdict: new Set(), series: '', cell: ''} : null;
  return el('p', {class: 'quick muted'}, said.filter(Boolean).join(' · '),
    history ? [' · ', el('a', {href: hashOf(history)}, 'its history')] : null);
}

const isUrgent = (log) => log.file === 'crash.txt' || log.file === 'hang.txt';
const urgent = (mine) => mine.logs.filter(isUrgent).map((log) => logBox(log, true));

function logBox(log, open) {
  const lines = log.text.split('\n').length;
  const text = el('pre', {class: 'log', tabindex: '0', 'aria-label': log.name}, log.text);
  const box = el('details', {class: 'logbox', open: open || log.file === 'output.log'},
    el('summary', null, log.name, ' ', el('span', {class: 'muted'}, `${log.file}, ${plural(lines, 'line')}${log.cut ? `; ${number(Math.ceil(log.cut / 1024))} KiB before them are left out` : ''}`)),
    text);
  // the end of a console is what is looked for
  const end = () => { if (box.open && log.file === 'console.log') text.scrollTop = text.scrollHeight; };
  box.addEventListener('toggle', end);
  return box;
}

function phaseTable(mine) {
  const phases = Object.entries(mine.phases);
  if (!phases.length) return el('p', {class: 'muted'}, 'No phase was reached.');
  const any = (read) => phases.some(([, numbers]) => read(numbers));
  const levels = LEVELS.filter((level) => level !== 'p4d' || any((numbers) => numbers.tables?.p4d || numbers.left_over?.p4d));
  const heads = [
    th('phase'), th('VmPTE kB', {class: 'num'}), th('cgroup kB', {class: 'num'}), th('guest kB', {class: 'num', title: 'page tables of the whole guest'}), th('had to stay kB', {class: 'num'}), th('left over kB', {class: 'num'}),
    levels.map((level) => th(`left ${level.toUpperCase()}`, {class: 'num', title: `${level.toUpperCase()} tables left over, of all`})), th('left file', {class: 'num', title: 'PTE tables of page cache alone: could go, if asked'}), th('channels'),
  ];
  const rows = phases.map(([name, numbers]) => el('tr', null,
    rowHead(name),
    td(number(numbers.vmpte_kb), {class: 'num'}), td(number(numbers.cgroup_pagetables_kb), {class: 'num'}), td(number(numbers.pagetables_kb), {class: 'num'}),
    td(number(numbers.needed_kb), {class: 'num'}), td(number(numbers.left_over_kb), {class: numbers.left_over_kb ? 'num strong' : 'num'}),
    levels.map((level) => td([el('b', {class: numbers.left_over?.[level] ? 'strong' : 'muted'}, number(numbers.left_over?.[level])), numbers.tables?.[level] === undefined ? null : el('span', {class: 'muted'}, `/${number(numbers.tables[level])}`)], {class: 'num'})),
    td(number(numbers.left_over_file), {class: 'num'}),
    td(agreement(numbers))));
  const told = phases.filter(([, numbers]) => numbers.disagreement || numbers.unexamined);
  const held = phases.filter(([, numbers]) => Object.keys(numbers.entries).length);
  return [
    el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Phases'}, table(null, heads, rows, {class: 'grid'})),
    told.map(([name, numbers]) => el('p', {class: 'note'}, `${name}: ${numbers.disagreement || numbers.unexamined}`)),
    held.length ? el('details', {class: 'more'}, el('summary', null, 'Entries by kind'),
      el('ul', {class: 'plain'}, held.map(([name, numbers]) => el('li', null, el('b', null, name), ' ', Object.entries(numbers.entries).map(([kind, count]) => `${number(count)} ${kind}`).join(', '))))) : null,
  ];
}

function agreement(numbers) {
  if (numbers.agree === true) return el('span', {class: 'good'}, 'agree');
  if (numbers.agree === false) return el('b', {class: 'bad'}, 'disagree');
  return el('span', {class: 'muted'}, 'not compared');
}

function subtests(mine) {
  const all = Object.entries(mine.subtests);
  if (!all.length) return null;
  const bad = all.filter(([, how]) => how !== 'ok');
  const list = (some) => el('ul', {class: 'plain subtests'}, some.map(([name, how]) => el('li', null, el('b', {class: how === 'ok' ? 'good' : 'bad'}, how), ' ', name)));
  return part(`Subtests: ${all.length - bad.length} of ${all.length} ok`, bad.length ? list(bad) : null,
    el('details', {class: 'more'}, el('summary', null, `All ${all.length}`), list(all)));
}
