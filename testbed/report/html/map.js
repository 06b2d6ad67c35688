// SPDX-License-Identifier: GPL-2.0-only
// The map of the address space: each table a block, in the order of addresses.

const PLANE_NAMES = {pte: 'PTE', pmd: 'PMD', pud: 'PUD', p4d: 'P4D', deposit: 'dep.'};
const PLANE_SHIFTS = [21n, 30n, 39n, 48n, 21n];
const SPANS = ['2 MiB', '1 GiB', '512 GiB', '256 TiB', '2 MiB'];
const BLOCKS = [14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1];
const GUTTER = 30;
const BETWEEN = 4;
// Canvases end somewhere.
const TALLEST = 15000;

/** Where the strips come to lie in a picture of a width, with blocks of a size. */
function arrange(strips, width, block) {
  const across = Math.max(1, Math.floor((width - GUTTER) / block));
  let top = 0;
  let owner = null;
  const rows = strips.map((strip) => {
    if (owner !== null) top += strip.owner === owner ? BETWEEN : 3 * BETWEEN;
    owner = strip.owner;
    const lines = Math.ceil(strip.slots.length / across);
    const height = Math.max(lines * block, 10);
    const row = {strip, top, lines, height};
    top += height;
    return row;
  });
  return {across, rows, height: top};
}

function bestBlock(laid, width, tallest) {
  return BLOCKS.find((block) => laid.every(({strips}) => arrange(strips, width, block).height <= tallest)) || 1;
}

function drawMap(canvas, laid, phase, width, block) {
  const scale = Math.max(1, Math.round(devicePixelRatio || 1));
  let size = block;
  let {across, rows, height} = arrange(laid.strips, width, size);
  while (height * scale > TALLEST && size > 1) {
    size -= 1;
    ({across, rows, height} = arrange(laid.strips, width, size));
  }
  canvas.width = width * scale;
  canvas.height = Math.max(1, height) * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${Math.max(1, height)}px`;
  const pen = canvas.getContext('2d');
  const picture = pen.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(picture.data.buffer);
  const ink = ([red, green, blue]) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
  const inks = laid.classes.map((name) => ink(colour(`map-${name}`)));
  const inner = size * scale - (size >= 4 ? scale : 0);
  const paints = {...inks, [GONE]: ink(colour('map-gone'))};
  const forms = {...laid.classes.map((name) => form(name, inner, scale)), [GONE]: form('gone', inner, scale)};
  // without lines between blocks, those of a class that follow each other are one
  const joined = inner === size * scale;
  for (const {strip, top} of rows) {
    const {kinds} = strip.phases[phase];
    for (let at = 0; at < kinds.length; at += 1) {
      const kind = kinds[at];
      if (kind === ABSENT) continue;
      const left = at % across;
      const corner = (top + Math.floor(at / across) * size) * scale * canvas.width + (GUTTER + left * size) * scale;
      let more = 1;
      while (joined && left + more < across && kinds[at + more] === kind) more += 1;
      for (const [y, from, to] of forms[kind]) {
        const line = corner + y * canvas.width;
        pixels.fill(paints[kind], line + from, line + to + (more - 1) * inner);
      }
      at += more - 1;
    }
  }
  pen.putImageData(picture, 0, 0);
  pen.scale(scale, scale);
  pen.fillStyle = css('muted');
  pen.font = '10px system-ui, sans-serif';
  pen.textBaseline = 'top';
  for (const {strip, top} of rows) pen.fillText(PLANE_NAMES[strip.plane], 0, top);
  canvas.map = {laid, phase, across, rows, size};
}

/**
 * The form of a block, as [line, from, to]: where there is room, colour is not all that tells the classes apart. A
 * block of zeropages has a hole, one of page cache is half, and what went leaves its outline.
 */
function form(name, inner, scale) {
  const lines = [];
  for (let y = 0; y < inner; y += 1) {
    const hole = Math.floor(inner / 3);
    const whole = inner < 4 * scale || name === 'empty' || name === 'needed';
    if (whole) lines.push([y, 0, inner]);
    else if (name === 'file') lines.push([y, 0, y + 1]);
    else if (name === 'zero') {
      if (y >= hole && y < inner - hole) lines.push([y, 0, hole], [y, inner - hole, inner]);
      else lines.push([y, 0, inner]);
    } else if (y < scale || y >= inner - scale) lines.push([y, 0, inner]);
    else lines.push([y, 0, scale], [y, inner - scale, inner]);
  }
  return lines;
}

/** The table under a point of a map: its strip and place; null where there is none. */
function tableAt(map, x, y) {
  const column = Math.floor((x - GUTTER) / map.size);
  const row = map.rows.find((one) => y >= one.top && y < one.top + one.lines * map.size);
  if (!row || column < 0 || column >= map.across) return null;
  const at = Math.floor((y - row.top) / map.size) * map.across + column;
  return at < row.strip.slots.length && row.strip.slots[at] >= 0 ? {strip: row.strip, at} : null;
}

function tellTable({laid, phase}, {strip, at}) {
  const begin = BigInt(strip.slots[at]) << PLANE_SHIFTS[strip.index];
  const kind = strip.phases[phase].kinds[at];
  const what = strip.plane === 'deposit' ? 'Deposited table behind the huge page at' : `${PLANE_NAMES[strip.plane]} table of`;
  const span = strip.plane === 'deposit' && !begin ? 'none' : `0x${begin.toString(16)}, ${SPANS[strip.index]}`;
  const now = {...laid.classes, [ABSENT]: 'not made yet', [GONE]: 'given back'}[kind];
  const held = kind < GONE && strip.plane === 'pte' ? laid.contents[strip.phases[phase].contents[at]] : null;
  return [
    `${what} ${span}`,
    held ? `${now}: ${held.map(([entry, count]) => `${number(count)} ${laid.kinds[entry]}`).join(', ') || 'no entry'}` : now,
    laid.owners.length > 1 ? `process ${strip.owner}` : null,
  ];
}

/** Count the PTE tables of a phase by class, deposits with them as a census does, and those that went. */
function countMap(laid, phase) {
  const counts = laid.classes.map(() => 0);
  let [deposits, back] = [0, 0];
  for (const strip of laid.strips.filter(({plane}) => plane === 'pte' || plane === 'deposit')) {
    for (const kind of strip.phases[phase].kinds) {
      if (kind === GONE) back += 1;
      else if (kind !== ABSENT) {
        counts[kind] += 1;
        deposits += strip.plane === 'deposit' ? 1 : 0;
      }
    }
  }
  return {counts, deposits, back};
}
