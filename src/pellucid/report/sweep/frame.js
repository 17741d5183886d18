// What pictures have in common: axes, symbols, legends, texts that fit, and lines with gaps.

const measure = document.createElement("canvas").getContext("2d");
function widthOf(text, size, weight = 400) {
  measure.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return measure.measureText(text).width;
}

// The text, its middle left out where it is longer than `limit` pixels.
function fitted(text, limit, size, weight) {
  const letters = [...text.replace(/\s+/g, " ")];
  if (widthOf(letters.join(""), size, weight) <= limit) return letters.join("");
  let count = letters.length - 1;
  const cut = () =>
    letters.slice(0, Math.ceil(count / 2)).join("") +
    "…" +
    letters.slice(letters.length - Math.floor(count / 2)).join("");
  while (count > 1 && widthOf(cut(), size, weight) > limit) count--;
  return cut();
}

// A text in a picture, shortened to `limit` pixels; the whole of it appears where the pointer rests.
function label(text, x, y, { limit = Infinity, size = 11, kind = "", anchor = "start" } = {}) {
  const fitting = fitted(text, limit, size, kind.includes("strong") ? 600 : 400);
  const title = fitting === text ? null : svg("title", {}, text);
  return svg("text", { x, y, class: kind || null, "font-size": size, "text-anchor": anchor }, fitting, title);
}

const line = (x1, y1, x2, y2, kind) => svg("line", { x1, y1, x2, y2, class: kind });

// Axes below and left of a plot, with thin lines across at the values' ticks.
function frame(drawn, x, y, title) {
  const left = x.at(x.low),
    right = x.at(x.high),
    bottom = y.at(y.low);
  for (const [value, text] of y.ticks) {
    drawn.back.append(line(left, y.at(value), right, y.at(value), "grid"));
    drawn.back.append(label(text, left - 8, y.at(value) + 4, { anchor: "end", kind: "tick" }));
  }
  for (const [value, text] of x.ticks) {
    drawn.back.append(line(x.at(value), bottom, x.at(value), bottom + 4, "axis"));
    drawn.back.append(label(text, x.at(value), bottom + 17, { anchor: "middle", kind: "tick" }));
  }
  drawn.back.append(line(left, bottom, right, bottom, "axis"));
  drawn.back.append(label(title, right, bottom + 33, { anchor: "end", kind: "tick" }));
}

// Room left of a plot for its values' texts.
const roomFor = (ticks) => 14 + Math.max(0, ...ticks.map(([, text]) => widthOf(text, 11)));

// Segments of a path through [x, y] points; null is a gap. A point alone becomes a dot.
function segments(points) {
  const lines = [[]];
  for (const point of points) point ? lines.at(-1).push(point) : lines.push([]);
  return lines.filter((segment) => segment.length);
}
function pathOf(lines) {
  const pair = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  return lines
    .map(
      (points) =>
        `M${pair(points[0])}` +
        (points.length > 1
          ? points
              .slice(1)
              .map((point) => `L${pair(point)}`)
              .join("")
          : "h.01"),
    )
    .join("");
}

// The sign of a trial: finished a disc, pruned a ring, failed a cross, else a square;
// `beyond` (−1 below, 1 above) is a triangle that points to where it really lies.
function sign(state, x, y, r, beyond = 0) {
  if (beyond)
    return svg("path", {
      class: `dot ${state}`,
      d: `M${x - r} ${y + beyond * r * 0.7}h${2 * r}l${-r} ${-beyond * 1.7 * r}z`,
    });
  if (state === "finished" || state === "pruned")
    return svg("circle", { class: `dot ${state}`, cx: x, cy: y, r });
  if (state === "failed")
    return svg("path", {
      class: "dot failed",
      d: `M${x - r} ${y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`,
    });
  return svg("rect", { class: `dot ${state}`, x: x - r, y: y - r, width: 2 * r, height: 2 * r });
}

const entry = (width, text, ...drawing) =>
  html(
    "span",
    {},
    svg("svg", { width, height: 12, viewBox: `0 0 ${width} 12`, "aria-hidden": "true" }, ...drawing),
    text,
  );
const signEntry = (state, text = state) =>
  entry(12, text, svg("g", { "--colour": "var(--scale-6)" }, sign(state, 6, 6, 3.5)));
const lineEntry = (kind, text) =>
  entry(26, text, svg("path", { class: `line ${kind}`, d: "M2 6h22", "--colour": "var(--scale-8)" }));

// What the colours mean; empty until two trials differ.
function colourEntry() {
  if (!colourLimits || colourLimits.low === colourLimits.high) return null;
  const { low, high, cut } = colourLimits;
  const [first, last] = [
    `${cut.low ? "≤ " : ""}${metricFormat(low)}`,
    `${cut.high ? "≥ " : ""}${metricFormat(high)}`,
  ];
  const bar = html("i", { class: `ramp ${higher ? "" : "falling"}` });
  return html("span", { class: "scale" }, `${sweep.metric}  ${first}`, bar, last);
}

// A sentence on what an axis leaves out, so that no picture hides it.
function leftOut({ low, high, cut }, noun, how) {
  if (cut.low)
    return ` The axis of ${sweep.metric} begins at ${metricFormat(low)}: ${plural(cut.low, noun)} below it ${cut.low === 1 ? "is" : "are"} ${how}.`;
  if (cut.high)
    return ` The axis of ${sweep.metric} ends at ${metricFormat(high)}: ${plural(cut.high, noun)} above it ${cut.high === 1 ? "is" : "are"} ${how}.`;
  return "";
}

const present = (...states) => states.filter((state) => ofState(state).length);
// Where lines are many they are thin, and the better ones the stronger, of which a sentence tells.
const CROWD = 40;
const sayCrowd = (count) => (count > CROWD && best ? " The better a trial, the stronger its line." : "");
function crowd(trial, count) {
  if (count <= CROWD) return { "--width": 1.8, "--strength": 0.95 };
  const weakest = count > 150 ? 0.14 : 0.3;
  return {
    "--width": count > 150 ? 1 : 1.3,
    "--strength": (weakest + (0.85 - weakest) * (ranks.get(trial) ?? 0) ** 3).toFixed(2),
  };
}
// Those that say least first, so that the best lie on top.
const ORDER = { waiting: 0, running: 1, failed: 2, pruned: 3, finished: 4 };
function layered(list) {
  const worth = (trial) => (isNumber(trial.value) ? (higher ? trial.value : -trial.value) : -Infinity);
  const sorted = [...list].sort(
    (a, b) => ORDER[a.state] - ORDER[b.state] || worth(a) - worth(b) || b.number - a.number,
  );
  return best
    ? [...sorted.filter((trial) => trial !== best), ...sorted.filter((trial) => trial === best)]
    : sorted;
}
