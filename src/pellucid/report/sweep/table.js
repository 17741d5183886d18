// The table of all trials, sorted by whatever column one clicks.

// Each column: name, what is sorted by (null last), what a cell shows, and whether the best is high.
function columns() {
  const names = [...new Set(sweep.trials.flatMap((trial) => Object.keys(trial.test)))];
  const tests = names.map((name) => ({
    name,
    format: columnFormat(sweep.trials.map((trial) => trial.test[name])),
  }));
  const ranges = sweep.parameters.map(({ name, log, choices }) => ({
    name,
    numeric: sweep.trials.every((trial) => isNumber(trial.parameters[name] ?? 0)),
    format: log || choices ? typed : columnFormat(sweep.trials.map((trial) => trial.parameters[name])),
  }));
  return [
    { name: "trial", key: (trial) => trial.number, cell: (trial) => String(trial.number) },
    {
      name: "state",
      key: (trial) => -ORDER[trial.state],
      cell: (trial) => html("span", { class: trial.state }, trial.state),
      text: true,
    },
    {
      name: sweep.metric,
      key: (trial) => trial.value,
      cell: (trial) => (isNumber(trial.value) ? valueOf(trial) : "–"),
      falling: higher,
      metric: true,
    },
    ...(sweep.trials.some((trial) => isNumber(trial.interval))
      ? [
          {
            name: `95 % interval`,
            key: (trial) => trial.interval,
            cell: (trial) => intervalOf(trial.value, trial.interval),
          },
          {
            name: "n",
            key: (trial) => Object.keys(trial.seeds).length,
            cell: (trial) => String(Object.keys(trial.seeds).length),
          },
        ]
      : []),
    ...ranges.map(({ name, numeric, format }) => ({
      name,
      key: (trial) => trial.parameters[name],
      cell: (trial) => format(trial.parameters[name]),
      text: !numeric,
    })),
    ...tests.map(({ name, format }) => ({
      name,
      key: (trial) => trial.test[name],
      cell: (trial) =>
        isNumber(trial.testDeviations[name])
          ? withDeviation(trial.test[name], trial.testDeviations[name], format)
          : format(trial.test[name]),
      falling: true,
    })),
    { name: "time", key: (trial) => trial.seconds, cell: (trial) => duration(trial.seconds) },
    {
      name: "run",
      cell: (trial) =>
        html(
          "span",
          { class: "links" },
          link(trial.folderLink, trial.folder),
          trial.pageLink && link(trial.pageLink, "page"),
        ),
      text: true,
    },
    {
      name: "command",
      cell: (trial) =>
        html(
          "button",
          {
            type: "button",
            class: "copy",
            "data-command": trial.command,
            "aria-label": `copy the command of trial ${trial.number}`,
          },
          "copy",
        ),
      text: true,
    },
  ];
}

function rowFor(trial, all) {
  const cells = all.map(({ cell, text, metric }) => {
    const content = cell(trial);
    const long = typeof content === "string" && content.length > 24;
    return html(
      "td",
      { class: `${text ? "text" : ""} ${metric ? "metric" : ""}`, title: long ? content : null },
      content,
    );
  });
  return html(
    "tr",
    {
      id: `trial-${trial.number}`,
      "data-trial": trial.number,
      tabindex: -1,
      class: `${trial.state} ${trial === best ? "best" : ""}`,
    },
    ...cells,
  );
}

function drawTable() {
  if (!sweep.trials.length) return show("trials", "note", "No trial has begun.");
  const all = columns(),
    body = html("tbody", {}, ...sweep.trials.map((trial) => rowFor(trial, all)));
  const heads = all.map((column) => {
    const name = column.key ? html("button", { type: "button" }, ...breakable(column.name)) : column.name;
    const head = html(
      "th",
      { scope: "col", class: column.text ? "text" : null, "aria-sort": column.key ? "none" : null },
      name,
    );
    if (column.key) name.addEventListener("click", () => sortBy(body, heads, head, column));
    return head;
  });
  show("trials", "scroll", html("table", {}, html("thead", {}, html("tr", {}, ...heads)), body));
  show(
    "trials",
    "note",
    `Click a column's name to sort by it. ${sweep.metric}${sweep.seeds > 1 ? ` and the test figures are means ± standard deviations over ${sweep.repeat}s${sweep.repeat === "seed" ? ", the interval that of the mean (Student's t)" : ""}` : " is each trial's own figure"}; of a pruned trial it is what it had reached.`,
  );
  sortBy(body, heads, heads[finished.length ? 2 : 0], all[finished.length ? 2 : 0]);
}

// Numbers by size, then texts by letter, what is missing last; a second click turns the order round.
function sortBy(body, heads, head, { key, falling = false }) {
  const current = head.getAttribute("aria-sort");
  const order =
    current === "none"
      ? falling
        ? "descending"
        : "ascending"
      : current === "ascending"
        ? "descending"
        : "ascending";
  heads.forEach(
    (cell) =>
      cell.hasAttribute("aria-sort") && cell.setAttribute("aria-sort", cell === head ? order : "none"),
  );
  const direction = order === "ascending" ? 1 : -1;
  const rank = (value) => (isNumber(value) ? 0 : value === undefined || value === null ? 2 : 1);
  const compare = (first, second) => {
    const [a, b] = [key(first), key(second)];
    if (rank(a) !== rank(b))
      return rank(a) === 2 || rank(b) === 2 ? rank(a) - rank(b) : direction * (rank(a) - rank(b));
    const difference =
      rank(a) === 0 ? a - b : rank(a) === 1 ? typed(a).localeCompare(typed(b), "en", { numeric: true }) : 0;
    return direction * difference || first.number - second.number;
  };
  body.append(...[...sweep.trials].sort(compare).map((trial) => rowOf(trial.number)));
}
