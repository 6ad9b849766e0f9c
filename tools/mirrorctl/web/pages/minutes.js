// The three charts of a day, of one tenant or of all together.

import { get } from './api.js';
import { Chart, timeStep } from './chart.js';
import { el } from './dom.js';
import { brief, span } from './text.js';

const AGAIN_MS = 60000;

/** {element, end()}; asks at once and each minute. `path` of the call. `rowsAlone`: age and cycles mean nothing. */
export function charts(path, { lagTitle, cycleTitle, rowsAlone = false }) {
  const rows = new Chart({ title: 'Rows a second, by the minute', kind: 'area', format: brief });
  const lag = new Chart({ title: lagTitle, kind: 'area', format: (value) => span(value * 1000), step: timeStep(1) });
  const cycle = new Chart({ title: cycleTitle, kind: 'bars', format: (value) => span(value), step: timeStep(0.001) });
  const all = rowsAlone ? [rows] : [rows, lag, cycle];
  const stop = new AbortController();
  const load = async () => {
    try {
      const series = await get(path, stop.signal);
      rows.set(series.begin_ms, series.rows.map((count, i) => (series.lag_s[i] < 0 && count === 0 && !rowsAlone ? -1 : count / 60)));
      lag.set(series.begin_ms, series.lag_s);
      cycle.set(series.begin_ms, series.cycle_ms);
    } catch {
      // The page says that nobody answers.
    }
  };
  load();
  const timer = setInterval(load, AGAIN_MS);
  return {
    element: el('section', { class: rowsAlone ? 'charts one' : 'charts', 'aria-label': 'The last 24 hours' }, all.map((chart) => chart.element)),
    end() {
      stop.abort();
      clearInterval(timer);
      for (const chart of all) chart.end();
    },
  };
}
