// Draws the members of a list over time with uPlot: the line, and below it who joined and left.
// The pointer or the arrow keys choose a day; its changes are shown above the picture. Texts of a
// source are set only as text.
"use strict";

(() => {
  const box = document.getElementById("members-picture");
  if (!box?.dataset.members) return;
  const data = JSON.parse(box.dataset.members);
  const readout = document.getElementById("members-readout");
  const DAY = 86400;
  const NO_MORE = { joined: 0, left: 0, words: [] };

  // ---- what the page carries: the days, and what changed on each --------------------------

  const secondsOf = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;
  const textOf = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

  const read = (tokens) => {
    const groups = { "+": [], "-": [], "~": [] };
    const counts = { "+": 0, "-": 0, "~": 0 };
    for (const token of tokens) {
      const sign = token[0];
      const more = token.length === 1 ? 1 : token[1] === "*" ? Number(token.slice(2)) : 0;
      counts[sign] += more || 1;
      groups[sign].push(more ? `${more}${groups[sign].length ? " more" : ""}` : token.slice(1));
    }
    const words = [
      ["joined", groups["+"]],
      ["left", groups["-"]],
      ["renamed", groups["~"].map((one) => one.replace("/", " → "))],
    ].filter(([, names]) => names.length);
    return { joined: counts["+"], left: counts["-"], words };
  };

  const xs = [secondsOf(data.first)];
  const counts = [data.start];
  const events = [NO_MORE];
  for (const text of data.days ? data.days.split("|") : []) {
    const [gap, ...tokens] = text.split(" ");
    const event = read(tokens);
    xs.push(xs.at(-1) + Number(gap) * DAY);
    counts.push(counts.at(-1) + event.joined - event.left);
    events.push(event);
  }
  const today = secondsOf(data.today);
  if (xs.at(-1) < today) {
    xs.push(today);
    counts.push(counts.at(-1));
    events.push(NO_MORE);
  }

  // ---- the picture --------------------------------------------------------------------------

  const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name);
  const font = "12px system-ui, sans-serif";
  const faint = { stroke: colour("--faint"), font, ticks: { show: false } };
  const bars = uPlot.paths.bars({ size: [0.7, 8, 2] });
  const HEIGHT = 254;
  // The line has the upper two thirds; the bars are around their own line below it.
  const MEMBERS_SHARE = 0.62;
  const BARS_AT = 0.17;
  let low = 0;

  const membersRange = (_, least, most) => {
    const room = Math.max(4 - (most - least), (most - least) * 0.16) / 2;
    low = least - room;
    const top = most + room;
    return [top - (top - low) / MEMBERS_SHARE, top];
  };
  const aboveBars = (_, splits) =>
    splits.map((one) => (one >= low && Number.isInteger(one) ? one : null));
  const barsRange = (_, least, most) => {
    const reach = Math.max(-least, most, 3) * 1.15;
    return [-reach, (reach * (1 - BARS_AT)) / BARS_AT];
  };

  const say = (place) => {
    const count = counts[place] === 1 ? "1 member" : `${counts[place]} members`;
    const { words } = events[place];
    const what = words.map(([verb, names]) => `${verb} ${names.join(", ")}`).join("; ");
    const day = textOf(xs[place]);
    const link = document.createElement("a");
    link.href = `${box.dataset.href}?on=${day}`;
    link.textContent = day;
    const strong = document.createElement("strong");
    strong.textContent = count;
    readout.replaceChildren(link, " ", strong, what ? `: ${what}` : "");
    box.setAttribute("aria-valuenow", String(place));
    box.setAttribute("aria-valuetext", `${day}, ${count}${what ? `: ${what}` : ""}`);
  };

  let chosen = xs.length - 1;
  const options = {
    width: box.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: {
      y: false,
      drag: { setScale: false, x: false, y: false },
      points: { show: false },
      // The vertical line marks the chosen day.
      move: (plot, left, top) =>
        left < 0 ? [left, top] : [plot.valToPos(xs[plot.posToIdx(left)], "x"), top],
    },
    scales: { members: { range: membersRange }, bars: { range: barsRange } },
    axes: [
      { ...faint, size: 40, gap: 4, grid: { show: false } },
      {
        ...faint,
        scale: "members",
        size: 44,
        grid: { stroke: colour("--line"), width: 1, filter: aboveBars },
        filter: aboveBars,
      },
    ],
    series: [
      {},
      {
        scale: "members",
        stroke: colour("--accent"),
        width: 2,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
      },
      { scale: "bars", fill: colour("--good"), stroke: colour("--good"), width: 0, paths: bars, points: { show: false } },
      { scale: "bars", fill: colour("--bad"), stroke: colour("--bad"), width: 0, paths: bars, points: { show: false } },
    ],
    hooks: {
      setCursor: [
        (plot) => {
          if (plot.cursor.idx == null) return;
          chosen = plot.cursor.idx;
          say(chosen);
        },
      ],
    },
  };
  box.replaceChildren();
  const joined = events.map((one) => one.joined || null);
  const left = events.map((one) => -one.left || null);
  const plot = new uPlot(options, [xs, counts, joined, left], box);

  // ---- by keyboard, in other widths and colours -----------------------------------------------

  const given = {
    role: "slider",
    tabindex: "0",
    "aria-label": `Members of ${box.dataset.name} over time, by day`,
    "aria-valuemin": "0",
    "aria-valuemax": String(xs.length - 1),
  };
  for (const [name, value] of Object.entries(given)) box.setAttribute(name, value);
  say(chosen);
  const YEAR = 365.25 * DAY;
  const startOf = (button) => {
    const years = Number(button.dataset.years);
    return years ? xs.at(-1) - years * YEAR : xs[0];
  };
  const ranges = document.querySelector(".ranges");
  for (const one of ranges.children) one.hidden = startOf(one) < xs[0];
  ranges.hidden = xs.at(-1) - xs[0] < YEAR;
  box.parentElement.querySelector(".legend").hidden = false;

  const inSight = () => {
    const { min, max } = plot.scales.x;
    const first = xs.findIndex((one) => one >= min);
    return [Math.max(first, 0), xs.findLastIndex((one) => one <= max)];
  };

  const choose = (place) => {
    const [first, last] = inSight();
    const next = Math.min(Math.max(place, first), last);
    plot.setCursor({ left: plot.valToPos(xs[next], "x"), top: 0 });
    chosen = next;
    say(next);
  };

  const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in STEPS) choose(chosen + STEPS[event.key]);
    else if (event.key === "Home") choose(0);
    else if (event.key === "End") choose(xs.length - 1);
    else if (event.key === "Enter") return void readout.querySelector("a").click();
    else return;
    event.preventDefault();
  });

  ranges.addEventListener("click", (event) => {
    const button = event.target.closest("[data-years]");
    if (!button) return;
    plot.setScale("x", { min: startOf(button), max: xs.at(-1) });
    for (const one of button.parentElement.children) {
      one.setAttribute("aria-pressed", String(one === button));
    }
  });

  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw(false));
})();
