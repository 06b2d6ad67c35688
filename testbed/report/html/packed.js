// SPDX-License-Identifier: GPL-2.0-only
// What the page carries: the data shown at once, and what is unpacked when it is asked for.

const DATA = JSON.parse(byId('data').textContent);
const unpacked = new Map();

const parsed = new Promise((resolve) => {
  if (document.readyState !== 'loading') resolve();
  else document.addEventListener('DOMContentLoaded', () => resolve());
});

function bytesOf(name) {
  if (!unpacked.has(name)) unpacked.set(name, inflate(name));
  return unpacked.get(name);
}

async function inflate(name) {
  await parsed;
  const packed = atob(byId(`packed-${name}`).textContent);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const textOf = async (name) => new TextDecoder().decode(await bytesOf(name));

const texts = new Map();
function jsonOf(name) {
  if (!texts.has(name)) texts.set(name, textOf(name).then(JSON.parse));
  return texts.get(name);
}
