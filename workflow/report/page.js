// What moves on a report's page: the theme, sorting and filtering of tables, the charts, the threshold explorer.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const json = (element) => JSON.parse(element.textContent);
  const text = (cell) => (cell.querySelector("strong") ?? cell).textContent;

  function theme(button) {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    // The button names the theme that it leads to.
    const show = () => { button.textContent = dark() ? button.dataset.light : button.dataset.dark; };
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      show();
    });
    system.addEventListener("change", show);
    show();
  }

  function sortable(table) {
    const body = table.tBodies[0];
    if (body.rows.length < 2) return;
    const order = new Intl.Collator(root.lang, { numeric: true });
    const number = (row, column) => parseFloat(row.cells[column].dataset.value);
    all("thead th", table).forEach((head, column) => {
      const numeric = head.classList.contains("number");
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        // Numbers begin with the largest, words with the first of the alphabet.
        const ascending = head.ariaSort ? head.ariaSort === "descending" : !numeric;
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.ariaSort = ascending ? "ascending" : "descending";
        const sign = ascending ? 1 : -1;
        const rows = [...body.rows].sort((a, b) => {
          const [x, y] = [number(a, column), number(b, column)];
          if (Number.isNaN(x) && Number.isNaN(y)) {
            return sign * order.compare(text(a.cells[column]), text(b.cells[column]));
          }
          if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1; // undefined numbers stay last
          return sign * (x - y);
        });
        body.append(...rows);
      });
    });
  }

  function filtered(box) {
    const rows = [...box.querySelector("tbody").rows];
    const selects = all(".filters select", box);
    const output = box.querySelector(".filters output");
    const wanted = (row) => selects.every((select) =>
      !select.value || text(row.cells[select.dataset.column]) === select.value);
    const apply = () => {
      rows.forEach((row) => row.classList.toggle("left-out", !wanted(row)));
      const shown = rows.filter(wanted).length;
      output.value = output.dataset.pattern.replace("{shown}", shown).replace("{total}", rows.length);
    };
    selects.forEach((select) => select.addEventListener("change", apply));
    apply();
  }

  function draw(element, chart) {
    // `ast`: Vega's interpreter of expressions, so that the page may forbid code made from text.
    const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false };
    options.tooltip = { disableDefaultStyle: true };
    options.config = json(document.getElementById("page-charts"));
    options.config.font = getComputedStyle(document.body).fontFamily;
    options.config.legend.columns = Math.max(1, Math.floor(element.clientWidth / 150));
    return vegaEmbed(element, chart, options).then((result) => result.view);
  }

  function explorer(box) {
    const { curves, words, chart } = json(box.querySelector("script"));
    const { model, checkpoint, threshold, prevalence, chosen, measured } = Object.fromEntries(
      all("select, input, button", box).map((control) => [control.name, control]));
    const whole = new Intl.NumberFormat(root.lang);
    const percent = (share) => `${(100 * share).toFixed(2)}%`;
    const short = (share) => `${Number((100 * share).toPrecision(3))}%`;
    const formats = { f1: (value) => value.toFixed(4), per_thousand: (value) => value.toFixed(1) };
    const format = (name, value) => (value === null ? words.none : (formats[name] ?? percent)(value));
    const show = (name, text) => all(`[data-of="${name}"]`, box).forEach((element) => { element.textContent = text; });
    const ratio = (part, of) => (of > 0 ? part / of : null);
    const measuredShare = () => curve.anomalous / (curve.anomalous + curve.normal);
    let curve, chosenStep, assumed, view;

    function rates(step, share) {
      const recall = ratio(curve.tp[step], curve.anomalous);
      const alarms = ratio(curve.fp[step], curve.normal);
      const specificity = alarms === null ? null : 1 - alarms;
      if (recall === null || alarms === null) return { precision: null, recall, specificity, f1: null, per_thousand: null };
      // Outcomes of one session drawn where the share given is anomalous.
      const [found, missed, falseAlarm] = [share * recall, share * (1 - recall), (1 - share) * alarms];
      return {
        precision: ratio(found, found + falseAlarm), recall, specificity,
        f1: ratio(2 * found, 2 * found + missed + falseAlarm), per_thousand: 1000 * (found + falseAlarm),
      };
    }

    function chartData() {
      const lines = curve.thresholds.flatMap((_, step) => {
        const at = rates(step, assumed);
        return ["recall", "precision", "f1"].map((name) => ({ step, measure: words[name], value: at[name] }));
      });
      return { lines, now: [{ step: Number(threshold.value) }] };
    }

    function update() {
      const step = Number(threshold.value);
      const share = measuredShare();
      const counts = { tp: curve.tp[step], fp: curve.fp[step] };
      counts.fn = curve.anomalous - counts.tp;
      counts.tn = curve.normal - counts.fp;
      const [here, there] = [rates(step, share), rates(step, assumed)];
      for (const [name, count] of Object.entries(counts)) {
        box.querySelector(`[data-count="${name}"]`).textContent = whole.format(count);
      }
      for (const name of Object.keys(here)) {
        box.querySelector(`[data-measured="${name}"]`).textContent = format(name, here[name]);
        box.querySelector(`[data-assumed="${name}"]`).textContent = format(name, there[name]);
      }
      const value = String(Number(curve.thresholds[step].toPrecision(6)));
      show("threshold", curve.thresholds[step] === curve.chosen ? `${value} (${words.chosen})` : value);
      show("prevalence", short(assumed));
      show("measured", short(share));
      threshold.setAttribute("aria-valuetext", value);
      prevalence.setAttribute("aria-valuetext", short(assumed));
      if (view) {
        const { lines, now } = chartData();
        view.signal("thresholds", curve.thresholds).data("lines", lines).data("now", now).runAsync();
      }
    }

    // Read out once the reader has let go, not at every step on the way.
    function announce() {
      const counts = all("[data-count]", box).map((count) => `${words[count.dataset.count]} ${count.textContent}`);
      const assumedRates = all("[data-assumed]", box).map((rate) => `${words[rate.dataset.assumed]} ${rate.textContent}`);
      show("summary", [...counts, ...assumedRates].join(", "));
    }

    function toMeasured() {
      assumed = measuredShare();
      prevalence.value = Math.log10(Math.max(assumed, 1e-4));
    }

    function pickCheckpoint() {
      const follows = curve === undefined || assumed === measuredShare();
      curve = curves[checkpoint.value];
      threshold.max = curve.thresholds.length - 1;
      const distance = curve.thresholds.map((value) => Math.abs(value - curve.chosen));
      chosenStep = curve.chosen === null ? null : distance.indexOf(Math.min(...distance));
      chosen.disabled = chosenStep === null;
      threshold.value = chosenStep ?? Math.floor(curve.thresholds.length / 2);
      if (follows) toMeasured();
      update();
    }

    function pickModel() {
      const label = checkpoint.selectedOptions[0]?.text;
      const options = curves.map((each, at) => [each, at]).filter(([each]) => each.model === curves[model.value].model);
      checkpoint.replaceChildren(...options.map(([each, at]) => new Option(each.label, at, false, each.label === label)));
      pickCheckpoint();
    }

    const first = new Map();
    curves.forEach((each, at) => { if (!first.has(each.model)) first.set(each.model, at); });
    model.append(...[...first].map(([name, at]) => new Option(name, at)));
    model.addEventListener("change", pickModel);
    checkpoint.addEventListener("change", pickCheckpoint);
    threshold.addEventListener("input", update);
    prevalence.addEventListener("input", () => {
      assumed = Number((10 ** prevalence.value).toPrecision(2));
      update();
    });
    chosen.addEventListener("click", () => { threshold.value = chosenStep; update(); });
    measured.addEventListener("click", () => { toMeasured(); update(); });
    box.addEventListener("change", announce);
    box.addEventListener("click", (event) => event.target.type === "button" && announce());
    pickModel();
    const filled = { ...chart, datasets: chartData(), params: [{ name: "thresholds", value: curve.thresholds }] };
    return draw(box.querySelector(".chart"), filled).then((drawn) => { view = drawn; update(); });
  }

  theme(document.getElementById("page-theme"));
  const contents = document.querySelector("nav details");
  if (contents) contents.open = matchMedia("(min-width: 70rem)").matches;
  addEventListener("beforeprint", () => all("details").forEach((details) => { details.open = true; }));
  all(".table table").forEach(sortable);
  all(".table:has(.filters)").forEach(filtered);
  const drawn = all("figure").map((figure) => draw(figure.querySelector(".chart"), json(figure.querySelector("script"))));
  Promise.all([...drawn, ...all(".explorer").map(explorer)]).then(() => root.classList.add("drawn"));
})();
