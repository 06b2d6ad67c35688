// SPDX-License-Identifier: GPL-2.0-only
// What ran, and what came of it in one look.

function totals() {
  const bad = UNEXPECTED.length;
  const wrong = DATA.grades.filter((grade) => grade.bad).length;
  const judged = DATA.cells.length;
  const chips = counted(DATA.cells).map(([verdict, count]) => chip('verdict', verdict, [verdict, ' ', el('b', null, number(count))], `v-${verdict}`));
  if (bad) chips.unshift(chip('verdict', 'unexpected', ['unexpected ', el('b', null, number(bad))], 'v-fail'));
  const verdict = bad
    ? el('strong', {class: 'bad'}, `${plural(bad, 'cell')} of ${number(judged)} not as expected`)
    : wrong
      ? el('strong', {class: 'bad'}, `${plural(wrong, 'bug')} not as expected`)
      : el('strong', {class: DATA.head.not_run.length ? '' : 'good'}, lead(judged, DATA.head.not_run.length));
  const regressions = DATA.history.kinds.regression;
  const forgiven = DATA.cells.filter((cell) => cell.forgiven).length;
  return el('div', {class: 'totals'},
    el('p', {class: 'lead'}, verdict,
      forgiven ? el('span', {class: 'muted'}, ` · ${plural(forgiven, 'failure')} of a baseline, or as on it`) : null,
      DATA.head.not_run.length ? [' · ', el('strong', {class: 'left-out'}, `${plural(DATA.head.not_run.length, 'planned cell')} not run`)] : null,
      regressions ? [' · ', el('a', {href: '#view=history', class: 'bad'}, plural(regressions, 'regression'))] : null),
    el('div', {class: 'chips', role: 'group', 'aria-label': 'Filter by verdict'}, chips));
}

function lead(judged, left) {
  if (!judged) return 'No cell has ended';
  return left ? `The ${plural(judged, 'cell')} that ended are as expected` : `All ${number(judged)} cells as expected`;
}

function unexpectedList() {
  if (!UNEXPECTED.length) return null;
  const rank = (cell) => VERDICTS.indexOf(known(cell.verdict));
  const rows = [...UNEXPECTED].sort((one, other) => rank(one) - rank(other)).map((cell) =>
    el('li', null, badge(cell.verdict), ' ', cellLink(cell, breakable(cell.cell)), el('span', {class: 'why'}, cell.reason)));
  const most = 8;
  const list = el('ul', {class: 'unexpected'}, rows.slice(0, most));
  const rest = rows.slice(most);
  return el('section', {'aria-label': 'Cells that are not as expected'}, list,
    rest.length ? el('details', {class: 'more'}, el('summary', null, `${plural(rest.length, 'more cell')} not as expected`), el('ul', {class: 'unexpected'}, rest)) : null);
}

/** Bugs that were looked for: how reliably each shows on each kernel, and where it was seen first. */
function grades() {
  if (!DATA.grades.length) return null;
  const head = ['bug', 'kernel', 'found', 'grade', '', 'sign'].map((name) => el('th', {scope: 'col'}, name));
  const rows = DATA.grades.map(({row, bad, sign, cell}) => {
    const [bug, kernel, found, grade, standing] = row;
    const seen = cell ? el('a', {href: hashOf({cell})}, found) : found;
    return el('tr', {class: bad ? 'bad' : ''}, el('td', null, bug), el('td', null, breakable(kernel)), el('td', null, seen), el('td', null, grade), el('td', {class: 'standing'}, standing), el('td', {class: 'muted'}, sign));
  });
  return el('section', {class: 'grades', 'aria-label': 'Bugs'}, el('table', null, el('thead', null, el('tr', null, head)), el('tbody', null, rows)));
}

/** A switch of a filter that may hold several values. */
function chip(set, value, content, look = '') {
  const button = el('button', {
    type: 'button', class: `chip ${look}`, 'data-set': set, 'data-value': value,
    title: set === 'verdict' ? MEANINGS[value] || 'not as expected' : '',
    onclick: () => {
      const chosen = new Set(state[set]);
      if (!chosen.delete(value)) chosen.add(value);
      go({[set]: chosen});
    },
  }, content);
  onState(() => button.setAttribute('aria-pressed', String(state[set].has(value))));
  return button;
}

const fact = (name, ...value) => [el('dt', null, name), el('dd', null, value)];

function took(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${number(seconds, 1)} s`;
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function facts() {
  const {run, at, tool, host, accel, argv, resumed, hosts, not_run: left} = DATA.head;
  const says = [host.cpus && plural(host.cpus, 'CPU'), host.memory_mib && `${number(Math.round(host.memory_mib / 1024))} GiB`, host.machine].filter(Boolean).join(', ');
  return el('section', {class: 'facts', 'aria-label': 'This run'},
    el('h2', null, 'This run'),
    el('dl', null,
      fact('Run', el('code', null, run)),
      fact('Started', `${at.replace('T', ' ').replace('+00:00', '')} UTC`),
      fact('Cells', `${number(DATA.cells.length)} in ${took(DATA.head.seconds)} of guests’ time`),
      fact('Host', host.name ? `${host.name}: ` : '', says, el('br'), el('span', {class: 'muted'}, [host.kernel && `Linux ${host.kernel}`, host.qemu, host.python && `Python ${host.python}`].filter(Boolean).join(' · '))),
      hosts.length ? fact('Ran on', `${plural(hosts.length, 'host')}: ${hosts.map((one) => one.name || one.id).join(', ')}`) : null,
      fact('Accelerator', el('b', null, accel.kind || '–'), el('br'), el('span', {class: 'muted'}, accel.reason || '')),
      fact('Testbed', tool || '–'),
      fact('Command', el('code', {class: 'wrap'}, argv)),
      resumed.map((line) => fact('Gone on with', el('code', {class: 'wrap'}, line))),
      left.length ? fact('Not run', el('details', null, el('summary', null, plural(left.length, 'cell')), el('ul', {class: 'plain'}, left.map((name) => el('li', null, name))))) : null),
    el('h2', null, 'Kernels'),
    kernelCards());
}

function kernelCards() {
  const short = (name, hash) => (hash ? [` · ${name} `, el('code', {title: hash}, hash.slice(0, 12))] : null);
  return el('ul', {class: 'cards'}, DATA.head.kernels.map((kernel) => {
    const gone = DATA.head.unavailable[kernel.name];
    return el('li', null, el('b', null, kernel.name), ' ', gone
      ? el('span', {class: 'muted'}, gone)
      : [kernel.release || '', el('br'),
        el('span', {class: 'muted'}, kernel.source_version || 'source unknown', kernel.patchset_hash ? short('patches', kernel.patchset_hash) : ' · no patches', short('config', kernel.config_hash), short('build', kernel.build_id))]);
  }));
}
