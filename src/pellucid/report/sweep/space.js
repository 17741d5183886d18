// Parallel coordinates: an axis for each parameter, the metric on the last one, a line for each trial.

const TOP = 52,
  LEFT = 10,
  RIGHT = 96,
  DEEP = 290;
const keyOf = (value) => JSON.stringify(value ?? null);

// Each axis: its name, its ticks [pixel, text], a note, and where a trial's line crosses it (or null).
function rangeAxis(name, low, high, log, valueOfTrial) {
  const values = sweep.trials.map(valueOfTrial).filter(isNumber);
  const ends = {
    low: Math.min(...[low, ...values].filter(isNumber)),
    high: Math.max(...[high, ...values].filter(isNumber)),
  };
  const logarithmic = log && ends.low > 0 && ends.high > ends.low;
  const whole = values.length > 0 && [...values, ends.low, ends.high].every(Number.isInteger);
  const { low: first, high: last } =
    ends.low < ends.high ? ends : padded({ low: ends.low || 0, high: ends.low || 0 });
  const axis = scale(first, last, TOP + DEEP, TOP, { log: logarithmic, whole, maxTicks: 6 });
  const ticks = axis.ticks.map(([value, text]) => [axis.at(value), text]);
  const at = (trial) => (isNumber(valueOfTrial(trial)) ? axis.at(valueOfTrial(trial)) : null);
  return { name, ticks, at, note: logarithmic ? "log" : "", bands: [] };
}

// Lines through one choice are spread over its band, the best of them at the upper end.
function choiceAxis({ name, choices }) {
  const searched = sweep.trials.filter((trial) => name in trial.parameters);
  const choiceOf = new Map(
    [...choices, ...searched.map((trial) => trial.parameters[name])].map((choice) => [keyOf(choice), choice]),
  );
  let keys = [...choiceOf.keys()];
  if ([...choiceOf.values()].every(isNumber)) keys.sort((a, b) => choiceOf.get(b) - choiceOf.get(a));
  const pitch = DEEP / keys.length,
    half = Math.min(0.3 * pitch, 26);
  const middles = new Map(keys.map((key, index) => [key, TOP + pitch * (index + 0.5)]));
  const crossing = new Map();
  for (const key of keys) {
    const group = layered(searched.filter((trial) => keyOf(trial.parameters[name]) === key)).reverse();
    const spacing = group.length > 1 ? Math.min(5, (2 * half) / (group.length - 1)) : 0;
    group.forEach((trial, index) =>
      crossing.set(trial, middles.get(key) + (index - (group.length - 1) / 2) * spacing),
    );
  }
  const every = Math.ceil(13 / pitch);
  const ticks = keys
    .filter((_, index) => index % every === 0)
    .map((key) => [middles.get(key), typed(choiceOf.get(key))]);
  const bands = keys.map((key) => [middles.get(key) - half, middles.get(key) + half]);
  return {
    name,
    ticks,
    at: (trial) => crossing.get(trial) ?? null,
    note: every > 1 ? `${keys.length} choices` : "",
    bands,
  };
}

function metricAxis(ends) {
  const { low, high } = padded(ends, 0.02);
  const axis = scale(low, high, TOP + DEEP, TOP, { maxTicks: 6 });
  const ticks = axis.ticks.map(([value, text]) => [axis.at(value), text]);
  return {
    name: sweep.metric,
    ticks,
    at: (trial) => (isNumber(trial.value) ? axis.at(trial.value) : null),
    note: "",
    bands: [],
    metric: true,
  };
}

function drawSpace() {
  if (!sweep.parameters.length)
    return show("space", "note", "Nothing is searched over: all trials are alike.");
  const ends = limits(sweep.trials.map((trial) => trial.value).filter(isNumber), higher);
  const axes = sweep.parameters.map((parameter) =>
    parameter.choices
      ? choiceAxis(parameter)
      : rangeAxis(
          parameter.name,
          parameter.low,
          parameter.high,
          parameter.log,
          (trial) => trial.parameters[parameter.name],
        ),
  );
  if (ends) axes.push(metricAxis(ends));
  const gap = clamp((section("space").clientWidth - LEFT - RIGHT) / Math.max(1, axes.length - 1), 78, 250);
  const width = LEFT + RIGHT + gap * (axes.length - 1);
  const drawn = picture("space", width, TOP + DEEP + 30, "Parallel coordinates of all trials");
  axes.forEach((axis, index) =>
    drawAxis(drawn, axis, LEFT + index * gap, index < axes.length - 1 ? gap - 12 : RIGHT - 4),
  );
  for (const trial of layered(sweep.trials)) {
    const lines = segments(
      axes.map((axis, index) => (axis.at(trial) === null ? null : [LEFT + index * gap, axis.at(trial)])),
    );
    if (lines.length)
      addTrial(
        drawn,
        trial,
        svg("path", { class: "line", d: pathOf(lines), ...crowd(trial, sweep.trials.length) }),
        lines,
      );
  }
  saySpace(ends, drawn.shapes);
}

function drawAxis(drawn, { name, ticks, note, bands, metric }, x, room) {
  const dot = name.lastIndexOf(".", name.includes("=") ? name.indexOf("=") : undefined);
  const [prefix, last] = [name.slice(0, dot + 1), name.slice(dot + 1)];
  if (prefix) drawn.front.append(label(prefix, x, TOP - 31, { limit: room, kind: "tick" }));
  drawn.front.append(label(last, x, TOP - 16, { limit: room, size: 12, kind: "strong" }));
  drawn.front.append(line(x, TOP - 4, x, TOP + DEEP + 4, metric ? "axis metric" : "axis"));
  for (const [start, end] of bands)
    drawn.front.append(
      svg("rect", { class: "band", x: x - 2, y: start - 3, width: 4, height: end - start + 6, rx: 2 }),
    );
  for (const [y, text] of ticks) {
    if (!bands.length) drawn.front.append(line(x - 3, y, x + 3, y, "axis"));
    drawn.front.append(label(text, x + 7, y + 4, { limit: room - 7, kind: "tick halo" }));
  }
  if (note) drawn.front.append(label(note, x, TOP + DEEP + 22, { limit: room, kind: "tick" }));
}

function saySpace(ends, shapes) {
  const texts = {
    pruned: "pruned: stopped early, its figure is not comparable",
    failed: "failed",
    running: "running",
    waiting: "waiting",
  };
  const entries = present("pruned", "failed", "running", "waiting")
    .filter((state) => ofState(state).some((trial) => shapes.has(trial.number)))
    .map((state) => lineEntry(state, texts[state]));
  show(
    "space",
    "legend",
    ...(best ? [colourEntry(), lineEntry("best", `best, trial ${best.number}`)] : []).filter(Boolean),
    ...entries,
  );
  const reading = sweep.trials.length
    ? "Each line is a trial; it crosses every axis at the value it used."
    : "No trial has begun; these are the values that will be tried.";
  const order =
    best && sweep.parameters.some((parameter) => parameter.choices)
      ? " Lines through the same choice lie side by side, the better ones higher."
      : "";
  show(
    "space",
    "note",
    reading + order + sayCrowd(sweep.trials.length) + (ends ? leftOut(ends, "trial", "drawn at its end") : ""),
  );
}
