// The network of a stack: what is drawn, pointed at and clicked (jeoview.widgets.network_chart). Python alone chooses pairs.

const SVG = "http://www.w3.org/2000/svg";
const DAY = 86400000;
const REACH = 9; // pixels around the pointer in which a pair or a date is found
const VIEWS = [["network", "Network"], ["matrix", "Coherence matrix"], ["rms", "RMS"], ["loops", "Worst loops"]];
const WHY = { kept: "", dropped: "dropped by hand; a click takes it back", sieved: "removed by a slider" };
const HINT = "A click on a pair drops it or takes it back, a click on a date all its pairs. Dashed: dropped by hand; dotted: removed by a slider.";
const TABLE = 446; // pixels beside the drawing: of the worst loops with their scroll bar, and the gap
const THRESHOLD = 1.5; // rad, LiCSBAS

// ---------------------------------------------------------------- elements

// No text becomes markup: names of pairs come from names of files.
function node(space, name, attributes, children) {
  const made = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
const html = (name, attributes = {}, ...children) => node(null, name, attributes, children);
const svg = (name, attributes = {}, ...children) => node(SVG, name, attributes, children);
const label = (x, y, text, more = {}) => svg("text", { x, y, ...more }, text);
const line = (x1, y1, x2, y2, kind) => svg("line", { x1, y1, x2, y2, class: kind });
const path = points => points.map(point => point.map(value => value.toFixed(1)).join(",")).join(" ");

// ---------------------------------------------------------------- numbers

const known = value => value !== null && value !== undefined;
const fixed = (value, digits) => (known(value) ? value.toFixed(digits).replace("-", "\u2212") : "unknown");
const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
const time = day => Date.parse(day + "T00:00:00Z");
const iso = moment => new Date(moment).toISOString().slice(0, 10);
const scale = (low, high, from, to) => value => from + ((value - low) / (high - low || 1)) * (to - from);

function ticks(low, high, room) {
  const rough = (high - low) / Math.max(room, 1) || 1;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * ten).find(size => size >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) found.push(k * step);
  return found.map(value => [value, fixed(value, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))]);
}

function timeTicks(low, high, room) {
  for (const months of [1, 2, 3, 6, 12, 24, 60, 120]) {
    const found = [];
    const start = new Date(low);
    const first = start.getUTCFullYear() * 12 + start.getUTCMonth();
    for (let month = Math.ceil(first / months) * months; ; month += months) {
      const moment = Date.UTC(Math.floor(month / 12), month % 12, 1);
      if (moment > high) break;
      if (moment >= low) found.push([moment, iso(moment).slice(0, months % 12 ? 7 : 4)]);
    }
    if (found.length <= room) return found.length > 1 ? found : [low, high].map(moment => [moment, iso(moment)]);
  }
  return [];
}

// ---------------------------------------------------------------- one panel

