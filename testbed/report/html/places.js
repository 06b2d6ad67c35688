// SPDX-License-Identifier: GPL-2.0-only
// Packed maps, read and laid over each other: a place for every table that a process ever had. maps.py says how they
// are packed. Gaps are left out, and a place is the same in all phases, so that one sees which tables went.

const PLANES = ['pte', 'pmd', 'pud', 'p4d', 'deposit'];
const DRAWN = ['p4d', 'pud', 'pmd', 'pte', 'deposit'];
// What a place may be in a phase beside a class: nothing yet, or nothing any more.
const ABSENT = 255;
const GONE = 254;
// Above as many interruptions, for so many tables, they are not shown: blanks would be most of the picture.
const FEW_GAPS = 0.1;

/** Read a map: of each owner and plane the runs, as columns of slots, lengths, classes and contents. */
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
  return place.spaces.map((name) => ({name, planes: PLANES.map(() => unpackRuns(next))}));
}

function unpackRuns(next) {
  const count = next();
  const runs = {count, slots: new Float64Array(count), lengths: new Float64Array(count), kinds: new Uint8Array(count), contents: new Uint32Array(count)};
  for (let run = 0; run < count; run += 1) runs.slots[run] = next();
  for (let run = 0; run < count; run += 1) {
    const size = next();
    runs.kinds[run] = size % 4;
    runs.lengths[run] = Math.floor(size / 4);
  }
  for (let run = 0; run < count; run += 1) runs.contents[run] = next();
  let last = 0;
  for (let run = 0; run < count; run += 1) {
    runs.slots[run] += last;
    last = runs.slots[run] + runs.lengths[run] - 1;
  }
  return runs;
}

/** Lay the phases of a cell over each other: a strip for each process and plane, with a place for every table. */
function layOver(phases) {
  const strips = [];
  for (const owner of new Set(phases.flatMap((phase) => phase.spaces.map((space) => space.name)))) {
    for (const plane of DRAWN) {
      const index = PLANES.indexOf(plane);
      const seen = phases.map((phase) => phase.spaces.find((space) => space.name === owner)?.planes[index] || {count: 0});
      if (seen.some((runs) => runs.count)) strips.push({owner, plane, index, ...places(seen)});
    }
  }
  return {owners: [...new Set(strips.map((strip) => strip.owner))], strips};
}

/** Give every slot that ever had a table a place, in order; a slot has as many as it ever had tables at once. */
function places(seen) {
  const many = crowded(seen);
  const spans = spansOf(seen, many);
  const width = ({from, to}) => many.get(from) || to - from;
  const tables = spans.reduce((sum, span) => sum + width(span), 0);
  const blanks = spans.length - 1 <= Math.max(8, tables * FEW_GAPS);
  let length = 0;
  let before = null;
  for (const span of spans) {
    if (blanks && before !== null && span.from !== before) length += 1;
    span.at = length;
    length += width(span);
    before = span.to;
  }
  const slots = new Float64Array(length).fill(-1);
  for (const span of spans) {
    for (let step = 0; step < width(span); step += 1) slots[span.at + step] = many.has(span.from) ? span.from : span.from + step;
  }
  const ever = new Uint8Array(length);
  return {slots, phases: seen.map((runs) => phaseOf(runs, spans, ever))};
}

/** Slots with several tables, and how many: only deposits have such, and there each is a run. */
function crowded(seen) {
  const many = new Map();
  for (const runs of seen) {
    let count = 1;
    for (let run = 1; run < runs.count; run += 1) {
      count = runs.slots[run] === runs.slots[run - 1] ? count + 1 : 1;
      if (count > 1) many.set(runs.slots[run], Math.max(count, many.get(runs.slots[run]) || 0));
    }
  }
  return many;
}

/** What the runs of all phases cover, as spans in order that do not overlap; a slot with several tables is one alone. */
function spansOf(seen, many) {
  const spans = [];
  const queues = seen.map((runs) => piecesOf(runs, many));
  const next = queues.map(() => 0);
  for (;;) {
    let first = -1;
    for (let phase = 0; phase < queues.length; phase += 1) {
      const piece = queues[phase][next[phase]];
      if (piece && (first < 0 || piece.from < queues[first][next[first]].from)) first = phase;
    }
    if (first < 0) return spans;
    const {from, to} = queues[first][next[first]];
    next[first] += 1;
    const last = spans[spans.length - 1];
    if (!last || from > last.to || (from === last.to && (many.has(from) || many.has(last.from)))) spans.push({from, to});
    else last.to = Math.max(last.to, to);
  }
}

/** The runs of a phase, cut where a slot has several tables. */
function piecesOf(runs, many) {
  const pieces = [];
  for (let run = 0; run < runs.count; run += 1) {
    let from = runs.slots[run];
    const to = from + runs.lengths[run];
    for (let slot = from; many.size && slot < to; slot += 1) {
      if (!many.has(slot)) continue;
      if (slot > from) pieces.push({from, to: slot});
      pieces.push({from: slot, to: slot + 1});
      from = slot + 1;
    }
    if (to > from) pieces.push({from, to});
  }
  return pieces;
}

/** Put the tables of a phase to their places; `ever` notes which places had one so far. */
function phaseOf(runs, spans, ever) {
  const kinds = new Uint8Array(ever.length).fill(ABSENT);
  const contents = new Uint32Array(ever.length);
  let span = 0;
  for (let run = 0; run < runs.count; run += 1) {
    for (let done = 0; done < runs.lengths[run];) {
      const slot = runs.slots[run] + done;
      while (slot >= spans[span].to) span += 1;
      let at = spans[span].at + slot - spans[span].from;
      while (kinds[at] !== ABSENT) at += 1;
      const length = Math.min(runs.lengths[run] - done, spans[span].to - slot);
      kinds.fill(runs.kinds[run], at, at + length);
      contents.fill(runs.contents[run], at, at + length);
      done += length;
    }
  }
  for (let at = 0; at < kinds.length; at += 1) {
    if (kinds[at] !== ABSENT) ever[at] = 1;
    else if (ever[at]) kinds[at] = GONE;
  }
  return {kinds, contents};
}
