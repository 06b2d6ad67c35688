// SPDX-License-Identifier: GPL-2.0-only
// The map of the address space: each table a block, in the order of addresses, gaps left out. A place is the same in
// all phases of a cell, so that one sees which tables went. maps.py says how maps are packed.

const PLANES = ['pte', 'pmd', 'pud', 'p4d', 'deposit'];
const PLANE_NAMES = {pte: 'PTE', pmd: 'PMD', pud: 'PUD', p4d: 'P4D', deposit: 'dep.'};
const PLANE_SHIFTS = [21n, 30n, 39n, 48n, 21n];
const DRAWN = ['p4d', 'pud', 'pmd', 'pte', 'deposit'];
const SPANS = ['2 MiB', '1 GiB', '512 GiB', '256 TiB', '2 MiB'];
const ABSENT = 255;
const BLOCKS = [14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1];
const GUTTER = 30;
const BETWEEN = 4;
// Above as many interruptions, for so many tables, they are not shown: blanks would be most of the picture.
const FEW_GAPS = 0.1;
// Canvases end somewhere.
const TALLEST = 15000;

/** Read a map: of each owner and plane the runs, as slot, length, class and content. */
function unpackMap(bytes, place) {
  let at = place.at;
  const next = () => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at];
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  const column = (length) => Array.from({length}, next);
  return place.spaces.map((name) => ({
    name,
    planes: PLANES.map(() => {
      const runs = next();
      const gaps = column(runs);
      const sizes = column(runs);
      const contents = column(runs);
      let slot = 0;
      return gaps.map((gap, run) => {
        const begin = slot + gap;
        const length = Math.floor(sizes[run] / 4);
        slot = begin + length - 1;
        return {slot: begin, length, kind: sizes[run] % 4, content: contents[run]};
      });
    }),
  }));
}

/** Lay the phases of a cell over each other: a strip for each process and plane, with a place for every table. */
function layOver(phases) {
  const owners = [...new Set(phases.flatMap((phase) => phase.spaces.map((space) => space.name)))];
  const strips = [];
  for (const owner of owners) {
    for (const plane of DRAWN) {
      const index = PLANES.indexOf(plane);
      const seen = phases.map((phase) => phase.spaces.find((space) => space.name === owner)?.planes[index] || []);
      if (seen.some((runs) => runs.length)) strips.push({owner, plane, index, ...places(seen)});
    }
  }
  return {owners, strips};
}

function places(seen) {
  // several deposits may stand at one place, so a slot has as many places as it ever had tables
  const most = new Map();
  for (const runs of seen) {
    const here = new Map();
    for (const run of runs) {
      for (let step = 0; step < run.length; step += 1) {
        const slot = run.slot + step;
        const count = (here.get(slot) || 0) + 1;
        here.set(slot, count);
        if (count > (most.get(slot) || 0)) most.set(slot, count);
      }
    }
  }
  const sorted = Float64Array.from(most.keys()).sort();
  let gaps = 0;
  for (let at = 1; at < sorted.length; at += 1) gaps += sorted[at] !== sorted[at - 1] + 1 ? 1 : 0;
  const blanks = gaps <= Math.max(8, sorted.length * FEW_GAPS);
  const slots = [];
  const first = new Map();
  for (const slot of sorted) {
    if (blanks && slots.length && slot !== slots[slots.length - 1] && slot !== slots[slots.length - 1] + 1) slots.push(-1);
    first.set(slot, slots.length);
    for (let count = most.get(slot); count > 0; count -= 1) slots.push(slot);
  }
  return {slots, phases: seen.map((runs) => placed(runs, slots, first))};
}

function placed(runs, slots, first) {
  const kinds = new Uint8Array(slots.length).fill(ABSENT);
  const contents = new Uint32Array(slots.length);
  for (const run of runs) {
    for (let step = 0; step < run.length; step += 1) {
      let at = first.get(run.slot + step);
      while (kinds[at] !== ABSENT) at += 1;
      kinds[at] = run.kind;
      contents[at] = run.content;
    }
  }
  return {kinds, contents};
}

/** Whether a table that is not there was there in an earlier phase. */
function went(strip, phase, at) {
  for (let before = 0; before < phase; before += 1) if (strip.phases[before].kinds[at] !== ABSENT) return true;
  return false;
}

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
  const gone = ink(colour('map-gone'));
  const inner = size * scale - (size >= 4 ? scale : 0);
  const forms = laid.classes.map((name) => form(name, inner, scale));
  const outline = form('gone', inner, scale);
  for (const {strip, top} of rows) {
    const {kinds} = strip.phases[phase];
    for (let at = 0; at < kinds.length; at += 1) {
      const there = kinds[at] !== ABSENT;
      if (!there && (strip.slots[at] < 0 || !went(strip, phase, at))) continue;
      const paint = there ? inks[kinds[at]] : gone;
      const corner = (top + Math.floor(at / across) * size) * scale * canvas.width + (GUTTER + (at % across) * size) * scale;
      for (const [y, from, to] of there ? forms[kinds[at]] : outline) {
        const line = corner + y * canvas.width;
        pixels.fill(paint, line + from, line + to);
      }
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
  let state_ = went(strip, phase, at) ? 'given back' : 'not made yet';
  if (kind !== ABSENT) state_ = laid.classes[kind];
  const held = kind !== ABSENT && strip.plane === 'pte' ? laid.contents[strip.phases[phase].contents[at]] : null;
  return [
    `${what} ${span}`,
    held ? `${state_}: ${held.map(([entry, count]) => `${number(count)} ${laid.kinds[entry]}`).join(', ') || 'no entry'}` : state_,
    laid.owners.length > 1 ? `process ${strip.owner}` : null,
  ];
}

/** Count the PTE tables of a phase by class, deposits with them as a census does, and those that went. */
function countMap(laid, phase) {
  const counts = laid.classes.map(() => 0);
  let [deposits, back] = [0, 0];
  for (const strip of laid.strips.filter(({plane}) => plane === 'pte' || plane === 'deposit')) {
    strip.phases[phase].kinds.forEach((kind, at) => {
      if (kind !== ABSENT) {
        counts[kind] += 1;
        deposits += strip.plane === 'deposit' ? 1 : 0;
      } else if (strip.slots[at] >= 0 && went(strip, phase, at)) back += 1;
    });
  }
  return {counts, deposits, back};
}
