// The best trial, the failures, and the table of all trials.

const link = (href, text) => html("a", { href }, text);
const commandBox = (text) => html("div", { class: "command" }, html("code", {}, text), html("button", { type: "button", class: "copy" }, "copy"));
const pairs = (entries, kind) => html("dl", { class: kind }, ...entries.map(([name, value]) => html("div", {}, html("dt", {}, ...breakable(name)), html("dd", {}, value))));

// A name that may be broken after its dots and equals signs.
const breakable = (name) => name.split(/(?<=[.=,/])/).flatMap((part) => [part, html("wbr")]);

function drawBest() {
  if (!best) return section("best").replaceChildren(html("h2", {}, "No best trial yet"), html("p", { class: "note" }, waitingFor()));
  const seeds = Object.keys(best.seeds).length;
  const figure = html("div", { class: "figure" },
    html("p", { class: "label" }, sweep.metric),
    html("p", { class: "value" }, withDeviation(best.value, best.deviation)),
    html("p", { class: "label" }, isNumber(best.deviation) ? `mean ± standard deviation, n = ${plural(seeds, "seed")}` : "one run"));
  const tests = Object.entries(best.test);
  if (tests.length) figure.append(pairs(tests.map(([name, value]) => [name, digits(value)]), "tests"), html("p", { class: "label" }, sweep.metric.startsWith("test") ? "" : `Chosen on validation, reported on test${seeds > 1 ? `: the mean of ${plural(seeds, "seed")}` : ""}.`));
  const options = pairs(Object.entries(best.parameters).map(([name, value]) => [name, said(value)]), "options");
  const places = html("p", { class: "links" }, link(best.folderLink, `folder ${best.folder}`), best.pageLink && link(best.pageLink, "its own page"), link("#trials", "in the table"));
  section("best").replaceChildren(html("h2", {}, `Best so far: trial ${best.number}`), html("div", { class: "card" }, figure, options), places, html("p", { class: "label" }, "To repeat it as a single run"), commandBox(best.command));
  if (!sweep.trials.some((trial) => ["running", "waiting"].includes(trial.state)) && sweep.trials.length >= sweep.total) section("best").firstChild.textContent = `The best: trial ${best.number}`;
}

function waitingFor() {
  const running = ofState("running").length, done = sweep.trials.length - running - ofState("waiting").length;
  if (running) return `Nothing has finished yet; ${plural(running, "trial")} ${running === 1 ? "is" : "are"} running. The best one will stand here.`;
  if (done) return "None of the trials that ended so far has a value to compare: see what became of them below.";
  return "No trial has begun. The best one will stand here.";
}

function drawFailures() {
  const failed = ofState("failed");
  if (!failed.length) return;
  show("failures", "note", `${plural(failed.length, "trial")} of ${sweep.trials.length} ended in an error; the last line of each is:`);
  const rows = failed.map((trial) => html("tr", { "data-trial": trial.number }, html("td", {}, String(trial.number)), html("td", { class: "text error" }, trial.error || "no message"), html("td", { class: "text" }, link(trial.folderLink, trial.folder))));
  const head = html("tr", {}, html("th", {}, "trial"), html("th", { class: "text" }, "error"), html("th", { class: "text" }, "folder"));
  show("failures", "scroll", html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows)));
}

// Each column: name, what is sorted by (null last), what a cell shows, and whether the best is high.
function columns() {
  const names = [...new Set(sweep.trials.flatMap((trial) => Object.keys(trial.test)))];
  const tests = names.map((name) => ({ name, format: columnFormat(sweep.trials.map((trial) => trial.test[name])) }));
  const ranges = sweep.parameters.map(({ name, log, choices }) => ({ name, numeric: sweep.trials.every((trial) => isNumber(trial.parameters[name] ?? 0)), format: log || choices ? said : columnFormat(sweep.trials.map((trial) => trial.parameters[name])) }));
  return [
    { name: "trial", key: (trial) => trial.number, cell: (trial) => String(trial.number) },
    { name: "state", key: (trial) => -ORDER[trial.state], cell: (trial) => html("span", { class: trial.state }, trial.state), text: true },
    { name: sweep.metric, key: (trial) => trial.value, cell: (trial) => (isNumber(trial.value) ? valueOf(trial) : "–"), falling: higher, metric: true },
    ...ranges.map(({ name, numeric, format }) => ({ name, key: (trial) => trial.parameters[name], cell: (trial) => format(trial.parameters[name]), text: !numeric })),
    ...tests.map(({ name, format }) => ({ name, key: (trial) => trial.test[name], cell: (trial) => format(trial.test[name]), falling: true })),
    { name: "time", key: (trial) => trial.seconds, cell: (trial) => duration(trial.seconds) },
    { name: "run", cell: (trial) => html("span", { class: "links" }, link(trial.folderLink, trial.folder), trial.pageLink && link(trial.pageLink, "page")), text: true },
    { name: "command", cell: (trial) => html("button", { type: "button", class: "copy", "data-command": trial.command, "aria-label": `copy the command of trial ${trial.number}` }, "copy"), text: true },
  ];
}

function rowFor(trial, all) {
  const cells = all.map(({ cell, text, metric }) => {
    const said = cell(trial);
    const long = typeof said === "string" && said.length > 24;
    return html("td", { class: `${text ? "text" : ""} ${metric ? "metric" : ""}`, title: long ? said : null }, said);
  });
  return html("tr", { id: `trial-${trial.number}`, "data-trial": trial.number, tabindex: -1, class: `${trial.state} ${trial === best ? "best" : ""}` }, ...cells);
}

function drawTable() {
  if (!sweep.trials.length) return show("trials", "note", "No trial has begun.");
  const all = columns(), body = html("tbody", {}, ...sweep.trials.map((trial) => rowFor(trial, all)));
  const heads = all.map((column) => {
    const name = column.key ? html("button", { type: "button" }, ...breakable(column.name)) : column.name;
    const head = html("th", { scope: "col", class: column.text ? "text" : null, "aria-sort": column.key ? "none" : null }, name);
    if (column.key) name.addEventListener("click", () => sortBy(body, heads, head, column));
    return head;
  });
  show("trials", "scroll", html("table", {}, html("thead", {}, html("tr", {}, ...heads)), body));
  show("trials", "note", `Click a column's name to sort by it. ${sweep.metric}${sweep.seeds > 1 ? " and the test figures are means over seeds" : " is each trial's own figure"}; of a pruned trial it is what it had reached.`);
  sortBy(body, heads, heads[finished.length ? 2 : 0], all[finished.length ? 2 : 0]);
}

// Numbers by size, then texts by letter, what is missing last; a second click turns the order round.
function sortBy(body, heads, head, { key, falling = false }) {
  const now = head.getAttribute("aria-sort");
  const order = now === "none" ? (falling ? "descending" : "ascending") : now === "ascending" ? "descending" : "ascending";
  heads.forEach((other) => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", other === head ? order : "none"));
  const turn = order === "ascending" ? 1 : -1;
  const rank = (value) => (isNumber(value) ? 0 : value === undefined || value === null ? 2 : 1);
  const compare = (one, other) => {
    const [a, b] = [key(one), key(other)];
    if (rank(a) !== rank(b)) return rank(a) === 2 || rank(b) === 2 ? rank(a) - rank(b) : turn * (rank(a) - rank(b));
    const difference = rank(a) === 0 ? a - b : rank(a) === 1 ? said(a).localeCompare(said(b), "en", { numeric: true }) : 0;
    return turn * difference || one.number - other.number;
  };
  body.append(...[...sweep.trials].sort(compare).map((trial) => rowOf(trial.number)));
}
