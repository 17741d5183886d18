// Pictures of the metric: over trials, and over epochs.

function drawHistory() {
  const valued = sweep.trials.filter((trial) => isNumber(trial.value));
  const without = sweep.trials.filter(
    (trial) => !isNumber(trial.value) && ["failed", "finished", "pruned"].includes(trial.state),
  );
  if (!valued.length) return show("history", "note", "Nothing to draw yet: no trial has a value so far.");
  const ends = limits(
    valued.map((trial) => trial.value),
    higher,
  );
  const { low, high } = padded(ends);
  const deep = clamp(34 * Object.keys(sweep.importance).length, 250, 380); // as the picture beside it
  const bottom = without.length ? deep - 24 : deep;
  const y = scale(low, high, bottom, 12);
  const all = sweep.trials.map((trial) => trial.number);
  const edge = Math.max(0.5, 0.02 * (Math.max(...all) - Math.min(...all)));
  const width = section("history").clientWidth;
  const x = scale(Math.min(...all) - edge, Math.max(...all) + edge, roomFor(y.ticks), width - 10, {
    whole: true,
    maxTicks: clamp(width / 70, 3, 10),
  });
  const drawn = picture("history", width, deep + 40, "The metric by trial");
  frame(
    drawn,
    x,
    without.length ? { ...y, low: y.low, at: (value) => (value === y.low ? deep : y.at(value)) } : y,
    "trial",
  );
  const size = sweep.trials.length > 150 ? 2.6 : sweep.trials.length > 40 ? 3.5 : 4.5;
  drawStep(drawn, x, y);
  for (const trial of layered(valued)) {
    const [left, top] = [x.at(trial.number), y.at(trial.value)];
    const beyond = trial.value < ends.low ? -1 : trial.value > ends.high ? 1 : 0;
    addTrial(drawn, trial, sign(trial.state, left, top, trial === best ? size + 1.5 : size, -beyond), [
      [[left, top]],
    ]);
  }
  for (const trial of without)
    addTrial(drawn, trial, sign("failed", x.at(trial.number), deep - 10, size * 0.8), [
      [[x.at(trial.number), deep - 10]],
    ]);
  sayHistory(ends, without);
}

// The best finished value so far, which only ever improves.
function drawStep(drawn, x, y) {
  const points = [];
  let record = null;
  for (const trial of finished) {
    if (record !== null && !isBetter(trial.value, record)) continue;
    if (record !== null) points.push([x.at(trial.number), y.at(record)]);
    points.push([x.at(trial.number), y.at(trial.value)]);
    record = trial.value;
  }
  if (record === null) return;
  points.push([x.at(x.high), y.at(record)]);
  drawn.back.append(svg("path", { class: "record", d: pathOf([points]) }));
}

function sayHistory(ends, without) {
  const signs = present("finished", "pruned", "failed", "running").map((state) =>
    signEntry(state, state === "pruned" ? "pruned, where it was stopped" : state),
  );
  show("history", "legend", ...signs, ...(best ? [lineEntry("record", "best so far")] : []));
  const lane = without.length ? " Trials without a value stand on the axis." : "";
  show(
    "history",
    "note",
    `${sweep.metric}, ${higher ? "higher" : "lower"} is better.` +
      lane +
      leftOut(ends, "trial", "drawn at its edge as triangles"),
  );
}

function drawCurves() {
  const withCurves = sweep.trials.filter((trial) =>
    trial.curves.some((curve) => curve.some(([, value]) => isNumber(value))),
  );
  if (!withCurves.length) return show("curves", "note", "No trial has finished an epoch so far.");
  const pairs = withCurves.flatMap((trial) => trial.curves.flat()).filter(([, value]) => isNumber(value));
  const ends = limits(
    pairs.map(([, value]) => value),
    higher,
  );
  const { low, high } = padded(ends);
  const y = scale(low, high, 290, 12);
  const epochs = pairs
    .map(([epoch]) => epoch)
    .reduce(([first, last], epoch) => [Math.min(first, epoch), Math.max(last, epoch)], [Infinity, -Infinity]);
  const width = section("curves").clientWidth;
  const range = epochs[0] < epochs[1] ? epochs : [epochs[0] - 0.5, epochs[0] + 0.5];
  const x = scale(range[0], range[1], roomFor(y.ticks), width - 14, {
    whole: true,
    maxTicks: clamp(width / 80, 3, 12),
  });
  const drawn = picture("curves", width, 330, "Learning curves of all trials");
  const inside = svg("clipPath", { id: "inside" }, svg("rect", { x: 0, y: 6, width, height: 288 }));
  frame(drawn, x, y, "epoch");
  drawn.back.append(inside);
  for (const layer of [drawn.marks, drawn.over]) layer.setAttribute("clip-path", "url(#inside)");
  const unclamped = (value) => 290 - ((value - low) / (high - low)) * 278; // beyond the edge, where the clip cuts it
  for (const trial of layered(withCurves)) drawCurve(drawn, trial, x, unclamped, withCurves.length * sweep.seeds);
  sayCurves(ends, withCurves);
}

function drawCurve(drawn, trial, x, y, count) {
  const lines = trial.curves.flatMap((curve) =>
    segments(curve.map(([epoch, value]) => (isNumber(value) ? [x.at(epoch), y(value)] : null))),
  );
  const ended = lines.filter((points) => trial.state === "pruned" || points.length === 1);
  const ends = ended.map((points) => sign(trial.state, ...points.at(-1), 2.2));
  addTrial(
    drawn,
    trial,
    svg("g", {}, svg("path", { class: "line", d: pathOf(lines), ...crowd(trial, count) }), ...ends),
    lines,
  );
}

function sayCurves(ends, withCurves) {
  const states = present("pruned", "failed", "running").filter((state) =>
    withCurves.some((trial) => trial.state === state),
  );
  const legend = [
    colourEntry(),
    best && lineEntry("best", `best, trial ${best.number}`),
    ...states.map((state) =>
      lineEntry(`${state} whole`, state === "pruned" ? "pruned, to where it was stopped" : state),
    ),
  ];
  show("curves", "legend", ...legend.filter(Boolean));
  const outside = withCurves.filter((trial) =>
    trial.curves.flat().some(([, value]) => isNumber(value) && (value < ends.low || value > ends.high)),
  );
  const cut = outside.length
    ? ` The axis of ${sweep.metric} ${ends.cut.low ? "begins" : "ends"} at ${metricFormat(ends.cut.low ? ends.low : ends.high)}: ${plural(outside.length, "trial")} ${outside.length === 1 ? "leaves" : "leave"} the picture there.`
    : "";
  show(
    "curves",
    "note",
    `${sweep.metric} by epoch${sweep.seeds > 1 ? `, a line for each ${sweep.repeat}` : ""}; ${higher ? "higher" : "lower"} is better.${sayCrowd(withCurves.length * sweep.seeds)}${cut}`,
  );
}
