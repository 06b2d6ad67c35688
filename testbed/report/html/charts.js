// SPDX-License-Identifier: GPL-2.0-only
// Charts are drawn by a library that is unpacked when the first is to be seen.

let library = null;

function plotly() {
  library ||= textOf('charts').then((text) => {
    // the page's policy lets run what has this very text, and nothing else
    document.head.append(el('script', null, text));
    return window.Plotly;
  });
  return library;
}

/** The library reads some tags in its texts: a guest's must not be read so. */
const plain = (text) => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/** Draw `make()`, which gives traces and a layout, into a node, and again when the colours change. */
async function chart(node, make) {
  const Plotly = await plotly();
  const draw = () => {
    if (!node.isConnected) return;
    const {traces, layout} = make();
    Plotly.react(node, traces, {...base(), ...layout, xaxis: {...axis(), ...layout.xaxis}, yaxis: {...axis(), ...layout.yaxis}},
      {displayModeBar: false, responsive: true, showTips: false});
  };
  draw();
  return draw;
}

function base() {
  return {
    autosize: true,
    height: 300,
    margin: {l: 64, r: 14, t: 22, b: 40},
    separators: '.,',
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font: {family: 'system-ui, sans-serif', size: 12, color: css('text')},
    hoverlabel: {bgcolor: css('panel'), bordercolor: css('line'), font: {color: css('text')}},
    legend: {orientation: 'h', y: -0.16, yanchor: 'top', x: 0},
    hovermode: 'closest',
    dragmode: false,
    showlegend: true,
  };
}

function axis() {
  return {gridcolor: css('line'), linecolor: css('line'), zerolinecolor: css('line'), tickcolor: css('line'), automargin: true, fixedrange: true};
}
