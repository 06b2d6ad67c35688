// SPDX-License-Identifier: GPL-2.0-only
// The page: head, views, and the panel of the open cell beside them.

const VIEWS = [
  ['matrix', 'Matrix', SCENARIOS.length, matrixView],
  ['costs', 'Overhead', DATA.costs.length, costsView],
  ['suites', 'Suites', DATA.suites.length, suitesView],
  ['history', 'History', DATA.history.of, historyView],
].filter(([, , any]) => any);

function build() {
  const built = new Map();
  const view = el('div', {id: 'view'});
  const panel = el('article', {id: 'panel', 'aria-label': 'Cell', hidden: true});
  const about = facts();
  const main = el('main', {id: 'main'}, el('div', {id: 'left'}, totals(), grades(), unexpectedList(), VIEWS.length ? filters() : null, view), el('aside', {id: 'side'}, panel, about));
  const tabs = VIEWS.map(([name, title]) => {
    const tab = el('a', {href: hashOf({view: name})}, title);
    onState(() => {
      tab.href = hashOf({view: name, cell: ''});
      if (name === viewName()) tab.setAttribute('aria-current', 'page');
      else tab.removeAttribute('aria-current');
    });
    return tab;
  });
  fill(byId('page'),
    el('header', {id: 'top'}, el('h1', null, 'Page tables ', el('span', {class: 'mono'}, DATA.head.run)),
      tabs.length > 1 ? el('nav', {class: 'tabs', 'aria-label': 'Views'}, tabs) : null, themeButton()),
    main);
  let from = null;
  onState(() => {
    const name = viewName();
    const at = VIEWS.find(([one]) => one === name);
    if (at) {
      if (!built.has(name)) {
        built.set(name, el('section', {'aria-label': at[1]}, at[3]()));
        view.append(built.get(name));
      }
      for (const [one, node] of built) node.hidden = one !== name;
    } else fill(view, el('p', {class: 'none'}, 'No cell of this run has ended.'));
    const open = Boolean(state.cell);
    main.classList.toggle('open', open);
    panel.hidden = !open;
    about.hidden = open;
    if (open) {
      if (opened === null) from = document.activeElement;
      if (opened !== state.cell) {
        const first = opened === null;
        openCell(panel, state.cell);
        byId('side').scrollTop = 0;
        if (first) byId('cellname')?.focus({preventScroll: true});
        if (matchMedia('(max-width: 999px)').matches) scrollTo(0, 0);
      }
    } else if (opened !== null) {
      closeCell();
      if (from?.isConnected) from.focus({preventScroll: false});
    }
  });
}

function viewName() {
  return VIEWS.some(([name]) => name === state.view) ? state.view : VIEWS[0]?.[0];
}

function keys(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === 'Escape' && !typing && state.cell) go({cell: ''});
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    byId('search')?.focus();
  }
}

if (typeof DecompressionStream === 'undefined') {
  add(byId('page'), [el('p', {class: 'notice'}, 'This browser is too old to unpack the report: one of 2024 or later can.')]);
}
readState();
build();
applyState();
addEventListener('hashchange', applyState);
addEventListener('keydown', keys);
