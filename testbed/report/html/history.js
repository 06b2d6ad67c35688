// SPDX-License-Identifier: GPL-2.0-only
// Series over many runs: what became worse first, each with a small line, the chosen one drawn large.

const MOST_ROWS = 200;
const keyOf = (series) => [series.scenario, series.kernel, series.guest, series.metric].join(' ');

function historyView() {
  const box = el('div', {class: 'history'}, el('p', {class: 'muted'}, '…'));
  jsonOf('history').then((told) => {
    const kinds = Object.entries(told.kinds);
    const chosen = () => state.show || (told.kinds.regression ? 'regression' : 'all');
    const picks = [...kinds.map(([kind]) => kind), 'all'];
    const buttons = picks.map((kind) => el('button', {type: 'button', class: `chip ${kind === 'regression' ? 'v-fail' : ''}`, onclick: () => go({show: kind})}, kind, ' ', el('b', null, number(kind === 'all' ? told.of : told.kinds[kind]))));
    const list = el('div', null);
    fill(box, el('div', {class: 'chips', role: 'group', 'aria-label': 'Filter series'}, buttons), list,
      el('p', {class: 'muted note'}, told.series.length < told.of
        ? `${number(told.series.length)} of ${number(told.of)} series are in this file: all that changed, and of the rest the chief metrics. ./tb history has all of them.`
        : 'The upright lines are where another level begins.'));
    // a chart is built anew only when what is to be seen changes, so that opening a cell beside it leaves it alone
    let before = null;
    const update = () => {
      const now = [chosen(), state.q, [...state.kernel].join(), state.series].join('\n');
      buttons.forEach((button, at) => button.setAttribute('aria-pressed', String(picks[at] === chosen())));
      if (now === before) return;
      before = now;
      fill(list, seriesList(told, chosen()));
    };
    onState(update);
    update();
    onTheme(() => { before = null; update(); });
  });
  return box;
}

function seriesList(told, kind) {
  const wanted = words();
  const found = told.series.filter((series) => (kind === 'all' || series.kind === kind)
    && (!state.kernel.size || state.kernel.has(series.kernel))
    && has(`${keyOf(series)} ${series.reason}`.toLowerCase(), wanted));
  if (!found.length) return el('p', {class: 'none'}, kind === 'regression' ? 'Nothing became worse.' : 'No series is like that.');
  const rows = found.slice(0, MOST_ROWS).map((series) => seriesRow(series, told.words));
  return [
    el('ol', {class: 'series'}, rows),
    found.length > MOST_ROWS ? el('p', {class: 'muted'}, `${number(found.length - MOST_ROWS)} more; search to see them.`) : null,
  ];
}

function seriesRow(series, texts_) {
  const open = state.series === keyOf(series);
  const day = (point) => texts_[point[1]].slice(0, 10);
  const ran = (point) => `${texts_[point[0]]} (${texts_[point[4]]})`;
  const change = series.was !== null && series.now !== null ? `${level(series.was)} → ${level(series.now)}${series.was && series.now !== series.was ? ` (${percent(series.now / series.was, 1)})` : ''}` : '';
  const worse = series.kind === 'regression';
  const since = series.bad && el('p', {class: 'since'},
    el('b', {class: worse ? 'bad' : 'good'}, `${worse ? 'failing' : 'better'} since ${day(series.bad)}`),
    series.good ? [worse ? ' · last pass ' : ' · last before ', el('span', {class: 'mono'}, ran(series.good))] : worse ? ' · never passed here' : null,
    worse ? ' · first fail ' : ' · first ', el('span', {class: 'mono'}, ran(series.bad)));
  const node = el('div', {class: 'chart', role: 'img', 'aria-label': `Line of ${series.metric}`});
  if (open) afterPaint(() => chart(node, () => seriesChart(series, texts_)));
  return el('li', {class: `one ${open ? 'open' : ''}`},
    el('button', {type: 'button', class: 'row', 'aria-expanded': String(open), onclick: () => go({series: open ? '' : keyOf(series)})},
      el('span', {class: `tag k-${series.kind}`}, series.kind),
      el('span', {class: 'what'}, el('b', null, series.metric), ' ', breakable(series.scenario), ' ', el('span', {class: 'muted'}, `on ${series.kernel}${series.guest ? `, ${series.guest}` : ''}`)),
      el('span', {class: 'num'}, change || el('span', {class: 'muted'}, plural(series.points.length, 'point'))),
      spark(series)),
    since, el('p', {class: 'muted'}, series.reason, series.flakes ? ` · ${number(series.flakes * 100, 1)} % flakes` : '', series.stable ? '' : ' · not stable yet'),
    open ? node : null);
}

