// What makes one trial light up everywhere: under the pointer, by the arrow keys, in the table.

// Pictures of trials. `shapes` has by trial its element and the lines it consists of, to find the nearest.
let pictures = [];
let lit = null;

function picture(id, width, height, label) {
  const layers = ["back", "marks", "lit", "front"].map((name) => svg("g", { class: name }));
  const attributes = {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    tabindex: 0,
    role: "group",
    "aria-label": label,
  };
  const root = svg("svg", attributes, ...layers);
  const [back, marks, over, front] = layers;
  const drawn = { root, back, marks, over, front, width, height, shapes: new Map() };
  listen(drawn);
  pictures.push(drawn);
  show(id, "plot", root);
  return drawn;
}

function addTrial(drawn, trial, element, lines) {
  element.classList.add("trial", trial.state, ...(trial === best ? ["best"] : []));
  element.dataset.trial = trial.number;
  const colour = colourOf(trial);
  if (colour) element.style.setProperty("--colour", colour);
  drawn.marks.append(element);
  drawn.shapes.set(trial.number, { element, lines });
}

function listen(drawn) {
  const { root } = drawn;
  root.addEventListener("pointermove", (event) => {
    const number = nearest(drawn, ...local(drawn, event));
    light(number);
    number === null ? hideTip() : showTip(number, event.clientX, event.clientY);
  });
  root.addEventListener("pointerleave", () => (light(null), hideTip()));
  root.addEventListener("blur", () => (light(null), hideTip()));
  root.addEventListener("focus", () => root.matches(":focus-visible") && step(drawn, 0));
  root.addEventListener("click", (event) => goTo(nearest(drawn, ...local(drawn, event))));
  root.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by) step(drawn, by);
    else if (event.key === "Enter") goTo(lit);
    else if (event.key === "Escape") (light(null), hideTip());
    else return;
    event.preventDefault();
  });
}

function local({ root, width }, event) {
  const box = root.getBoundingClientRect();
  return [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * width) / box.width];
}

// The trial whose lines come nearest to a point, if within 24 pixels; of equally near ones the best.
function nearest({ shapes }, x, y) {
  let trial = null,
    smallest = 24 ** 2;
  for (const [number, { lines }] of shapes)
    for (const line of lines)
      for (let index = 0; index < line.length; index++) {
        const distance = toSegment(x, y, line[Math.max(0, index - 1)], line[index]);
        if (distance <= smallest) [trial, smallest] = [number, distance];
      }
  return trial;
}

function toSegment(x, y, [x1, y1], [x2, y2]) {
  const squared = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const share = squared ? clamp(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / squared, 0, 1) : 0;
  return (x - x1 - share * (x2 - x1)) ** 2 + (y - y1 - share * (y2 - y1)) ** 2;
}

function light(number) {
  if (number === lit) return;
  rowOf(lit)?.classList.remove("lit");
  rowOf(number)?.classList.add("lit");
  lit = number;
  for (const { root, over, shapes } of pictures) {
    const shape = shapes.get(number);
    over.replaceChildren(...(shape ? [shape.element.cloneNode(true)] : []));
    root.classList.toggle("dim", number !== null);
  }
}

// With the arrow keys from trial to trial, by number.
function step(drawn, by) {
  const numbers = [...drawn.shapes.keys()].sort((a, b) => a - b);
  if (!numbers.length) return;
  const index = numbers.indexOf(lit);
  const next = numbers[index < 0 ? 0 : (index + by + numbers.length) % numbers.length];
  light(next);
  const box = drawn.shapes.get(next).element.getBoundingClientRect();
  showTip(next, box.right, clamp(box.top, 0, innerHeight));
}

const rowOf = (number) => (number === null ? null : document.getElementById(`trial-${number}`));
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function goTo(number) {
  const row = rowOf(number);
  if (!row) return;
  hideTip();
  row.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
  row.focus({ preventScroll: true });
}

function showTip(number, x, y) {
  const trial = trials.get(number),
    tip = section("tip");
  const pairs = Object.entries(trial.parameters).flatMap(([name, value]) => [
    html("dt", {}, name),
    html("dd", {}, typed(value)),
  ]);
  const value = isNumber(trial.value) ? `${sweep.metric} ${valueOf(trial)}` : "no value";
  const state = trial === best ? "the best" : trial.state;
  tip.replaceChildren(
    html("b", {}, `Trial ${number}`),
    ` ${state}`,
    html("p", {}, value),
    html("dl", {}, ...pairs),
  );
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${x + 18 + width < innerWidth ? x + 18 : Math.max(4, x - 18 - width)}px`;
  tip.style.top = `${clamp(y - height / 2, 4, Math.max(4, innerHeight - height - 4))}px`;
}

function hideTip() {
  section("tip").hidden = true;
}
