// The best trial, and the failures.


const link = (href, text) => html("a", { href }, text);
const commandBox = (text) =>
  html(
    "div",
    { class: "command" },
    html("code", {}, text),
    html("button", { type: "button", class: "copy" }, "copy"),
  );
const pairs = (entries, kind) =>
  html(
    "dl",
    { class: kind },
    ...entries.map(([name, value]) =>
      html("div", {}, html("dt", {}, ...breakable(name)), html("dd", {}, value)),
    ),
  );

// A name that may be broken after its dots and equals signs.
const breakable = (name) => name.split(/(?<=[.=,/])/).flatMap((part) => [html("wbr"), part]);

const unbroken = (text) => text.replaceAll(" ", "\u00a0");

function drawBest() {
  if (!best)
    return section("best").replaceChildren(
      html("h2", {}, "No best trial yet"),
      html("p", { class: "note" }, waitingFor()),
    );
  const seeds = Object.keys(best.seeds).length;
  const figure = html(
    "div",
    { class: "figure" },
    html("p", { class: "label" }, sweep.metric),
    html("p", { class: "value" }, withDeviation(best.value, best.deviation)),
    html(
      "p",
      { class: "label" },
      isNumber(best.deviation) ? `mean ± standard deviation, n = ${plural(seeds, sweep.repeat)}` : "one run",
    ),
    isNumber(best.interval) &&
      html(
        "p",
        { class: "label" },
        `95 % interval of the mean ${intervalOf(best.value, best.interval)} (Student's t, ${plural(seeds - 1, "degree")} of freedom)`,
      ),
  );
  const tests = Object.entries(best.test);
  if (tests.length)
    figure.append(
      pairs(
        tests.map(([name, value]) => [
          name,
          unbroken(withDeviation(value, best.testDeviations[name])) +
            (isNumber(best.testIntervals[name])
              ? ` ${unbroken(`(${intervalOf(value, best.testIntervals[name])})`)}`
              : ""),
        ]),
        "tests",
      ),
      html(
        "p",
        { class: "label" },
        sweep.metric.startsWith("test")
          ? ""
          : `Chosen on validation, reported on test${seeds > 1 ? `: mean ± standard deviation over ${plural(seeds, sweep.repeat)}${sweep.repeat === "seed" ? " (95 % interval)" : ""}` : ""}.`,
      ),
    );
  const options = pairs(
    Object.entries(best.parameters).map(([name, value]) => [name, typed(value)]),
    "options",
  );
  const links = html(
    "p",
    { class: "links" },
    link(best.folderLink, `folder ${best.folder}`),
    best.pageLink && link(best.pageLink, "its own page"),
    sweep.repeat === "fold" && link(`${best.folderLink}out_of_fold.csv`, "what each image was taken for, by the run that had not seen it"),
    link("#trials", "in the table"),
  );
  section("best").replaceChildren(
    html("h2", {}, `Best so far: trial ${best.number}`),
    html("div", { class: "card" }, figure, options),
    links,
    html("p", { class: "label" }, "To repeat it as a single run"),
    commandBox(best.command),
  );
  const only = sweep.total === 1;
  if (only) section("best").firstChild.textContent = `Over ${plural(seeds, sweep.repeat)}`;
  if (
    !only &&
    !sweep.trials.some((trial) => ["running", "waiting"].includes(trial.state)) &&
    sweep.trials.length >= sweep.total
  )
    section("best").firstChild.textContent = `The best: trial ${best.number}`;
}

function waitingFor() {
  const running = ofState("running").length,
    done = sweep.trials.length - running - ofState("waiting").length;
  if (running)
    return `Nothing has finished yet; ${plural(running, "trial")} ${running === 1 ? "is" : "are"} running. The best one will stand here.`;
  if (done)
    return "None of the trials that ended so far has a value to compare: see what became of them below.";
  return "No trial has begun. The best one will stand here.";
}

function drawFailures() {
  const failed = ofState("failed");
  if (!failed.length) return;
  show(
    "failures",
    "note",
    `${plural(failed.length, "trial")} of ${sweep.trials.length} ended in an error; the last line of each is:`,
  );
  const rows = failed.map((trial) =>
    html(
      "tr",
      { "data-trial": trial.number },
      html("td", {}, String(trial.number)),
      html("td", { class: "text error" }, trial.error || "no message"),
      html("td", { class: "text" }, link(trial.folderLink, trial.folder)),
    ),
  );
  const head = html(
    "tr",
    {},
    html("th", {}, "trial"),
    html("th", { class: "text" }, "error"),
    html("th", { class: "text" }, "folder"),
  );
  show("failures", "scroll", html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows)));
}
