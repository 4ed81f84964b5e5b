// Draws the charts of a page (data-charts holds the figures, data-chart each place). Colours are those of the style sheet.
"use strict";

window.carillonCharts = (() => {
  const DASHES = { 3: [6, 3], 4: [3, 3], 6: [6, 3] };
  const number = new Intl.NumberFormat("en-US");
  const seconds = (value) => {
    if (value < 10) return `${Number(value.toPrecision(2))} s`;
    if (value < 90) return `${Math.round(value)} s`;
    return value < 5400 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
  };
  const words = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit === "%") return `${value < 10 ? value.toFixed(1) : Math.round(value)}%`;
    return unit === "s" ? seconds(value) : number.format(value);
  };
  const color = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

  // Layers of a bar lie on each other: each is drawn from the bottom to its own top, the highest first.
  const stacked = (series) => {
    const sums = series[0].values.map(() => 0);
    return series.map((one) => one.values.map((value, at) => (sums[at] += value ?? 0))).reverse();
  };

  const options = (place, chart, labels, onPoint) => {
    const bars = chart.kind === "bars";
    const ink = color(place, "--ink-3");
    const grid = { stroke: color(place, "--chart-grid"), width: 1 };
    const drawn = bars ? [...chart.series].reverse() : chart.series;
    return {
      width: place.clientWidth, height: place.clientHeight, legend: { show: false }, padding: [8, 8, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !bars } },
      scales: {
        x: { time: false, range: (u, low, high) => [low - 0.6, high + 0.6] },
        y: chart.unit === "s" ? { distr: 3 } : { range: (u, low, high) => [0, Math.max(high * 1.08, chart.unit === "%" ? 1 : 4)] },
      },
      axes: [
        {
          stroke: ink, grid: { show: false }, ticks: { show: false }, size: 26, font: "11px sans-serif", space: 56,
          incrs: [1, 2, 3, 4, 6, 8, 12, 16, 24], values: (u, splits) => splits.map((at) => labels[at] ?? ""),
        },
        {
          stroke: ink, grid, ticks: { show: false }, size: 52, font: "11px sans-serif",
          values: (u, splits) => splits.map((value) => (value === null || (chart.unit === "" && !Number.isInteger(value)) ? "" : words(value, chart.unit))),
        },
      ],
      series: [{}, ...drawn.map((one) => {
        const stroke = color(place, `--chart-${one.color}`);
        if (bars) return { fill: stroke, width: 0, paths: uPlot.paths.bars({ size: [0.7, 40] }), points: { show: false } };
        return { stroke, width: 2, dash: DASHES[one.color], spanGaps: true, points: { size: 5, fill: stroke } };
      })],
      hooks: { setCursor: [(u) => onPoint(u.cursor.idx)] },
    };
  };

  const said = (chart, titles, at) => {
    if (at === null || at === undefined) return "\u00a0";
    return `${titles[at]}: ${chart.series.map((one) => `${one.name} ${words(one.values[at], chart.unit)}`).join(", ")}`;
  };

  class Drawing {
    constructor(place) {
      this.place = place;
      this.key = place.dataset.chart;
      this.here = document.querySelector(`[data-chart-here="${this.key}"]`);
      this.nothing = document.querySelector(`[data-chart-empty="${this.key}"]`);
      this.plot = null;
      new ResizeObserver(() => this.fit()).observe(place);
    }

    show(figures) {
      this.figures = figures;
      const chart = figures.charts[this.key];
      const empty = !chart.series.some((one) => one.values.some((value) => value));
      this.place.hidden = empty;
      this.nothing.hidden = !empty;
      if (!empty) this.draw();
    }

    draw() {
      const { labels, titles, charts } = this.figures;
      const chart = charts[this.key];
      const values = chart.kind === "bars" ? stacked(chart.series) : chart.series.map((one) => one.values);
      const data = [labels.map((_, at) => at), ...values];
      const at = this.plot?.cursor.idx;
      this.plot?.destroy();
      this.plot = new uPlot(options(this.place, chart, labels, (point) => { this.here.textContent = said(chart, titles, point); }), data, this.place);
      if (at !== null && at !== undefined) this.here.textContent = said(chart, titles, at);
    }

    fit() {
      if (this.plot && this.place.clientWidth && this.plot.width !== this.place.clientWidth) {
        this.plot.setSize({ width: this.place.clientWidth, height: this.place.clientHeight });
      }
    }
  }

  const drawings = [...document.querySelectorAll("[data-chart]")].map((place) => new Drawing(place));
  const show = (text) => { const figures = JSON.parse(text); for (const one of drawings) one.show(figures); };
  const again = () => { for (const one of drawings) if (one.plot) one.draw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const source = document.querySelector("[data-charts]");
  if (source) show(source.dataset.charts);
  return { show };
})();
