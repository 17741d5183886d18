// How far a configuration's runs lie apart, and which parameters mattered.

function drawSeeds() {
  const withSeeds = finished
    .filter((trial) => Object.values(trial.seeds).some(isNumber))
    .sort((a, b) => bestFirst(a, b) || a.number - b.number);
  if (!withSeeds.length) return show("seeds", "note", "No trial has finished yet.");
  const all = withSeeds.flatMap((trial) => Object.values(trial.seeds)).filter(isNumber);
  const ends = limits(all, higher);
  const { low, high } = padded(ends);
  const y = scale(low, high, 250, 12);
  const room = roomFor(y.ticks),
    width = section("seeds").clientWidth;
  const pitch = Math.min(56, (width - room - 12) / withSeeds.length),
    numbered = pitch >= 24;
  const x = scale(0.5, withSeeds.length + 0.5, room, room + pitch * withSeeds.length, { whole: true, maxTicks: 10 });
  x.ticks = numbered
    ? withSeeds.map((trial, index) => [index + 1, String(trial.number)])
    : x.ticks.filter(([rank]) => rank >= 1 && rank <= withSeeds.length);
  const title = numbered ? "trial" : "rank by mean";
  const drawn = picture(
    "seeds",
    Math.max(room + pitch * withSeeds.length + 12, room + widthOf(title, 11)),
    290,
    `The metric of each ${sweep.repeat} by trial`,
  );
  frame(drawn, x, y, title);
  withSeeds.forEach((trial, index) => drawSpread(drawn, trial, x.at(index + 1), y, ends, pitch));
  show(
    "seeds",
    "legend",
    signEntry("finished", `a ${sweep.repeat}`),
    lineEntry("mean", "mean"),
    entry(12, "± standard deviation", svg("path", { class: "spread", d: "M6 0v12" })),
  );
  show(
    "seeds",
    "note",
    `Finished trials by their mean, the best first, with each of their runs. Two trials whose bars overlap widely are hardly told apart by ${plural(sweep.seeds, sweep.repeat)}.` +
      leftOut(ends, "run", "drawn at its edge as triangles"),
  );
}

function drawSpread(drawn, trial, x, y, ends, pitch) {
  const wide = clamp(0.35 * pitch, 1, 9),
    size = clamp(0.16 * pitch, 1.3, 3.5);
  const at = y.at(trial.value),
    deviation = trial.deviation ?? 0;
  const bar = svg("path", {
    class: "spread",
    d: `M${x} ${y.at(trial.value - deviation)}V${y.at(trial.value + deviation)}`,
    "stroke-width": clamp(0.25 * pitch, 1, 5),
  });
  const dots = Object.values(trial.seeds)
    .filter(isNumber)
    .map((value) => {
      const beyond = value < ends.low ? 1 : value > ends.high ? -1 : 0;
      return sign("finished", x, y.at(value), size, beyond);
    });
  const mean = svg("path", { class: "mean", d: `M${x - wide} ${at}h${2 * wide}` });
  addTrial(drawn, trial, svg("g", {}, bar, ...dots, mean), [
    [
      [x, y.at(trial.value - deviation)],
      [x, y.at(trial.value + deviation)],
    ],
  ]);
}

function drawImportance() {
  const shares = Object.entries(sweep.importance)
    .filter(([, share]) => isNumber(share))
    .sort((a, b) => b[1] - a[1]);
  if (!shares.length)
    return show(
      "importance",
      "note",
      "Not known yet: it is estimated from several finished trials that differ.",
    );
  const width = section("importance").clientWidth,
    pitch = 34;
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${pitch * shares.length}`,
    width,
    height: pitch * shares.length,
    role: "img",
    "aria-label": "Importance of parameters",
  });
  shares.forEach(([name, share], index) => {
    const top = pitch * index;
    const percent =
      share >= 0.0995 || share === 0 ? Math.round(100 * share) : Number((100 * share).toPrecision(1));
    root.append(
      label(name, 0, top + 11, { limit: width - 50 }),
      label(`${percent} %`, width, top + 11, { anchor: "end", kind: "tick" }),
    );
    root.append(svg("rect", { class: "track", x: 0, y: top + 17, width, height: 5, rx: 2.5 }));
    root.append(
      svg("rect", {
        class: "share",
        x: 0,
        y: top + 17,
        width: Math.max(1, width * Math.max(0, share)),
        height: 5,
        rx: 2.5,
      }),
    );
  });
  show("importance", "plot", root);
  const rough = finished.length < 20 ? " With so few trials this is a rough guess." : "";
  show(
    "importance",
    "note",
    `How much of the differences in ${sweep.metric} each parameter accounts for, estimated from ${plural(finished.length, "finished trial")}.${rough}`,
  );
}
