// Numbers as text, and scales with round ticks. Nothing here touches the page.

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const minus = (text) => text.replaceAll("-", "−");
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

// Four digits, and all of a whole number below a million: 0.9123, 12346, 3.2e−5, 1.34e7.
function digits(value, significant = 4) {
  if (!isNumber(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return minus(String(value));
  if (size >= 1e6 || size < 1e-4)
    return minus(Number(value.toPrecision(significant)).toExponential().replace("e+", "e"));
  const decimals = Math.max(0, significant - 1 - Math.floor(Math.log10(size)));
  return minus(String(Number(value.toFixed(decimals))));
}

// A parameter's value as one would type it.
function typed(value) {
  if (value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? minus(String(value)) : digits(value);
  if (typeof value === "string") return value === "" ? "''" : value;
  return JSON.stringify(value);
}

// How a column's numbers are written: with as many decimals as tell them apart, so that they align;
// those of quite another size than most, and those that would be nothing but zeros, on their own.
function columnFormat(values) {
  const all = values.filter(isNumber);
  if (all.every(Number.isInteger)) return digits;
  const middle = all.map(Math.abs).sort((a, b) => a - b)[Math.floor(all.length / 2)];
  const usual = middle > 0 ? all.filter((value) => Math.abs(value) <= 10 * middle) : all;
  const largest = Math.max(...usual.map(Math.abs)),
    span = Math.max(...usual) - Math.min(...usual);
  const decimals = clamp(
    Math.max(3 - Math.floor(Math.log10(largest)), 2 - Math.floor(Math.log10(span || largest))),
    0,
    6,
  );
  return (value) => {
    if (!isNumber(value)) return "–";
    const size = Math.abs(value),
      alone = size > 100 * largest || size >= 1e6 || (size > 0 && size < 0.5 * 10 ** -decimals);
    return alone ? digits(value) : minus(value.toFixed(decimals));
  };
}

// 0.9123 ± 0.0042: the deviation with two digits, the mean with as many decimals.
function withDeviation(mean, deviation, alone = digits) {
  if (!isNumber(mean) || !isNumber(deviation)) return alone(mean);
  if (deviation === 0) return `${alone(mean)} ± 0`;
  const decimals = 1 - Math.floor(Math.log10(deviation));
  if (decimals < 0 || decimals > 8) return `${digits(mean)} ± ${digits(deviation, 2)}`;
  return `${minus(mean.toFixed(decimals))} ± ${deviation.toFixed(decimals)}`;
}

// 0.9079 to 0.9167, with a digit more than half its width needs.
function intervalOf(mean, half) {
  if (!isNumber(mean) || !isNumber(half)) return "–";
  const decimals = half === 0 ? 4 : clamp(1 - Math.floor(Math.log10(half)), 0, 8);
  return `${minus((mean - half).toFixed(decimals))} to ${minus((mean + half).toFixed(decimals))}`;
}

function duration(seconds) {
  if (!isNumber(seconds)) return "–";
  if (seconds < 99.5) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

// Ends of an axis for these values. Values much worse than the rest are left out where they would squeeze
// it into less than a tenth of the axis; `low` and `high` of `cut` tell how many. The better side is whole.
function limits(values, higherIsBetter) {
  if (!values.length) return null;
  const cost = Float64Array.from(values, (value) => (higherIsBetter ? -value : value)).sort();
  const worst = keptCost(cost),
    count = cost.filter((value) => value > worst).length;
  if (higherIsBetter) return { low: -worst, high: -cost[0], cut: { low: count, high: 0 } };
  return { low: cost[0], high: worst, cut: { low: 0, high: count } };
}

// The highest of sorted costs that an axis keeps: beyond six times the better half's spread those only that
// follow without a gap.
function keptCost(cost) {
  const last = cost[cost.length - 1],
    median = cost[Math.floor((cost.length - 1) / 2)];
  const fence = median + 6 * (median - cost[Math.ceil(0.25 * (cost.length - 1))]);
  if (cost.length < 4 || fence <= median) return last;
  let kept = cost.findLast((value) => value <= fence);
  const range = kept - cost[0];
  for (const value of cost)
    if (value > kept && value - kept < 0.25 * range && value - cost[0] < 3 * range) kept = value;
  return last - cost[0] > 10 * (kept - cost[0]) ? kept : last;
}

function padded({ low, high }, share = 0.05) {
  if (low === high)
    return { low: low - (Math.abs(low) * 0.05 || 0.5), high: high + (Math.abs(high) * 0.05 || 0.5) };
  return { low: low - share * (high - low), high: high + share * (high - low) };
}

function linearTicks(low, high, limit, whole) {
  const minimum = (high - low) / limit;
  const power = 10 ** Math.floor(Math.log10(minimum));
  let step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= minimum * (1 - 1e-9));
  if (whole) step = Math.max(1, step);
  const ticks = [];
  for (let number = Math.ceil(low / step - 1e-6); number <= high / step + 1e-6; number++)
    ticks.push(number * step);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const large = Math.max(Math.abs(low), Math.abs(high)) >= 1e6 || decimals > 5;
  return ticks.map((value) => [
    value,
    large
      ? digits(Number(value.toPrecision(10)))
      : minus(value.toFixed(decimals).replace(/^-(0\.?0*)$/, "$1")),
  ]);
}

function power(exponent) {
  if (Math.abs(exponent) <= 2) return digits(10 ** exponent);
  return "10" + [...String(exponent)].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻").join("");
}

function logTicks(low, high, limit) {
  const first = Math.ceil(Math.log10(low) - 1e-9),
    last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.ceil((last - first + 1) / limit);
  const decades = [];
  for (let decade = first; decade <= last; decade++) if ((decade - first) % every === 0) decades.push(decade);
  if (decades.length >= 3) return decades.map((decade) => [10 ** decade, power(decade)]);
  const finer = [];
  for (let decade = first - 1; decade <= last; decade++)
    for (const times of [1, 2, 5]) finer.push(Number(`${times}e${decade}`));
  const inside = finer.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  return inside.length >= 2
    ? inside.map((value) => [value, digits(value)])
    : linearTicks(low, high, limit, false);
}

// Values to pixels, from `start` (low) to `end` (high); what lies outside is put at the nearer end.
function scale(low, high, start, end, { log = false, whole = false, maxTicks = 5 } = {}) {
  const transform = log ? Math.log10 : (value) => value;
  const span = transform(high) - transform(low) || 1;
  const at = (value) => start + clamp((transform(value) - transform(low)) / span, 0, 1) * (end - start);
  return { low, high, at, ticks: log ? logTicks(low, high, maxTicks) : linearTicks(low, high, maxTicks, whole) };
}
