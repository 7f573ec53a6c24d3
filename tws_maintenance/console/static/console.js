// Keeps what is shown up to date, and opens the apply dialog. Everything is rendered by the
// server, so that no text of a source is ever put together to markup here.
"use strict";

(() => {
  const offline = document.getElementById("offline");
  const away = offline.textContent;

  // It answers, but cannot show this: its own words say why.
  const toldIn = (html) =>
    new DOMParser().parseFromString(html, "text/html").querySelector(".verdict")?.textContent ?? "";

  // ---- live parts: fetched whole, swapped where they differ -------------------------------

  const withoutToken = (html) => html.replace(/(name="csrf_token" value=)"[^"]*"/g, "$1");

  // What the operator is busy with stays: a dialog that is open, a field that was typed into.
  const isInUse = (part) => {
    if (part.querySelector("dialog[open]")) return true;
    const focused = document.activeElement;
    const typed = [...part.querySelectorAll("input:not([type=hidden]), select, textarea")].some(
      (field) => field.value !== (field.defaultValue ?? field.value),
    );
    return typed || (part.contains(focused) && focused.matches("input, select, textarea"));
  };

  // What has the focus, or is folded open, is another element after the swap: find it by what it
  // says, and by its place among those that say the same.
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
    old.replaceWith(fresh);
    for (const [where, isOpen] of folds) {
      const summary = findPlace(fresh, "summary", where);
      if (summary) summary.parentElement.open = isOpen;
    }
    if (!hadFocus) return;
    const again = place && findPlace(fresh, FOCUSABLE, place);
    again?.focus({ preventScroll: true });
    if (document.activeElement !== document.body) return;
    // Gone, or not to be pressed for now: go on from here, not from the top of the page.
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

  // A page that stays open over night keeps tokens that are valid.
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
          offline.textContent = answer.ok ? away : `What you see may be old. ${toldIn(html)}`;
        } catch {
          offline.hidden = false;
          offline.textContent = away;
        }
      }
      if (goesOn()) setTimeout(look, every);
    };
    if (goesOn()) setTimeout(look, every);
  };

  document.querySelectorAll("[data-live]").forEach(watch);

  // ---- the dialog, and buttons that start something only once -------------------------------

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    const dialog = opener && document.getElementById(opener.dataset.opens);
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) {
      const own = closer.closest("dialog");
      if (own) own.close();
      else history.back();
    }
  });

  // The button that opened a dialog may have been swapped meanwhile, and then gets no focus back.
  document.addEventListener(
    "close",
    (event) => {
      const dialog = event.target;
      const focused = document.activeElement;
      if (dialog.open || (focused !== document.body && !dialog.contains(focused))) return;
      document
        .querySelector(`[data-opens="${dialog.id}"]`)
        ?.focus({ preventScroll: true });
    },
    true,
  );

  // Enter in a field of a form that stores at once leads to its button instead.
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
    // Coming back to this page by the browser's own button, everything can be started again.
    addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
  });
})();
