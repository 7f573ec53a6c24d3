// Keeps what is shown up to date, fills the apply dialog and long tables when they are opened, and
// adds filter, sorting, pages and the reader's clock. The server renders every text of a source: this
// script never builds markup from one.
"use strict";

(() => {
  const offline = document.getElementById("offline");
  const away = offline.textContent;

  // The console answers but cannot show this: its page gives the reason.
  const reasonIn = (html) =>
    new DOMParser().parseFromString(html, "text/html").querySelector(".verdict")?.textContent ?? "";

  // ---- live parts: fetched whole, swapped where they differ -------------------------------

  const withoutToken = (html) => html.replace(/(name="csrf_token" value=)"[^"]*"/g, "$1");

  // What the operator uses stays: an open dialog, a field with typed text.
  const isInUse = (part) => {
    if (part.querySelector("dialog[open]")) return true;
    const focused = document.activeElement;
    const typed = [...part.querySelectorAll("input:not([type=hidden]), select, textarea")].some(
      (field) => field.value !== (field.defaultValue ?? field.value),
    );
    return typed || (part.contains(focused) && focused.matches("input, select, textarea"));
  };

  // The focused or unfolded element is another one after the swap: find it by its text, and by its
  // place among those with the same text.
  const FOCUSABLE = "a, button, summary, [tabindex]";
  const keyOf = (element) =>
    element.id || element.getAttribute("href") || element.textContent.trim();

  const placeOf = (part, selector, element) => {
    const key = keyOf(element);
    const same = [...part.querySelectorAll(selector)].filter((one) => keyOf(one) === key);
    return [key, same.indexOf(element)];
  };

  const findPlace = (part, selector, [key, place]) =>
    [...part.querySelectorAll(selector)].filter((one) => keyOf(one) === key)[place];

  const swap = (old, fresh) => {
    const focused = document.activeElement;
    const hadFocus = old.contains(focused);
    const place = hadFocus && old !== focused && placeOf(old, FOCUSABLE, focused);
    const folds = [...old.querySelectorAll("details > summary")].map((one) => [
      placeOf(old, "summary", one),
      one.parentElement.open,
    ]);
    localise(fresh);
    old.replaceWith(fresh);
    fillOpen(fresh);
    for (const [where, isOpen] of folds) {
      const summary = findPlace(fresh, "summary", where);
      if (summary) summary.parentElement.open = isOpen;
    }
    if (!hadFocus) return;
    const again = place && findPlace(fresh, FOCUSABLE, place);
    again?.focus({ preventScroll: true });
    if (document.activeElement !== document.body) return;
    // Gone, or disabled for now: continue from here, not from the top of the page.
    fresh.tabIndex = -1;
    fresh.focus({ preventScroll: true });
  };

  const update = (container, html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const part of [...fresh.querySelectorAll("[data-part]")]) {
      const old = container.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!old || isInUse(old)) continue;
      if (old.served !== withoutToken(part.outerHTML)) {
        const served = withoutToken(part.outerHTML);
        swap(old, document.adoptNode(part));
        part.served = served;
      } else {
        renew(old, part);
      }
    }
  };

  // A page that stays open overnight keeps valid tokens.
  const renew = (old, fresh) => {
    const token = fresh.querySelector("input[name=csrf_token]")?.value;
    if (!token) return;
    for (const field of old.querySelectorAll("input[name=csrf_token]")) field.value = token;
  };

  const watch = (container) => {
    for (const part of container.querySelectorAll("[data-part]")) {
      part.served = withoutToken(part.outerHTML);
    }
    const every = Number(container.dataset.every);
    const goesOn = () =>
      !container.dataset.while || container.querySelector(container.dataset.while) !== null;
    const look = async () => {
      if (!document.hidden) {
        try {
          const answer = await fetch(container.dataset.live, {
            credentials: "same-origin",
            redirect: "manual",
          });
          if (answer.type === "opaqueredirect") return void location.reload(); // logged out
          const html = await answer.text();
          if (answer.ok) update(container, html);
          offline.hidden = answer.ok;
          offline.textContent = answer.ok ? away : `What you see may be old. ${reasonIn(html)}`;
        } catch {
          offline.hidden = false;
          offline.textContent = away;
        }
      }
      if (goesOn()) setTimeout(look, every);
    };
    if (goesOn()) setTimeout(look, every);
  };

  // ---- tables: filter, sorting, pages, a copy ----------------------------------------------------

  const PAGE = 50;
  const FEW = 8;

  const made = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const textOf = (cell) => cell.textContent.trim().replace(/\s+/g, " ");

  const compare = new Intl.Collator("en", { numeric: true }).compare;

  const enhance = (table) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    if (rows.length < 2) return;
    const many = rows.length > FEW;
    const state = { words: [], kind: "", column: -1, up: true, from: 0 };

    const matching = () => {
      const found = rows.filter((row) => {
        const text = row.textContent.toLowerCase();
        const ofKind = !state.kind || row.dataset.kind === state.kind;
        return ofKind && state.words.every((word) => text.includes(word));
      });
      if (state.column < 0) return found;
      const keyed = found.map((row) => [textOf(row.cells[state.column]), row]);
      keyed.sort(([a], [b]) => compare(a, b) * (state.up ? 1 : -1));
      return keyed.map(([, row]) => row);
    };

    const place = made("span", { className: "place" });
    place.setAttribute("role", "status");
    const turn = (label, by) =>
      made("button", {
        type: "button",
        className: "plain small",
        textContent: label,
        onclick: () => {
          state.from += by;
          show();
        },
      });
    const back = turn("Previous", -PAGE);
    const on = turn("Next", PAGE);

    const show = () => {
      const found = matching();
      if (state.from >= found.length) state.from = 0;
      const upTo = Math.min(state.from + PAGE, found.length);
      body.replaceChildren(...found.slice(state.from, upTo));
      back.disabled = state.from === 0;
      on.disabled = upTo === found.length;
      back.hidden = on.hidden = found.length <= PAGE;
      place.textContent = found.length ? `${state.from + 1} to ${upTo} of ${found.length}` : "No change matches.";
      heads.forEach((head, column) => {
        if (column !== state.column) head.removeAttribute("aria-sort");
        else head.setAttribute("aria-sort", state.up ? "ascending" : "descending");
      });
    };

    heads.forEach((head, column) => {
      const button = made("button", { type: "button", className: "sort" }, ...head.childNodes);
      button.onclick = () => {
        state.up = state.column !== column || !state.up;
        state.column = column;
        state.from = 0;
        show();
      };
      head.replaceChildren(button);
    });
    if (!many) return;

    const filter = made("input", { type: "search", autocomplete: "off", spellcheck: false, size: 18 });
    filter.oninput = () => {
      state.words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      state.from = 0;
      show();
    };
    const kinds = [...new Set(rows.map((row) => row.dataset.kind).filter(Boolean))];
    const kind = made("select", {}, made("option", { value: "", textContent: "all" }));
    kind.append(...kinds.map((one) => made("option", { value: one, textContent: one })));
    kind.onchange = () => {
      state.kind = kind.value;
      state.from = 0;
      show();
    };
    const copy = made("button", { type: "button", className: "plain small", textContent: "Copy" });
    copy.onclick = async () => {
      const lines = [table.tHead.rows[0], ...matching()];
      const text = lines.map((row) => [...row.cells].map(textOf).join("\t")).join("\n");
      copy.textContent = (await copied(text, copy)) ? `Copied ${lines.length - 1} rows` : "Not copied";
      setTimeout(() => (copy.textContent = "Copy"), 4000);
    };
    const tools = made(
      "div",
      { className: "tools" },
      made("label", {}, "Filter ", filter),
      ...(kinds.length > 1 ? [made("label", {}, "Kind ", kind)] : []),
      place,
      back,
      on,
      copy,
    );
    table.closest(".scroll").before(tools);
    show();
  };

  // Over plain http from another machine, only a selection can be copied.
  const copied = async (text, beside) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = made("textarea", { value: text, className: "hidden" });
      beside.after(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      beside.focus({ preventScroll: true });
      return done;
    }
  };

  const prepare = (root) => {
    root.querySelectorAll("table[data-table]").forEach(enhance);
    localise(root);
    return root;
  };

  // ---- the clock that the reader chose: UTC, this browser's, or each market's ----------------------

  const CLOCK = "tws-maintenance-clock";
  const clocks = document.getElementById("clock");

  const kept = () => {
    try {
      return localStorage.getItem(CLOCK) ?? "utc";
    } catch {
      return "utc";
    }
  };

  const written = (at, timeZone) => {
    const options = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
    const format = new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", timeZone, timeZoneName: "short" });
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const month = parts.month.slice(0, 3);
    return `${parts.day} ${month} ${parts.year}, ${parts.hour}:${parts.minute} ${parts.timeZoneName}`;
  };

  const localise = (root) => {
    const clock = clocks?.value ?? "utc";
    for (const time of root.querySelectorAll("time[datetime]:not([data-shown])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.served ??= time.textContent;
      const zone = clock === "browser" ? undefined : (time.dataset.zone ?? "UTC");
      const isServed = clock === "utc" || zone === "UTC";
      time.textContent = isServed ? time.served : written(at, zone);
    }
  };

  if (clocks) {
    clocks.value = kept();
    clocks.closest("[hidden]").hidden = false;
    clocks.onchange = () => {
      try {
        localStorage.setItem(CLOCK, clocks.value);
      } catch {
        // Chosen for this page only.
      }
      localise(document);
    };
  }


  // ---- what is fetched when it is opened ------------------------------------------------------

  const fetched = async (address) => {
    const answer = await fetch(address, { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) throw new Error(answer.statusText);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  // An opened table survives the swap of its part, with its filter and its page.
  const boxes = new Map();

  const fill = async (details) => {
    const address = details.dataset.fill;
    try {
      if (!boxes.has(address)) {
        const box = (await fetched(address)).querySelector("[data-table-box]");
        boxes.set(address, prepare(document.adoptNode(box)));
      }
      details.replaceChildren(details.querySelector("summary"), boxes.get(address));
    } catch {
      // The link that is already there opens the table on its own page.
    }
  };

  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.open && event.target.dataset.fill) fill(event.target);
    },
    true,
  );

  const fillOpen = (root) => root.querySelectorAll("details[open][data-fill]").forEach(fill);

  let opener;

  const openDialog = async (dialog, address) => {
    try {
      const found = document.adoptNode((await fetched(address)).querySelector("main"));
      const title = found.querySelector("h1");
      title.id = `${dialog.id}-title`;
      title.tabIndex = -1;
      title.autofocus = true;
      dialog.setAttribute("aria-labelledby", title.id);
      dialog.replaceChildren(...prepare(found).childNodes);
      dialog.showModal();
    } catch {
      location.assign(address);
    }
  };

  // ---- the dialog, and buttons that start something only once -------------------------------

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-opens]");
    const dialog = pressed && document.getElementById(pressed.dataset.opens);
    if (dialog) {
      event.preventDefault();
      opener = pressed;
      openDialog(dialog, pressed.href ?? pressed.form.action);
      return;
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) {
      const own = closer.closest("dialog");
      if (own) own.close();
      else history.back();
    }
  });

  // A button that was swapped while its dialog was open does not get the focus back by itself.
  document.addEventListener(
    "close",
    (event) => {
      const dialog = event.target;
      const focused = document.activeElement;
      if (dialog.open || (focused !== document.body && !dialog.contains(focused))) return;
      const openers = [...document.querySelectorAll(`[data-opens="${dialog.id}"]`)];
      const same = openers.find((one) => opener && keyOf(one) === keyOf(opener)) ?? openers[0];
      same?.focus({ preventScroll: true });
    },
    true,
  );

  // A link to a folded line opens it.
  const unfold = () => {
    const line = location.hash && document.getElementById(location.hash.slice(1));
    if (line instanceof HTMLDetailsElement) line.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  // Enter in a field of a form that stores at once only focuses its button.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches(".refresh input")) return;
    event.preventDefault();
    event.target.form.querySelector("button").focus();
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    // After coming back by the browser's own button, everything can be started again.
    addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
  });

  document.querySelectorAll("[data-live]").forEach(watch);
  prepare(document);
  fillOpen(document);
})();
