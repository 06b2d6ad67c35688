// SPDX-License-Identifier: GPL-2.0-only
// Page tables over time, the kernels of the scenario laid over each other.

const COUNTERS = {
  vmpte_kb: 'VmPTE of the workload',
  cgroup_pagetables_kb: 'page tables of its cgroup',
  pagetables_kb: 'page tables of the guest',
  vmrss_kb: 'VmRSS of the workload',
  qemu_rss_kb: 'RSS of QEMU',
};

// Of the whole width, what the name of a phase takes at least.
const CLOSE = 0.12;

function curveSection(cell, details) {
  const shown = [cell, ...siblings(cell).filter((other) => other !== cell)];
  const curves = shown.map((other) => ({cell: other, ...details.cells[other.cell].curve}));
  const timed = curves.some(({lines}) => Object.keys(lines).length);
  const any = (name) => curves.some(({phases, lines}) => (timed && lines[name]) || phases.some((phase) => phase[name] !== undefined));
  const names = Object.keys(COUNTERS).filter(any);
  if (!names.length) return el('p', {class: 'muted'}, 'This cell has no samples.');
  const choice = el('select', {'aria-label': 'What is drawn'}, names.map((name) => el('option', {value: name}, COUNTERS[name])));
  const node = el('div', {class: 'chart', role: 'img', 'aria-label': 'Curve of page tables; the figures are in the table of phases'});
  const make = () => (timed ? overTime(curves, cell, choice.value) : byPhase(curves, cell, choice.value));
  let redraw = () => {};
  choice.addEventListener('change', () => redraw());
  onPanel(() => redraw());
  afterPaint(() => chart(node, make).then((draw) => { redraw = draw; }));
  const untimed = curves.filter(({lines, phases}) => !Object.keys(lines).length && phases.length);
  return [
    el('div', {class: 'over'}, choice),
    node,
    timed && untimed.length ? el('p', {class: 'muted note'}, `Without times, and so not drawn: ${untimed.map((one) => one.cell.kernel).join(', ')}.`) : null,
    timed ? null : el('p', {class: 'muted note'}, 'The samples of this run carry no time: they are drawn by the number of the phase.'),
  ];
}

// The open cell's line is broad and drawn first: thin ones that run along it are seen on top of it.
function trace({cell}, open, x, y, mode, text) {
  const look = lineOf(cell.kernel);
  const name = plain(cell.attempt === '1' ? cell.kernel : `${cell.kernel} #${cell.attempt}`);
  return {
    x, y, text, name, mode, type: 'scatter', legendgroup: name,
    line: {color: look.colour, dash: cell === open ? 'solid' : look.dash, width: cell === open ? 3.5 : 1.5, shape: 'linear'},
    marker: {color: look.colour, symbol: look.symbol, size: cell === open ? 9 : 7},
    hovertemplate: '%{text}<br>%{y:,} kB<extra>%{fullData.name}</extra>',
  };
}

function byPhase(curves, open, name) {
  return {
    traces: curves.map((one) => {
      const phases = one.phases.filter((phase) => phase[name] !== undefined);
      return trace(one, open, phases.map((phase) => plain(phase.name)), phases.map((phase) => phase[name]), 'lines+markers', phases.map((phase) => plain(phase.name)));
    }).filter((one) => one.x.length),
    layout: {yaxis: {title: {text: 'kB'}, rangemode: 'tozero', tickformat: ',~r'}, xaxis: {type: 'category'}},
  };
}

function overTime(curves, open, name) {
  const traces = curves.flatMap((one) => {
    const line = one.lines[name] || [];
    const phases = one.phases.filter((phase) => phase.t !== null && phase[name] !== undefined);
    const drawn = trace(one, open, line.map(([at]) => at), line.map(([, value]) => value), 'lines', line.map(([at]) => `${at.toFixed(2)} s`));
    const marks = trace(one, open, phases.map((phase) => phase.t), phases.map((phase) => phase[name]), 'markers', phases.map((phase) => `${plain(phase.name)}, ${phase.t.toFixed(2)} s`));
    return [{...drawn, showlegend: line.length > 0}, {...marks, showlegend: !line.length}];
  }).filter((one) => one.x.length);
  const marked = curves[0].phases.filter((phase) => phase.t !== null);
  // names of phases that lie close together stand above each other
  const span = Math.max(...traces.flatMap((one) => one.x), 0);
  const high = marked.map(() => 0);
  for (let at = 1; at < marked.length; at += 1) if (marked[at].t - marked[at - 1].t < span * CLOSE) high[at] = (high[at - 1] + 1) % 3;
  return {
    traces,
    layout: {
      margin: {l: 64, r: 14, t: 24 + 13 * Math.max(0, ...high), b: 40},
      yaxis: {title: {text: 'kB'}, rangemode: 'tozero', tickformat: ',~r'},
      xaxis: {ticksuffix: ' s', rangemode: 'tozero'},
      shapes: marked.map((phase) => ({type: 'line', x0: phase.t, x1: phase.t, y0: 0, y1: 1, yref: 'paper', line: {color: css('muted'), width: 1, dash: 'dot'}})),
      annotations: marked.map((phase, at) => ({x: phase.t, y: 1, yref: 'paper', yanchor: 'bottom', yshift: high[at] * 13, text: plain(phase.name), showarrow: false, font: {size: 11, color: css('muted')}})),
    },
  };
}
