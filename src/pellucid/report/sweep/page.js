// The data, the page's elements, a trial's colour.

const sweep = JSON.parse(document.getElementById("data").textContent);
const higher = sweep.direction === "maximize";
const trials = new Map(sweep.trials.map((trial) => [trial.number, trial]));
const best = trials.get(sweep.best) ?? null;
const section = (id) => document.getElementById(id);
const ofState = (state) => sweep.trials.filter((trial) => trial.state === state);
const finished = ofState("finished").filter((trial) => isNumber(trial.value));
const bestFirst = (a, b) => (higher ? b.value - a.value : a.value - b.value);
// From almost 0 (the worst) to 1 (the best finished trial).
const ranks = new Map(
  [...finished]
    .sort((a, b) => bestFirst(b, a))
    .map((trial, index) => [trial, (index + 1) / finished.length]),
);
const isBetter = (value, record) => (higher ? value > record : value < record);

const show = (id, part, ...children) =>
  section(id)
    .querySelector(`.${part}`)
    .replaceChildren(...children);

// Colours: from the worst (0) to the best (1) finished trial.
const colourLimits = limits(
  finished.map((trial) => trial.value),
  higher,
);
function shareOf(trial) {
  if (trial.state !== "finished" || !isNumber(trial.value)) return null;
  const { low, high } = colourLimits;
  if (high === low) return 1;
  const share = clamp((trial.value - low) / (high - low), 0, 1);
  return higher ? share : 1 - share;
}
function colourOf(trial) {
  if (shareOf(trial) === null) return null;
  const position = 8 * shareOf(trial);
  const step = Math.min(7, Math.floor(position));
  return `color-mix(in oklab, var(--scale-${step + 1}) ${Math.round(100 * (position - step))}%, var(--scale-${step}))`;
}
const metricFormat = columnFormat(sweep.trials.map((trial) => trial.value));
const deviationFormat = (value) => (isNumber(value) ? ` ± ${metricFormat(value)}` : "");
const valueOf = (trial) => metricFormat(trial.value) + deviationFormat(trial.deviation);