class Chart {
  constructor(model, root) {
    this.model = model;
    this.tabs = html("div", { class: "jv-net-tabs", role: "tablist" });
    this.stage = html("div", { class: "jv-net-stage" });
    this.tip = html("div", { class: "jv-net-tip", role: "status" });
    this.tip.hidden = true;
    // JupyterLab's own keys would take Enter and the arrows.
    const frame = html("div", { class: "jv-net", "data-lm-suppress-shortcuts": "true" }, this.tabs, this.stage, this.tip);
    root.append(frame);
    this.frame = frame;
    this.redraw = () => this.draw();
    for (const name of ["facts", "choice", "view", "marked"]) model.on(`change:${name}`, this.redraw);
    this.width = 0;
    this.watcher = new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width && width !== this.width) { this.width = width; this.draw(); }
    });
    this.watcher.observe(this.stage);
  }

  close() {
    this.watcher.disconnect();
    for (const name of ["facts", "choice", "view", "marked"]) this.model.off(`change:${name}`, this.redraw);
  }

  set(name, value) { this.model.set(name, value); this.model.save_changes(); }
  // What is marked is a loop of the table: it leaves with the table.
  show(view) {
    if (view !== this.model.get("view")) this.model.set("marked", []);
    this.set("view", view);
  }

  toggle(pair) { this.model.send({ toggle: pair.id }); }

  state(pair) { return this.kept.has(pair.id) ? "kept" : this.dropped.has(pair.id) ? "dropped" : "sieved"; }
  colour(value, low, high) {
    const colours = this.facts.palette;
    return colours[Math.round(Math.min(Math.max((value - low) / (high - low || 1), 0), 1) * (colours.length - 1))];
  }

  draw() {
    if (!this.width) return;
    const focus = this.stage.contains(document.activeElement) && document.activeElement.dataset.key;
    [this.facts, this.choice] = [this.model.get("facts"), this.model.get("choice")];
    this.kept = new Set(this.choice.kept);
    this.dropped = new Set(this.choice.dropped);
    this.marked = new Set(this.model.get("marked"));
    this.near = [];
    const view = this.model.get("view");
    this.tabs.replaceChildren(...VIEWS.map(([name, words]) => {
      const tab = html("button", { role: "tab", type: "button", "aria-selected": String(name === view) }, words);
      tab.onclick = () => this.show(name);
      return tab;
    }));
    const parts = { network: () => [this.network(this.width, 380), this.note(HINT)], matrix: () => this.matrix(), rms: () => this.rms(),
      loops: () => this.loops() }[view]();
    this.stage.replaceChildren(...parts);
    if (focus) this.stage.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
    this.point(this.pointer);
  }

  note(text) { return html("p", { class: "jv-net-note" }, text); }
  unmeasured() { return this.note(this.facts.measured ? "" : "The pixels have not been measured yet."); }

  // -------------------------------------------------------------- pointer

  // Lines cross and lie close together: what is nearest is meant, not what happens to lie on top.
  listen(area) {
    const at = event => { const box = area.getBoundingClientRect(); return [event.clientX - box.x, event.clientY - box.y]; };
    area.addEventListener("pointermove", event => this.point({ area, at: at(event) }));
    area.addEventListener("pointerleave", () => this.point(null));
    area.addEventListener("pointerdown", () => this.frame.classList.remove("jv-net-keyed"));
    area.addEventListener("click", event => {
      const found = this.find(at(event));
      if (found?.pair) this.toggle(found.pair);
      else if (found) this.model.send({ toggle_date: found.day });
    });
    return area;
  }

  find([x, y]) {
    let [best, reach] = [null, REACH];
    for (const thing of this.near) {
      // What is named stays meant where another one is hardly nearer: a click must hit what was read.
      const distance = thing.distance(x, y) - (thing.name === this.named ? 2 : 0);
      if (distance <= reach) [best, reach] = [thing, distance];
    }
    return best;
  }

  point(pointer) {
    if (pointer && !pointer.area.isConnected) {
      const again = this.stage.querySelector("svg");
      pointer = again && { ...pointer, area: again };
    }
    this.pointer = pointer;
    const found = pointer && (pointer.name ? this.near.find(thing => thing.name === pointer.name) : this.find(pointer.at));
    this.named = found?.name;
    this.stage.querySelectorAll(".jv-net-halo").forEach(halo => halo.remove());
    this.tip.hidden = !found;
    if (!found) { if (pointer) pointer.area.style.cursor = ""; return; }
    pointer.area.style.cursor = "pointer";
    pointer.area.append(found.halo());
    this.tip.replaceChildren(...found.words().map((text, row) => html(row ? "div" : "b", {}, text)));
    const [box, frame] = [pointer.area.getBoundingClientRect(), this.frame.getBoundingClientRect()];
    const [x, y] = [box.x - frame.x + pointer.at[0], box.y - frame.y + pointer.at[1]];
    const left = x > frame.width / 2 ? x - 14 - this.tip.offsetWidth : x + 14;
    this.tip.style.left = `${Math.max(Math.min(left, frame.width - this.tip.offsetWidth), 0)}px`;
    this.tip.style.top = `${Math.max(y - this.tip.offsetHeight - 10, 0)}px`;
  }

  pairWords(pair) {
    const loops = this.choice.loops_of[pair.id] ?? [pair.loops, pair.rms, pair.best];
    const found = [`${pair.earlier} \u2192 ${pair.later}`, count(pair.days, "day") +
      (known(pair.bperp) ? `, perpendicular baseline ${fixed(pair.bperp, 0)} m` : ", baseline unknown")];
    if (this.facts.measured) {
      found.push(`coherence ${fixed(pair.coherence, 2)}, unwrapped ${known(pair.unwrapped) ? `${fixed(100 * pair.unwrapped, 0)} %` : "unknown"}`);
      found.push(loops[0] ? `${count(loops[0], "loop")}: RMS ${fixed(loops[1], 2)} rad, the best ${fixed(loops[2], 2)} rad` : "in no loop");
    }
    return [...found, WHY[this.state(pair)]].filter(Boolean);
  }

  dateWords(date) {
    const now = this.choice.dates[date.day];
    const found = [date.day, now ? `${now.pairs} of ${count(date.pairs, "pair")}` : `${count(date.pairs, "pair")}, none of them left`];
    if (now && known(now.coherence)) found.push(`mean coherence ${fixed(now.coherence, 2)}`);
    if (now?.loops) found.push(`${count(now.loops, "loop")}: RMS ${fixed(now.rms, 2)} rad`);
    if (now?.subset) found.push(`in subset ${now.subset + 1}, which no pair connects to the first`);
    found.push(now ? "a click drops its pairs" : "a click takes back those that were dropped by hand");
    return found;
  }

  // -------------------------------------------------------------- baseline against time

  network(width, height) {
    const { dates, pairs, baselines, coherent } = this.facts;
    const [left, right, top, bottom] = [baselines ? 58 : 20, coherent ? 78 : 20, 12, height - 28];
    const times = dates.map(date => time(date.day));
    const margin = Math.max((times.at(-1) - times[0]) * 0.02, DAY);
    const [low, high] = [times[0] - margin, times.at(-1) + margin];
    const x = scale(low, high, left, width - right);
    const [y, longest] = this.levels(top, bottom);
    const level = Object.fromEntries(dates.map(date => [date.day, baselines ? y(date.level) : bottom - 10]));
    const area = svg("svg", { width, height, class: "jv-net-svg", tabindex: 0, "data-key": "network", role: "application",
      "aria-label": "Network of pairs. Arrow keys go from pair to pair, Enter drops a pair or takes it back." });
    for (const [moment, words] of timeTicks(low, high, (width - left - right) / 80)) {
      area.append(line(x(moment), top, x(moment), bottom, "jv-net-grid"), label(x(moment), bottom + 18, words, { class: "jv-net-middle" }));
    }
    if (baselines) this.levelAxis(area, y, left, width - right, top, bottom);
    const drawn = pairs.map(pair => {
      const ends = [pair.earlier, pair.later].map(day => [x(time(day)), level[day]]);
      return { pair, points: baselines ? ends : arc(ends, (bottom - top - 20) * Math.sqrt(pair.days / longest)) };
    });
    const order = ["sieved", "dropped", "kept"];
    drawn.sort((one, other) => order.indexOf(this.state(one.pair)) - order.indexOf(this.state(other.pair)));
    for (const { pair, points } of drawn) area.append(this.pairLine(pair, points));
    for (const { pair, points } of drawn) if (this.marked.has(pair.id)) area.append(svg("polyline", { points: path(points), class: "jv-net-mark" }));
    for (const date of dates) area.append(this.datePoint(date, x(time(date.day)), level[date.day]));
    if (coherent) this.colourBar(area, width - right + 18, top + 6, bottom - 6, this.facts.coherence);
    this.keys(area, drawn);
    return this.listen(area);
  }

  levels(top, bottom) {
    const levels = this.facts.dates.map(date => date.level ?? 0);
    const longest = Math.max(...this.facts.pairs.map(pair => pair.days), 1);
    const room = (Math.max(...levels) - Math.min(...levels)) * 0.06 || 1;
    return [scale(Math.min(...levels) - room, Math.max(...levels) + room, bottom, top), longest];
  }

  levelAxis(area, y, left, right, top, bottom) {
    const levels = this.facts.dates.map(date => date.level);
    for (const [value, words] of ticks(Math.min(...levels), Math.max(...levels), 6)) {
      area.append(line(left, y(value), right, y(value), "jv-net-grid"), label(left - 8, y(value) + 4, words, { class: "jv-net-end" }));
    }
    const middle = (top + bottom) / 2;
    area.append(label(14, middle, "perpendicular baseline [m]", { class: "jv-net-middle", transform: `rotate(-90 14 ${middle})` }));
  }

  pairLine(pair, points) {
    const state = this.state(pair);
    const made = svg("polyline", { points: path(points), class: `jv-net-pair jv-net-${state}`, "data-pair": pair.id });
    if (state === "kept" && known(pair.coherence)) made.style.stroke = this.colour(pair.coherence, ...this.facts.coherence);
    this.near.push({
      name: pair.id, pair, words: () => this.pairWords(pair), distance: (x, y) => toLine(points, x, y),
      halo: () => svg("polyline", { points: path(points), class: "jv-net-halo" }),
    });
    return made;
  }

  datePoint(date, x, y) {
    const now = this.choice.dates[date.day];
    this.near.push({
      // A date lies where its pairs end: near it, it is the date that is meant.
      name: date.day, day: date.day, words: () => this.dateWords(date), distance: (px, py) => (Math.hypot(px - x, py - y) < 6 ? -1 : Infinity),
      halo: () => svg("circle", { cx: x, cy: y, r: 7, class: "jv-net-halo" }),
    });
    if (now?.subset) return svg("path", { d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, class: "jv-net-apart", "data-date": date.day });
    return svg("circle", { cx: x, cy: y, r: 3.6, class: now ? "jv-net-date" : "jv-net-lost", "data-date": date.day });
  }

  colourBar(area, x, top, bottom, [low, high]) {
    const colours = this.facts.palette;
    const height = (bottom - top) / colours.length;
    colours.forEach((fill, k) => area.append(svg("rect", { x, y: bottom - (k + 1) * height, width: 10, height: height + 0.5, fill })));
    const y = scale(low, high, bottom, top);
    for (const [value, words] of ticks(low, high, 5)) area.append(label(x + 15, y(value) + 4, words));
    const middle = (top + bottom) / 2;
    area.append(label(x + 54, middle, "mean coherence", { class: "jv-net-middle", transform: `rotate(-90 ${x + 54} ${middle})` }));
  }

  // From pair to pair in the order of their dates, without a mouse.
  keys(area, drawn) {
    const order = [...drawn].sort((one, other) => one.pair.id.localeCompare(other.pair.id));
    area.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) {
        this.place = this.place === undefined ? 0 : (this.place + step + order.length) % order.length;
        const { pair, points } = order[this.place];
        const [one, other] = [points[Math.floor((points.length - 1) / 2)], points[Math.ceil((points.length - 1) / 2)]];
        this.point({ area, name: pair.id, at: [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2] });
      } else if (["Enter", " "].includes(event.key) && this.place !== undefined) this.toggle(order[this.place].pair);
      else return;
      this.frame.classList.add("jv-net-keyed");
      event.preventDefault();
    });
  }

  // -------------------------------------------------------------- coherence of every two dates

  matrix() {
    const { dates, pairs, coherent } = this.facts;
    if (!coherent) return [this.facts.measured ? this.note("This stack has no coherence.") : this.unmeasured()];
    const [left, bottom] = [74, 74];
    const cell = Math.max(Math.min((this.width - left - 100) / dates.length, 460 / dates.length, 26), 3);
    const side = cell * dates.length;
    const area = svg("svg", { width: left + side + 100, height: side + bottom + 8, class: "jv-net-svg" });
    area.append(svg("rect", { x: left, y: 6, width: side, height: side, class: "jv-net-none" }));
    const place = Object.fromEntries(dates.map((date, k) => [date.day, k]));
    for (const pair of pairs) {
      const [i, j] = [place[pair.earlier], place[pair.later]];
      area.append(this.cell(pair, left + j * cell, 6 + i * cell, cell));
      if (this.kept.has(pair.id)) area.append(this.cell(pair, left + i * cell, 6 + j * cell, cell));
    }
    area.append(line(left, 6, left + side, 6 + side, "jv-net-axis"));
    const step = Math.ceil(13 / cell);
    dates.forEach((date, k) => {
      if (k % step) return;
      const [x, y] = [left + (k + 0.5) * cell + 3.5, 6 + (k + 0.5) * cell + 3.5];
      area.append(label(left - 6, y, date.day, { class: "jv-net-end" }));
      area.append(label(x, side + 14, date.day, { class: "jv-net-end", transform: `rotate(-90 ${x} ${side + 14})` }));
    });
    this.colourBar(area, left + side + 18, 6, 6 + Math.max(side, 90), [0, 1]);
    const words = `Above the diagonal ${count(pairs.length, "pair")} in all, below it the ${this.kept.size} chosen.`;
    return [this.listen(area), this.note(words)];
  }

  cell(pair, x, y, side) {
    const box = { x, y, width: side, height: side };
    const inside = (px, py) => (px >= x && px < x + side && py >= y && py < y + side ? 0 : Infinity);
    const halo = () => svg("rect", { ...box, class: "jv-net-halo" });
    this.near.push({ name: `${pair.id} ${x}`, pair, words: () => this.pairWords(pair), distance: inside, halo });
    const fill = known(pair.coherence) ? this.colour(pair.coherence, 0, 1) : "#bbb";
    return svg("rect", { ...box, fill, "data-pair": pair.id });
  }

  // -------------------------------------------------------------- closure of loops by date and by pair

  rms() {
    if (!this.facts.measured) return [this.unmeasured()];
    const of = pair => this.choice.loops_of[pair.id] ?? [0, null, null];
    const pairs = this.facts.pairs.filter(pair => of(pair)[0]).sort((one, other) => of(other)[1] - of(one)[1]);
    if (!pairs.length) return [this.note("No three of the chosen pairs make a loop.")];
    const days = this.facts.dates.filter(date => this.choice.dates[date.day]?.loops);
    const [width, left, height] = [this.width, 58, 400];
    const area = svg("svg", { width, height, class: "jv-net-svg" });
    const [low, high] = [time(this.facts.dates[0].day), time(this.facts.dates.at(-1).day)];
    const x = scale(low, high, left + 12, width - 30);
    const worst = Math.max(...pairs.map(pair => of(pair)[1]), ...days.map(date => this.choice.dates[date.day].rms));
    const upper = this.bars(area, left, width - 18, 10, 150, worst, "per date [rad]");
    for (const [moment, words] of timeTicks(low, high, (width - left) / 80)) area.append(label(x(moment), 168, words, { class: "jv-net-middle" }));
    const gaps = this.facts.dates.slice(1).map((date, k) => x(time(date.day)) - x(time(this.facts.dates[k].day)));
    const thick = Math.min(Math.max(Math.min(...gaps) * 0.7, 2), 24);
    for (const date of days) {
      const rms = this.choice.dates[date.day].rms;
      area.append(this.bar({ name: date.day, day: date.day, words: () => this.dateWords(date) }, x(time(date.day)) - thick / 2, upper(rms), thick, 150));
    }
    const lower = this.bars(area, left, width - 18, 195, 365, worst, "per pair, worst first [rad]");
    const step = (width - 18 - left) / pairs.length;
    pairs.forEach((pair, k) => {
      const [, rms, best] = of(pair);
      area.append(this.bar({ name: pair.id, pair, words: () => this.pairWords(pair) }, left + (k + 0.1) * step, lower(rms), 0.8 * step, 365));
      area.append(svg("circle", { cx: left + (k + 0.5) * step, cy: lower(best), r: Math.min(2.4, Math.max(step / 2, 0.8)), class: "jv-net-best" }));
    });
    const lonely = this.kept.size - pairs.length;
    const words = "Root mean square of loop closures over the chosen pairs; a point is the pair's best loop, the dashed line LiCSBAS's limit of 1.5 rad.";
    return [this.listen(area), this.note(lonely ? `${words} In no loop: ${count(lonely, "pair")}.` : words)];
  }

  bars(area, left, right, top, bottom, worst, title) {
    const most = Math.max(worst, THRESHOLD) * 1.05;
    const y = scale(0, most, bottom, top);
    for (const [value, words] of ticks(0, most, 4)) {
      area.append(line(left, y(value), right, y(value), "jv-net-grid"), label(left - 8, y(value) + 4, words, { class: "jv-net-end" }));
    }
    area.append(line(left, y(THRESHOLD), right, y(THRESHOLD), "jv-net-limit"));
    const middle = (top + bottom) / 2;
    area.append(label(14, middle, title, { class: "jv-net-middle", transform: `rotate(-90 14 ${middle})` }));
    return y;
  }

  bar(thing, x, y, width, bottom) {
    const box = { x, y, width: Math.max(width, 0.8), height: bottom - y };
    const inside = (px, py) => (px >= x - 0.5 && px <= x + width + 0.5 && py <= bottom && py >= Math.min(y, bottom - 8) ? 0 : Infinity);
    this.near.push({ ...thing, distance: inside, halo: () => svg("rect", { ...box, class: "jv-net-halo" }) });
    return svg("rect", { ...box, class: "jv-net-bar", ...(thing.pair ? { "data-pair": thing.pair.id } : {}) });
  }

  // -------------------------------------------------------------- loops that close worst

  loops() {
    if (!this.facts.measured) return [this.unmeasured()];
    if (!this.choice.loops.length) return [this.note("No three of the chosen pairs make a loop.")];
    const wide = this.width >= 2 * TABLE;
    const head = html("tr", {}, ...["dates", "RMS [rad]", "beyond \u03c0"].map(words => html("th", {}, words)));
    const rows = this.choice.loops.map(loop => this.loopRow(loop));
    const table = html("div", { class: "jv-net-table" }, html("table", {}, html("thead", {}, head), html("tbody", {}, ...rows)));
    const more = this.choice.loop_count - rows.length;
    const words = `A click on a loop marks its three pairs.${more > 0 ? ` The worst ${rows.length} of ${this.choice.loop_count}.` : ""}`;
    const beside = html("div", { class: "jv-net-beside" }, table, this.note(words));
    const drawn = this.network(wide ? this.width - TABLE : this.width, wide ? 380 : 280);
    return [html("div", { class: wide ? "jv-net-wide" : "" }, drawn, beside)];
  }

  loopRow(loop) {
    const here = loop.pairs.every(id => this.marked.has(id)) && this.marked.size === 3;
    const row = html("tr", { tabindex: 0, "data-key": loop.pairs.join(" "), "aria-selected": String(here) },
      html("td", {}, ...loop.dates.flatMap((day, k) => [k ? " \u00b7 " : "", html("span", {}, day)])), html("td", {}, fixed(loop.rms, 2)),
      html("td", {}, known(loop.errors) ? `${fixed(100 * loop.errors, 1)} %` : "unknown"));
    row.onclick = () => this.set("marked", here ? [] : loop.pairs);
    row.onkeydown = event => { if (["Enter", " "].includes(event.key)) { row.onclick(); event.preventDefault(); } };
    return row;
  }
}

// ---------------------------------------------------------------- shapes

// As high as the root of its days: a year must not flatten the pairs of twelve days.
function arc([[x1, y], [x2]], height) {
  return Array.from({ length: 49 }, (_, k) => (Math.PI * k) / 48)
    .map(angle => [(x1 + x2) / 2 - ((x2 - x1) / 2) * Math.cos(angle), y - height * Math.sin(angle)]);
}

function toLine(points, x, y) {
  let best = Infinity;
  for (let k = 1; k < points.length; k++) {
    const [[x1, y1], [x2, y2]] = [points[k - 1], points[k]];
    const [dx, dy] = [x2 - x1, y2 - y1];
    const along = Math.min(Math.max(((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1), 0), 1);
    best = Math.min(best, Math.hypot(x - x1 - along * dx, y - y1 - along * dy));
  }
  return best;
}

function render({ model, el }) {
  const chart = new Chart(model, el);
  return () => chart.close();
}

export default { render };
