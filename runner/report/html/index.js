"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const table = $("grid"), panel = $("evidence"), status = $("status");
  const rows = all("tr[data-r]", table);
  const heads = all("thead th[data-c]", table);
  const order = heads.map((head) => +head.dataset.c);
  const view = { outcome: new Set(), letter: new Set(), device: new Set(), changes: false, cell: null };
  const none = { verdict: "none" };
  const own = (object, name) => (object && Object.hasOwn(object, name) ? object[name] : undefined);
  const at = (r, c) => (data.cells[r] || [])[c] || none;
  const button = (r, c) => {
    const row = rows.find((tr) => +tr.dataset.r === r);
    return row && row.querySelector(`td[data-c="${c}"] button`);
  };

  // Text nodes only: nothing from the data is ever read as HTML.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  };

  // --- What is shown ---------------------------------------------------------------------

  const deviceShown = (c) => !view.device.size || view.device.has(data.columns[c].device);
  const laneOf = (c) => order.filter((other) => data.columns[other].device === data.columns[c].device);

  // An inferred cell was not measured: it counts as its outcome nowhere.
  const kinds = (cell) => [cell.inferred ? "inferred" : cell.verdict,
    cell.unexpected ? "unexpected" : "", cell.votes ? "flaky" : ""];
  const matches = (cell) =>
    (!view.outcome.size || kinds(cell).some((kind) => view.outcome.has(kind))) &&
    (!view.letter.size || view.letter.has(cell.letter));

  // Neighbours that agree in every case that is shown share a column: the one of them of which
  // most was measured -> all.
  const shows = (cell) => [cell.verdict, cell.letter, cell.unexpected, cell.votes].join();
  let folds = new Map();
  function fold(columns, cases) {
    const groups = [];
    let before = null;
    for (const c of columns) {
      const now = [data.columns[c].device, ...cases.map((r) => shows(at(r, c)))].join(";");
      if (!view.changes || now !== before) groups.push([]);
      groups[groups.length - 1].push(c);
      before = now;
    }
    const inferred = (c) => cases.filter((r) => at(r, c).inferred).length;
    const best = (group) => group.reduce((one, c) => (inferred(c) < inferred(one) ? c : one));
    folds = new Map(groups.map((group) => [group.length > 1 ? best(group) : group[0], group]));
  }
  const foldOf = (c) => [...folds].find(([, group]) => group.includes(c)) || [c, [c]];
  const span = (columns) => {
    const [first, last] = [columns[0], columns[columns.length - 1]].map((c) => data.columns[c].label);
    return columns.length === 1 ? first : `${first} – ${last}`;
  };

  function show() {
    const filtered = view.outcome.size > 0 || view.letter.size > 0;
    const columns = order.filter(deviceShown);
    for (const tr of rows)
      tr.hidden = filtered && !columns.some((c) => matches(at(+tr.dataset.r, c)));
    const cases = rows.filter((tr) => !tr.hidden).map((tr) => +tr.dataset.r);
    fold(columns, cases);
    const shown = new Set(folds.keys());
    for (const head of heads) {
      const c = +head.dataset.c;
      head.hidden = !shown.has(c);
      head.textContent = shown.has(c) ? span(folds.get(c)) : data.columns[c].label;
      head.classList.toggle("folded", shown.has(c) && folds.get(c).length > 1);
    }
    for (const lane of all("th[data-lane]", table)) {
      const count = order.filter((c) => shown.has(c) && data.columns[c].device === lane.dataset.lane).length;
      lane.hidden = count === 0;
      lane.colSpan = Math.max(1, count);
    }
    for (const tr of rows)
      for (const td of tr.cells) {
        if (td.dataset.c === undefined) continue;
        const c = +td.dataset.c;
        td.hidden = !shown.has(c);
        const match = !filtered || (folds.get(c) || []).some((each) => matches(at(+tr.dataset.r, each)));
        td.classList.toggle("off", !match);
      }
    for (const [name, set] of Object.entries({ outcome: view.outcome, letter: view.letter, device: view.device }))
      for (const element of all(`button[data-${name}]`))
        element.setAttribute("aria-pressed", String(set.has(element.dataset[name])));
    $("changes").checked = view.changes;
    const changed = filtered || view.changes || view.device.size > 0;
    $("reset").hidden = !changed;
    status.textContent = changed
      ? `${cases.length} of ${rows.length} cases, ${shown.size} of ${order.length} columns` : "";
    for (const repro of all("tr.repro", table))
      repro.hidden = !all("tr[data-r]", repro.parentElement).some((tr) => !tr.hidden);
    mark();
    reachable();
  }

  // --- Keys: one stop for Tab, arrows inside ----------------------------------------------

  let stop = null;
  function reachable(element) {
    const visible = (b) => b && b.isConnected && !b.closest("[hidden]");
    const next = element || (visible(stop) ? stop : all("td button", table).find(visible));
    if (stop) stop.tabIndex = -1;
    stop = next || null;
    if (stop) stop.tabIndex = 0;
  }

  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -1e6], End: [0, 1e6] };
  table.addEventListener("keydown", (event) => {
    const move = MOVES[event.key], td = event.target.closest("td[data-c]");
    if (!move || !td || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const tall = rows.filter((tr) => !tr.hidden), wide = order.filter((c) => !heads[order.indexOf(c)].hidden);
    const clamp = (n, list) => list[Math.max(0, Math.min(list.length - 1, n))];
    const tr = clamp(tall.indexOf(td.closest("tr")) + move[0], tall);
    const c = clamp(wide.indexOf(+td.dataset.c) + move[1], wide);
    const target = tr.querySelector(`td[data-c="${c}"] button`);
    reachable(target);
    target.focus();
    target.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  table.addEventListener("click", (event) => {
    const td = event.target.closest("td[data-c]");
    if (td) open(+td.closest("tr").dataset.r, +td.dataset.c);
  });
  table.addEventListener("mouseover", (event) => {
    const td = event.target.closest("td[data-c]");
    if (!td || td.firstChild.title) return;
    const cell = at(+td.closest("tr").dataset.r, +td.dataset.c);
    td.firstChild.title = data.signatures[cell.letter] || cell.reason || NAMES[cell.verdict];
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) close();
  });

  // --- The evidence of a cell -------------------------------------------------------------

  function open(r, c, focus = true) {
    if (!button(r, c)) return;
    view.cell = [r, c];
    panel.replaceChildren(...evidence(r, c));
    panel.hidden = false;
    panel.scrollTop = 0;
    document.body.classList.add("open");
    const current = mark();
    if (current && !current.closest("[hidden]")) reachable(current);
    if (current) current.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focus) $("e-title").focus({ preventScroll: true });
    remember();
  }

  // The open cell is marked in the table; of a folded column, in the cell that stands for it.
  function mark() {
    for (const old of all("[aria-current]", table)) old.removeAttribute("aria-current");
    if (!view.cell) return null;
    const [r, c] = view.cell, current = button(r, foldOf(c)[0]);
    if (current) current.setAttribute("aria-current", "true");
    return current;
  }

  function close() {
    panel.hidden = true;
    document.body.classList.remove("open");
    const current = table.querySelector("[aria-current]");
    view.cell = null;
    mark();
    if (current) current.focus();
    remember();
  }

  const NAMES = { pass: "pass", fail: "fail", crash: "crash", timeout: "timeout", oom: "out of memory", skip: "skip", error: "error", none: "not measured" };

  function evidence(r, c) {
    const cell = at(r, c), row = data.rows[r], column = data.columns[c];
    const environment = data.environments[cell.environment] || {};
    const says = data.signatures[cell.letter] || (cell.inferred ? "" : cell.reason);
    const shownButton = button(r, c);
    return [
      bar(r, c),
      make("h2", { id: "e-title", tabindex: "-1" }, `${row.case} on TensorFlow ${column.tensorflow}`),
      make("p", { class: "quiet" }, [row.repro !== row.case ? row.repro : "", `Python ${column.python}`, column.device].filter(Boolean).join(" · ")),
      row.about ? make("p", { class: "quiet" }, row.about) : null,
      make("p", { class: "verdict" },
        make("span", { class: `dot ${shownButton.className}` }, ...[...shownButton.childNodes].map((n) => n.cloneNode(true))),
        make("span", {}, NAMES[cell.verdict] || cell.verdict, says && says !== cell.verdict ? ": " : "",
          says && says !== cell.verdict ? make("code", {}, says) : "")),
      ...notes(cell),
      ...same(r, c),
      ...sources(r, cell),
      ...section("Observed", observed(r, c)),
      ...section("Facts", facts(cell)),
      ...section(cell.file ? "End of its output" : "Output", output(cell)),
      ...section("To see this cell again", again(cell, row, column)),
      ...packages(r, c, environment),
      ...folded("Dockerfile", environment.dockerfile),
    ].filter(Boolean);
  }

  const section = (title, content) => (content ? [make("h3", {}, title), content] : []);
  const folded = (title, text) =>
    text ? [make("details", {}, make("summary", {}, title), make("pre", {}, text))] : [];

  function bar(r, c) {
    const near = laneOf(c);
    const step = (by, words) => {
      const next = near[near.indexOf(c) + by];
      return make("button", {
        type: "button", disabled: next === undefined ? "" : null,
        "aria-label": by < 0 ? "previous release" : "next release",
        onclick: () => open(r, next),
      }, words(next === undefined ? "" : data.columns[next].label));
    };
    return make("div", { class: "bar" },
      make("span", {}, step(-1, (v) => `← ${v}`), step(1, (v) => `${v} →`)),
      make("button", { type: "button", "aria-label": "close", onclick: close }, "✕"));
  }

  function notes(cell) {
    const said = [];
    if (cell.unexpected) said.push(`Not as expected: matrix.yaml expects ${cell.expected || "something else"}.`);
    else if (cell.expected && !cell.inferred) said.push("As matrix.yaml expects.");
    if (cell.inferred) said.push("Inferred from its neighbours, which agree. Nobody measured this cell.");
    if (cell.cached) said.push("Measured before, and kept by its content.");
    if (cell.votes) said.push(`Flaky: ${cell.votes.replace("/", " of ")} attempts said this.`);
    else if (cell.attempts) said.push(`Measured ${cell.attempts} times, with the same outcome.`);
    if (cell.verdict === "error") said.push("An error of the measurement, and no evidence about TensorFlow.");
    return said.length ? [make("p", { class: "quiet notes" }, said.join(" "))] : [];
  }

  // Buttons that open other cells of the case.
  const goto = (r, columns) => columns.map((c) => make("button",
    { type: "button", class: "link", onclick: () => open(r, c) }, data.columns[c].label));
  const spaced = (items, by) => items.flatMap((item, i) => (i ? [by, item] : [item]));

  function same(r, c) {
    const others = foldOf(c)[1].filter((other) => other !== c);
    return others.length
      ? [make("p", { class: "quiet notes" }, "Folded with ", ...spaced(goto(r, others), ", "), ", where every case does the same.")] : [];
  }

  function sources(r, cell) {
    const named = Array.isArray(cell.inferred) ? cell.inferred : [];
    const from = named.map((id) => data.columns.findIndex((column) => column.environments.includes(id)));
    const known = from.filter((c) => c >= 0);
    return known.length ? [make("p", { class: "quiet notes" }, "Evidence: ", ...spaced(goto(r, known), " and "), ".")] : [];
  }

  function list(pairs) {
    const known = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
    return known.length ? make("dl", {}, ...known.flatMap(([k, v]) => [make("dt", {}, k), make("dd", {}, v)])) : null;
  }

  const facts = (cell) => list([
    ["reason", data.signatures[cell.letter] && !cell.inferred ? cell.reason : ""],
    ["exit code", cell.exit === undefined ? "" : String(cell.exit)],
    ["signal", cell.signal === undefined ? "" : String(cell.signal)],
    ["time", cell.seconds === undefined ? "" : `${cell.seconds} s`],
    ["peak memory", cell.memory ? `${cell.memory} MiB` : ""],
    ["process", cell.inferred ? "" : cell.mode === "fork" ? "forked after one import of TensorFlow" : cell.why ? `its own: ${cell.why}` : ""],
    ["notes", (cell.notes || []).join("; ")],
    ["worker", cell.worker],
  ]);

  function output(cell) {
    if (cell.log !== undefined && data.logs[cell.log]) return make("pre", { tabindex: "0" }, data.logs[cell.log]);
    return cell.file ? make("p", { class: "quiet" }, cell.log === undefined ? `In ${cell.file}.` : "It printed nothing.") : null;
  }

  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
  function again(cell, row, column) {
    const where = `--tf ${quoted(column.tensorflow)} --case ${row.quoted} --device ${quoted(column.device)}`;
    const command = `${data.command} \\\n  ${where}`, lines = [command];
    if (row.plain) lines.push("", "# or, where this release is installed:", row.plain);
    const text = make("pre", { class: "command", tabindex: "0" }, lines.join("\n"));
    const copy = make("button", { type: "button", class: "link copy", onclick: () => {
      getSelection().selectAllChildren(text);
      const done = () => { copy.textContent = "Copied"; };
      if (navigator.clipboard) navigator.clipboard.writeText(command).then(done, () => {});
    } }, "Copy");
    return make("div", { class: "again" }, text, copy);
  }

  // --- Observations and packages over the releases ----------------------------------------

  const number = (value) => (typeof value === "number" && isFinite(value) ? value : null);
  // A list is drawn as the mean of its numbers.
  const plotted = (value) => {
    if (!Array.isArray(value)) return number(value);
    const numbers = value.map(number).filter((n) => n !== null);
    return numbers.length ? numbers.reduce((a, b) => a + b, 0) / numbers.length : null;
  };
  const tidy = (value) => typeof value === "number" ? String(+value.toPrecision(6))
    : Array.isArray(value) ? `[${value.map(tidy).join(", ")}]`
    : typeof value === "string" ? value : JSON.stringify(value);

  function observed(r, c) {
    const names = Object.entries(at(r, c).observed || {});
    if (!names.length) return null;
    return make("div", {}, ...names.map(([name, value]) => {
      const line = spark(r, c, name);
      const told = line && Array.isArray(value) && value.length > 1 ? `${name} (the line shows the mean)` : name;
      const steps = changesAt(r, name, laneOf(c));
      return make("div", { class: "observed" },
        make("div", {}, make("div", { class: "name" }, told), make("div", { class: "value" }, tidy(value)),
          steps.length ? make("div", { class: "name" }, "changes at ", ...spaced(goto(r, steps), ", ")) : null), line);
    }));
  }

  const changesAt = (r, name, lane) => (own(data.rows[r].shifts, name) || []).filter((c) => lane.includes(c));

  // A value over the releases: a dot where it is, small ones where it changes but the outcome does not.
  function spark(r, c, name) {
    const lane = laneOf(c), values = lane.map((other) => plotted(own(at(r, other).observed, name)));
    const known = values.filter((value) => value !== null);
    if (known.length < 3 || values[lane.indexOf(c)] === null) return null;
    const low = Math.min(...known), high = Math.max(...known), w = 130, h = 26;
    const x = (i) => 3 + (i * (w - 6)) / Math.max(1, lane.length - 1);
    // What is within the tolerance must not look like a cliff.
    const range = Math.max(high - low, 10 * data.tolerance * Math.max(Math.abs(low), Math.abs(high))) || 1;
    const y = (value) => h / 2 - ((value - (low + high) / 2) * (h - 8)) / range;
    let path = "", pen = false;
    values.forEach((value, i) => {
      if (value === null) { pen = false; return; }
      path += `${pen ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      if (!pen) path += "h0.1";
      pen = true;
    });
    const svg = (tag, attributes) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [k, v] of Object.entries(attributes)) element.setAttribute(k, v);
      return element;
    };
    const image = svg("svg", { width: w, height: h, viewBox: `0 0 ${w} ${h}`, role: "img",
      "aria-label": `over the releases from ${tidy(low)} to ${tidy(high)}` });
    const here = lane.indexOf(c);
    image.append(svg("path", { class: "spark", d: path }));
    for (const step of changesAt(r, name, lane).map((s) => lane.indexOf(s)))
      if (values[step] !== null) image.append(svg("circle", { class: "step", cx: x(step), cy: y(values[step]), r: 1.75 }));
    image.append(svg("circle", { class: "now", cx: x(here), cy: y(values[here]), r: 3 }));
    return image;
  }

  for (const link of all("button[data-step]")) {
    const [r, c] = link.dataset.step.split(",").map(Number);
    link.addEventListener("click", () => open(r, c));
    const line = spark(r, c, link.dataset.name);
    if (line) link.closest("li").append(line);
  }

  const versions = (environment) => new Map((environment.packages || []).map((p) => p.split("==")));

  function packages(r, c, environment) {
    if (!(environment.packages || []).length) return [];
    const lane = laneOf(c);
    const before = lane[lane.indexOf(c) - 1];
    const old = before === undefined ? {} : data.environments[at(r, before).environment] || {};
    const differing = (old.packages || []).length ? changes(versions(old), versions(environment)) : [];
    const title = `Environment: ${environment.packages.length} packages`
      + (differing.length ? `, ${differing.length} not as on ${data.columns[before].label}` : "");
    return [make("details", {}, make("summary", {}, title),
      list([["image", environment.image], ["engine", environment.engine], ["key", (environment.key || "").slice(0, 16)],
        ["released", environment.released], ["files", `environments/${at(r, c).environment}/`]]),
      differing.length ? make("pre", {}, differing.join("\n")) : make("span"),
      make("h3", {}, "All packages"), make("pre", {}, environment.packages.join("\n")))];
  }

  function changes(old, now) {
    const names = [...new Set([...old.keys(), ...now.keys()])].sort();
    return names.filter((n) => old.get(n) !== now.get(n))
      .map((n) => `${n}  ${old.get(n) || "–"} → ${now.get(n) || "–"}`);
  }

  // --- The address keeps the view ---------------------------------------------------------

  function remember() {
    const said = new URLSearchParams();
    for (const name of ["outcome", "letter", "device"])
      if (view[name].size) said.set(name, [...view[name]].join(","));
    if (view.changes) said.set("changes", "1");
    if (view.cell) {
      const [r, c] = view.cell, column = data.columns[c];
      said.set("repro", data.rows[r].repro);
      said.set("case", data.rows[r].case);
      said.set("on", `${column.tensorflow}/${column.device}/${column.python}`);
    }
    const hash = said.toString();
    try { history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search); } catch { /* a page in a sandbox */ }
  }

  function recall() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const name of ["outcome", "letter", "device"])
      view[name] = new Set((said.get(name) || "").split(",").filter(Boolean));
    view.changes = said.get("changes") === "1";
    show();
    const r = data.rows.findIndex((row) => row.repro === said.get("repro") && row.case === said.get("case"));
    const c = data.columns.findIndex((k) => `${k.tensorflow}/${k.device}/${k.python}` === said.get("on"));
    if (r >= 0 && c >= 0) open(r, c, false);
    else if (!panel.hidden) close();
  }

  for (const name of ["outcome", "letter", "device"])
    for (const element of all(`button[data-${name}]`))
      element.addEventListener("click", () => {
        const value = element.dataset[name];
        if (!view[name].delete(value)) view[name].add(value);
        show();
        remember();
      });
  $("changes").addEventListener("change", (event) => { view.changes = event.target.checked; show(); remember(); });
  $("reset").addEventListener("click", () => {
    for (const name of ["outcome", "letter", "device"]) view[name].clear();
    view.changes = false;
    show();
    remember();
    $("changes").focus();
  });
  addEventListener("hashchange", recall);
  $("filters").hidden = false;
  recall();
})();
