// SPDX-License-Identifier: GPL-2.0-only
// The section of maps: a line of phases for each kernel of the scenario, that of the open cell first.

const MAP_TALL = 240;

async function mapSection(cell, details, number_) {
  const {maps, classes, kinds, contents} = details.maps;
  const bytes = await bytesOf(`maps-${number_}`);
  const lines = [];
  for (const other of [cell, ...siblings(cell).filter((one) => one !== cell && one.attempt === cell.attempt)]) {
    await breath();
    const names = details.cells[other.cell].curve.phases.map((phase) => phase.name).filter((name) => maps[`${other.cell} ${name}`]);
    if (!names.length) continue;
    const laid = layOver(names.map((name) => ({spaces: unpackMap(bytes, maps[`${other.cell} ${name}`])})));
    lines.push({cell: other, names, laid: {...laid, classes, kinds, contents}});
  }
  if (!lines.length || lines[0].cell !== cell) {
    return el('p', {class: 'muted'}, 'No census was taken of this cell, so there is no map of it.');
  }
  const canvases = [];
  let [zoom, drawing] = [0, 0];
  const box = el('div', {class: 'maps'}, lines.map((line) => mapLine(line, line.cell === cell, canvases)));
  const draw = async () => {
    if (!box.isConnected || !box.clientWidth) return;
    const wide = box.clientWidth;
    const most = Math.max(...lines.map((line) => line.names.length));
    const columns = wide < 560 ? Math.min(2, most) : most;
    box.style.setProperty('--columns', String(columns));
    const width = Math.floor((wide - (columns - 1) * 14) / columns) - 1;
    const fits = BLOCKS.indexOf(bestBlock(lines.map((line) => line.laid), width, MAP_TALL));
    const block = BLOCKS[Math.max(0, Math.min(BLOCKS.length - 1, fits - zoom))];
    drawing += 1;
    const mine = drawing;
    for (const {canvas, laid, phase} of canvases) {
      if (!phase) await breath();
      if (mine !== drawing) return;
      drawMap(canvas, laid, phase, width, block);
    }
  };
  const zoomBy = (step) => () => { zoom += step; draw(); };
  const watch = new ResizeObserver(() => draw());
  watch.observe(box);
  onPanel(draw);
  return [
    el('div', {class: 'over'}, legend(classes),
      el('div', {class: 'zoom', role: 'group', 'aria-label': 'Size of a table'},
        el('button', {type: 'button', class: 'small', 'aria-label': 'Smaller', onclick: zoomBy(-1)}, '−'),
        el('button', {type: 'button', class: 'small', 'aria-label': 'Larger', onclick: zoomBy(1)}, '+'))),
    box,
    el('p', {class: 'muted note'}, 'Each block is a table, in the order of addresses; a blank is a gap. A place is the same in all phases of a kernel. Point at a block, or go to a map and use the arrow keys, to see which it is.'),
  ];
}

function legend(classes) {
  const about = {empty: 'no entry: could go', zero: 'only zeropages: could go', file: 'only page cache: could go when asked', needed: 'has to stay'};
  const swatch = (name, text, title) => el('li', {title}, el('span', {class: `swatch map-${name}`, 'aria-hidden': 'true'}), text);
  return el('ul', {class: 'legend', 'aria-label': 'Classes of tables'},
    classes.map((name) => swatch(name, name, about[name] || '')),
    swatch('gone', 'given back', 'was there in an earlier phase'));
}

function mapLine({cell, names, laid}, open, canvases) {
  return el('section', {class: open ? 'mapline open' : 'mapline', 'aria-label': `Maps of ${cell.kernel}`},
    el('h4', null, open ? cell.kernel : cellLink(cell, cell.kernel), ' ', badge(cell.verdict)),
    el('div', {class: 'phases'}, names.map((name, phase) => {
      const {counts, deposits, back} = countMap(laid, phase);
      const sum = counts.reduce((one, other) => one + other, 0);
      const parts = laid.classes.map((word, at) => [word, counts[at]]).filter(([, count]) => count);
      const told = [...parts.map(([word, count]) => `${number(count)} ${word}`), deposits ? `${number(deposits)} of them deposits` : null, back ? `${number(back)} given back` : null].filter(Boolean).join(', ');
      const canvas = el('canvas', {tabindex: '0', role: 'img', 'aria-label': `${cell.kernel}, ${name}: ${plural(sum, 'PTE table')}: ${told}`});
      canvases.push({canvas, laid, phase});
      pointing(canvas);
      return el('figure', null,
        el('figcaption', null, el('b', null, name), ' ', number(sum), ' PTE ', el('span', {class: 'muted'}, told)),
        el('div', {class: 'mapbox'}, canvas));
    })));
}

/** Let the browser do what waits, between two pieces of work that each take a moment. */
const breath = () => new Promise((resolve) => { setTimeout(resolve, 0); });

/** Tell of the table under the pointer, or of the one that the arrow keys went to. */
function pointing(canvas) {
  let place = null;
  const show = (found, x, y) => {
    if (!found) {
      hideTip();
      return;
    }
    const lines = tellTable(canvas.map, found);
    showTip(x, y, ...lines);
    return lines;
  };
  canvas.addEventListener('pointermove', (event) => show(canvas.map && tableAt(canvas.map, event.offsetX, event.offsetY), event.clientX, event.clientY));
  canvas.addEventListener('pointerdown', (event) => show(canvas.map && tableAt(canvas.map, event.offsetX, event.offsetY), event.clientX, event.clientY));
  canvas.addEventListener('pointerleave', hideTip);
  canvas.addEventListener('blur', hideTip);
  canvas.addEventListener('keydown', (event) => {
    if (!canvas.map) return;
    const {rows, across, size} = canvas.map;
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across}[event.key];
    if (!step) return;
    event.preventDefault();
    place ||= {row: 0, at: -step};
    let {row, at} = place;
    do {
      at += step;
      if (at < 0 && row > 0) { row -= 1; at = rows[row].strip.slots.length - 1; }
      if (at >= rows[row]?.strip.slots.length && row < rows.length - 1) { row += 1; at = 0; }
    } while (rows[row]?.strip.slots[at] === -1);
    if (rows[row]?.strip.slots[at] === undefined) return;
    place = {row, at};
    const corner = canvas.getBoundingClientRect();
    const x = GUTTER + (at % across) * size;
    const y = rows[row].top + Math.floor(at / across) * size;
    say(show({strip: rows[row].strip, at}, corner.left + x, corner.top + y).filter(Boolean).join(', '));
  });
}