const level = (value) => number(value, Number.isInteger(value) || Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 10 ? 1 : 3);
const date = (run) => run.slice(0, 8).replace(/(....)(..)(..)/, '$1-$2-$3');

const SVG = 'http://www.w3.org/2000/svg';
function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

const RIGHT = ['pass', 'done', 'gap', 'skip'];

/** A line as small as a word; of a series of verdicts a row of marks. */
function spark(series) {
  const [wide, tall] = [120, 24];
  const picture = shape('svg', {viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, 'aria-hidden': 'true', class: 'spark'});
  const {points} = series;
  const x = (at) => 3 + (at * (wide - 6)) / Math.max(1, points.length - 1);
  for (const at of series.changes) picture.append(shape('line', {x1: x(at), x2: x(at), y1: 0, y2: tall, class: 'change'}));
  const values = points.map((point) => point[2]);
  const known_ = values.filter((value) => value !== null);
  if (!known_.length) return picture;
  const [low, high] = [Math.min(...known_), Math.max(...known_)];
  const y = (value) => (high === low ? tall / 2 : tall - 3 - ((value - low) * (tall - 6)) / (high - low));
  picture.append(shape('polyline', {points: values.flatMap((value, at) => (value === null ? [] : [`${x(at)},${y(value)}`])).join(' '), class: 'line'}));
  const last = values.length - 1;
  if (values[last] !== null) picture.append(shape('circle', {cx: x(last), cy: y(values[last]), r: 2.5, class: `end ${series.kind}`}));
  return picture;
}

function seriesChart(series, texts_) {
  const verdicts = series.metric === 'verdict';
  const {points} = series;
  const x = points.map((point) => texts_[point[0]]);
  const y = points.map((point) => (verdicts ? (RIGHT.includes(texts_[point[3]]) ? 'as expected' : 'not as expected') : point[2]));
  const good = css('line-0');
  const bad = css('over');
  // runs with --repeat give several points at one place, so places are numbers and runs their labels
  const at = points.map((_, index) => index);
  const every = Math.max(1, Math.ceil(points.length / 8));
  const ticks = at.filter((index) => index % every === 0);
  return {
    traces: [{
      x: at, y, type: 'scatter', mode: 'lines+markers', name: plain(series.metric),
      line: {color: good, width: 1.5, shape: 'linear'},
      marker: {size: 7, color: points.map((point) => (RIGHT.includes(texts_[point[3]]) ? good : bad)), symbol: points.map((point) => (RIGHT.includes(texts_[point[3]]) ? 'circle' : 'x'))},
      text: points.map((point) => [texts_[point[0]], texts_[point[3]], texts_[point[4]], texts_[point[5]] && `host ${texts_[point[5]]}`].filter(Boolean).map(plain).join('<br>')),
      hovertemplate: '%{y}<br>%{text}<extra></extra>',
    }],
    layout: {
      showlegend: false,
      height: 260,
      xaxis: {tickvals: ticks, ticktext: ticks.map((index) => plain(date(x[index])))},
      yaxis: verdicts ? {type: 'category', categoryorder: 'array', categoryarray: ['not as expected', 'as expected']} : {title: {text: unitOf(series.metric)}, tickformat: ',.3~f'},
      shapes: series.changes.map((index) => ({type: 'line', x0: index - 0.5, x1: index - 0.5, y0: 0, y1: 1, yref: 'paper', line: {color: bad, width: 1.5, dash: 'dash'}})),
      annotations: series.changes.map((index) => ({x: index - 0.5, y: 1, yref: 'paper', yanchor: 'bottom', text: plain(date(texts_[points[index][0]])), showarrow: false, font: {size: 11, color: bad}})),
    },
  };
}

function unitOf(metric) {
  if (metric.endsWith('_kb')) return 'kB';
  if (metric.startsWith('cost.')) return 'instructions';
  return metric.endsWith('_s') ? 's' : 'tables';
}
