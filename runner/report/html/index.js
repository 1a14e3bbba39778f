"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const area = $("tables"), whole = $("whole"), panel = $("evidence"), status = $("status");
  const view = { outcome: new Set(), letter: new Set(), device: new Set(), cell: null };
  const none = { verdict: "none" };
  const own = (object, name) => (object && Object.hasOwn(object, name) ? object[name] : undefined);
  // `runner/report/html/cells.py` tells what is in the list that stands for a cell.
  const listed = (r, c) => (data.cells[r] || [])[c];
  const sharedOf = (r, c) => (listed(r, c) ? data.shared[listed(r, c)[0]] : none);
  const at = (r, c) => {
    if (!listed(r, c)) return none;
    const [, seconds, memory, observed, file, log, environment, left] = listed(r, c);
    const place = environment ?? data.columns[c].environments[0];
    return { ...sharedOf(r, c), seconds, memory, observed, log, left, environment: place,
      file: file === 1 ? `${data.rows[r].prefix}${place}.txt` : file };
  };
  const exists = (r, c) => listed(r, c) !== undefined && listed(r, c) !== 0;

  // What needs all cells is made when it is first needed: a page of 40,000 opens before that.
  const once = (make) => { let made; return () => (made ??= make()); };
  const cells = once(() => all("td[data-k]", area));
  // A cell of a table stands for one cell of the grid or more: "row,column row,column".
  const members = (td) => (td.dataset.all || td.dataset.k).split(" ");
  const standing = once(() => {
    const found = new Map();
    for (const td of cells())
      for (const key of members(td)) found.has(key) ? found.get(key).push(td) : found.set(key, [td]);
    return found;
  });
  const places = (r, c) => standing().get(`${r},${c}`) || [];
  // Not by its layout, which would lay out the whole grid while that is closed.
  const visible = (element) => element.isConnected && !element.closest("[hidden], details:not([open])");
  const td = (r, c) => places(r, c).find(visible) || places(r, c)[0];
  const numbers = (key) => key.split(",").map(Number);

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

  // The releases on which a case has a cell, on the same device.
  const laneOf = (r, c) => data.columns.map((_, other) => other)
    .filter((other) => data.columns[other].device === data.columns[c].device && exists(r, other));

  // An inferred cell was not measured: it counts as its outcome nowhere.
  const kinds = (cell) => [cell.inferred ? "inferred" : cell.verdict,
    cell.unexpected ? "unexpected" : "", cell.votes ? "flaky" : ""];
  const matches = (r, c) => {
    const cell = sharedOf(r, c);
    return (!view.outcome.size || kinds(cell).some((kind) => view.outcome.has(kind))) &&
      (!view.letter.size || view.letter.has(cell.letter));
  };

  function dim(filtered) {
    const match = new Map(cells().map((cell) => [cell, !filtered || matches(...numbers(cell.dataset.k))]));
    for (const cell of cells()) cell.classList.toggle("off", !match.get(cell));
    for (const tr of all("tbody tr", area))
      tr.hidden = filtered && ![...tr.cells].some((cell) => match.get(cell));
  }

  let dimmed = false;
  function show() {
    const filtered = view.outcome.size > 0 || view.letter.size > 0;
    if (filtered || dimmed) dim(filtered);
    dimmed = filtered;
    for (const table of all(".wide", area))
      table.hidden = view.device.size > 0 && !view.device.has(table.dataset.of);
    for (const [name, set] of Object.entries({ outcome: view.outcome, letter: view.letter, device: view.device }))
      for (const element of all(`button[data-${name}]`))
        element.setAttribute("aria-pressed", String(set.has(element.dataset[name])));
    const changed = filtered || view.device.size > 0;
    $("reset").hidden = !changed;
    status.textContent = changed ? shownOfAll() : "";
    mark();
    reachable();
  }

  function shownOfAll() {
    const devices = (r, c) => !view.device.size || view.device.has(data.columns[c].device);
    let shown = 0, known = 0;
    data.cells.forEach((row, r) => row.forEach((cell, c) => {
      if (!exists(r, c)) return;
      known += 1;
      if (devices(r, c) && matches(r, c)) shown += 1;
    }));
    return `${shown} of ${known} cells`;
  }

  // --- A sign of more to the right; a table that fits lets its head stay in sight -----------

  function measure(box) {
    const more = box.scrollWidth - box.clientWidth;
    box.classList.toggle("fits", more <= 1 && box.scrollLeft === 0);
    box.parentElement.classList.toggle("more", more > 1 && box.scrollLeft < more - 1);
    if (more > 1) box.tabIndex = 0; else box.removeAttribute("tabindex");
  }
  // It tells of a box and its table when they have been laid out: not while the whole grid is closed.
  const sizes = new ResizeObserver((changed) => {
    for (const box of new Set(changed.map((each) => each.target.closest(".scroll")))) measure(box);
  });
  for (const box of all(".scroll")) {
    box.addEventListener("scroll", () => measure(box));
    sizes.observe(box);
    sizes.observe(box.firstElementChild);
  }

  // --- Keys: one stop for Tab, arrows inside ----------------------------------------------

  let stop = null;
  function reachable(element) {
    const next = element || (stop && visible(stop) ? stop : firstVisible());
    if (stop) stop.tabIndex = -1;
    stop = next || null;
    if (stop) stop.tabIndex = 0;
  }

  function firstVisible() {
    for (const table of all("table.grid", area).filter(visible))
      for (const tr of all("tbody tr:not([hidden])", table)) {
        const button = tr.querySelector("td button");
        if (button) return button;
      }
    return null;
  }

  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -1e6], End: [0, 1e6] };
  area.addEventListener("keydown", (event) => {
    const move = MOVES[event.key], from = event.target.closest("td[data-k]");
    if (!move || !from || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const tall = all("tbody tr", from.closest("table")).filter((tr) => !tr.hidden);
    const clamp = (n, list) => list[Math.max(0, Math.min(list.length - 1, n))];
    const tr = clamp(tall.indexOf(from.parentElement) + move[0], tall);
    const wide = [...tr.cells].filter((cell) => cell.dataset.k);
    const index = move[1] ? clamp(wide.indexOf(from) + move[1], wide) : tr.cells[from.cellIndex];
    const target = index && index.querySelector("button");
    if (!target) return;
    reachable(target);
    target.focus();
    target.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  area.addEventListener("click", (event) => {
    const cell = event.target.closest("td[data-k]");
    if (cell && event.target.closest("button")) open(...numbers(cell.dataset.k));
  });
  area.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("td[data-k]");
    if (!cell || cell.firstChild.title) return;
    const here = at(...numbers(cell.dataset.k));
    cell.firstChild.title = data.signatures[here.letter] || here.reason || NAMES[here.verdict];
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) close();
  });

  // --- The evidence of a cell -------------------------------------------------------------

  function open(r, c, focus = true) {
    if (!td(r, c)) return;
    view.cell = [r, c];
    panel.replaceChildren(...evidence(r, c));
    panel.hidden = false;
    panel.scrollTop = 0;
    document.body.classList.add("open");
    const current = mark();
    if (current && visible(current)) {
      reachable(current);
      current.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    if (focus) $("e-title").focus({ preventScroll: true });
    remember();
  }

  // The open cell is marked in each table, in the cell that stands for it there.
  function mark() {
    for (const old of all("[aria-current]", area)) old.removeAttribute("aria-current");
    if (!view.cell) return null;
    for (const cell of places(...view.cell))
      cell.firstChild.setAttribute("aria-current", "true");
    return td(...view.cell).firstChild;
  }

  function close() {
    panel.hidden = true;
    document.body.classList.remove("open");
    const current = all("[aria-current]", area).find(visible);
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
    const shownButton = td(r, c).firstChild;
    return [
      bar(r, c),
      make("h2", { id: "e-title", tabindex: "-1" }, `${row.case} ${column.tensorflow === "none" ? "without TensorFlow" : `on TensorFlow ${column.tensorflow}`}${column.value && `, ${column.value}`}`),
      make("p", { class: "quiet" }, [row.repro !== row.case ? row.repro : "", `Python ${column.python}`, column.device].filter(Boolean).join(" · ")),
      row.about ? make("p", { class: "quiet" }, row.about) : null,
      make("p", { class: "verdict" },
        make("span", { class: `dot ${shownButton.className}` }, ...[...shownButton.childNodes].map((n) => n.cloneNode(true))),
        make("span", {}, NAMES[cell.verdict] || cell.verdict, says && says !== cell.verdict ? ": " : "",
          says && says !== cell.verdict ? make("code", {}, says) : "")),
      ...notes(cell),
      ...same(r, c),
      ...sources(r, cell),
      ...section(cell.file ? "End of its output" : "Output", output(cell)),
      ...section("Observed", observed(r, c)),
      ...section("Files that it left", left(cell)),
      ...section("Facts", facts(cell)),
      ...section("To see this cell again", again(cell, row, column)),
      ...packages(r, c, environment),
      ...folded("Dockerfile", environment.dockerfile),
    ].filter(Boolean);
  }

  const section = (title, content) => (content ? [make("h3", {}, title), content] : []);
  const folded = (title, text) =>
    text ? [make("details", {}, make("summary", {}, title), make("pre", {}, text))] : [];

  function bar(r, c) {
    const near = laneOf(r, c);
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

  // What a folded cell stands for: the cells that show the same.
  function same(r, c) {
    const group = places(r, c).map(members).find((m) => m.length > 1);
    if (!group) return [];
    const byCase = new Map();
    for (const [row, column] of group.map(numbers)) byCase.set(row, [...(byCase.get(row) || []), column]);
    const list = make("ul", {}, ...[...byCase].map(([row, columns]) =>
      make("li", {}, `${data.rows[row].case}: `, ...spaced(goto(row, columns), ", "))));
    return [make("details", {}, make("summary", {}, `${group.length} cells show the same`), list)];
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
    ["exit code", cell.exit === undefined ? "" : String(cell.exit)],
    ["signal", cell.signal === undefined ? "" : String(cell.signal)],
    ["time", cell.seconds == null ? "" : `${cell.seconds} s`],
    ["peak memory", cell.memory ? `${cell.memory} MiB` : ""],
    ["process", cell.inferred ? "" : cell.mode === "fork" ? "forked after one import of TensorFlow" : cell.why ? `its own: ${cell.why}` : ""],
    ["notes", (cell.notes || []).join("; ")],
    ["worker", cell.worker],
  ]);

  function output(cell) {
    const lines = cell.log == null ? [] : data.logs[cell.log].map((n) => data.lines[n]);
    if (lines.length) {
      const start = telling(lines), before = lines.slice(0, start);
      return make("div", {},
        before.length ? make("details", {}, make("summary", {}, `${before.length} earlier ${before.length === 1 ? "line" : "lines"}`),
          make("pre", {}, before.join("\n"))) : null,
        make("pre", { class: "log" }, lines.slice(start).join("\n")));
    }
    return cell.file ? make("p", { class: "quiet" }, cell.log == null ? `In ${cell.file}${data.archive && `, as a file or in ${data.archive}`}.` : "It printed nothing.") : null;
  }

  // Only on the machine of the run do the files lie beside the page. A browser saves them and does
  // not show them: a script that nobody vouches for wrote them.
  const beside = location.protocol === "file:" || ["localhost", "127.0.0.1"].includes(location.hostname);
  const address = (path) => path.split("/").map(encodeURIComponent).join("/");
  function left(cell) {
    if (!cell.left) return null;
    const named = ([name, path]) => (beside ? make("a", { href: address(path), download: "" }, name) : make("code", {}, name));
    const files = cell.left.files.map((file) => make("li", {}, named(file), ` ${file[2]} bytes`));
    const more = cell.left.more ? [make("li", {}, `${cell.left.more}${files.length ? " more" : " files"}, in out/`)] : [];
    return make("ul", {}, ...files, ...more);
  }

  // Where the output begins to tell: at the first traceback, else after what TensorFlow says when
  // it starts.
  const TRACEBACK = /^(Traceback \(most recent call last\):|Fatal Python error)/;
  const STARTUP = /^(([IW] |[IW]\d{4} |WARNING:|\d{4}-\d\d-\d\d .*[IW] )|Instructions for updating:|To enable the following|non-resource variables|\s*$)/;
  function telling(lines) {
    const traceback = lines.findIndex((line) => TRACEBACK.test(line));
    if (traceback >= 0) return traceback;
    const first = lines.findIndex((line) => !STARTUP.test(line));
    return first < 0 ? 0 : first;
  }

  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
  function again(cell, row, column) {
    const releases = [...new Set([row.saver || column.tensorflow, column.tensorflow])].join(",");
    const one = row.saver ? "" : ` --case ${row.quoted || row.case} --device ${quoted(column.device)}`;
    const where = `--tf ${quoted(releases)}${one}`;
    const command = [`${data.command} \\\n  ${where}`, data.words].join(" ").trim(), lines = [command];
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
    const names = Object.entries(observations(r, c));
    if (!names.length) return null;
    return make("div", {}, ...names.map(([name, value]) => {
      const line = spark(r, c, name);
      const told = line && Array.isArray(value) && value.length > 1 ? `${name} (the line shows the mean)` : name;
      const steps = changesAt(r, name, laneOf(r, c));
      return make("div", { class: "observed" },
        make("div", {}, make("div", { class: "name" }, told), make("div", { class: "value" }, tidy(value)),
          steps.length ? make("div", { class: "name" }, "changes at ", ...spaced(goto(r, steps), ", ")) : null), line);
    }));
  }

  const observations = (r, c) => data.observed[at(r, c).observed] || {};
  const changesAt = (r, name, lane) => (own(data.rows[r].shifts, name) || []).filter((c) => lane.includes(c));

  // A value over the releases: a dot where it is, small ones where it changes but the outcome does not.
  function spark(r, c, name) {
    const lane = laneOf(r, c), values = lane.map((other) => plotted(own(observations(r, other), name)));
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
    const lane = laneOf(r, c);
    const before = lane[lane.indexOf(c) - 1];
    const old = before === undefined ? {} : data.environments[at(r, before).environment] || {};
    const differing = (old.packages || []).length ? changes(versions(old), versions(environment)) : [];
    const title = `Environment: ${environment.packages.length} packages`
      + (differing.length ? `, ${differing.length} not as on ${data.columns[before].label}` : "");
    return [make("details", {}, make("summary", {}, title),
      list([["image", environment.image], ["engine", environment.engine], ["key", (environment.key || "").slice(0, 16)],
        ["released", environment.released], ["GIT_VERSION", environment.git_version], ["files", `environments/${at(r, c).environment}/`]]),
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
    if (whole && whole.open) said.set("whole", "1");
    if (view.cell) {
      const [r, c] = view.cell;
      said.set("repro", data.rows[r].repro);
      said.set("case", data.rows[r].case);
      said.set("on", data.columns[c].key);
    }
    const hash = said.toString();
    try { history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search); } catch { /* a page in a sandbox */ }
  }

  function recall() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const name of ["outcome", "letter", "device"])
      view[name] = new Set((said.get(name) || "").split(",").filter(Boolean));
    if (whole) whole.open = said.get("whole") === "1";
    show();
    const r = data.rows.findIndex((row) => row.repro === said.get("repro") && row.case === said.get("case"));
    const c = data.columns.findIndex((column) => column.key === said.get("on"));
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
  if (whole) whole.addEventListener("toggle", () => { reachable(); remember(); });
  $("reset").addEventListener("click", () => {
    for (const name of ["outcome", "letter", "device"]) view[name].clear();
    show();
    remember();
    area.querySelector("td button[tabindex='0']").focus();
  });
  addEventListener("hashchange", recall);
  $("filters").hidden = $("hint").hidden = false;
  recall();
})();
