// The strip of half hours: one stop of Tab, arrow keys within it, and in words whatever is looked at.
// It is drawn anew with every preview; focus stays by the buttons' ids, and open details stay open.
(() => {
  "use strict";
  const BY_HALF_AN_HOUR = { ArrowUp: -1, ArrowDown: 1 };
  const BY_AN_HOUR = { ArrowLeft: -1, ArrowRight: 1 };
  const all = (strip) => [...strip.querySelectorAll("button")];
  const usable = (strip) => all(strip).filter((button) => !button.disabled);

  const stopAt = (strip, stop) => usable(strip).forEach((button) => {
    button.tabIndex = button === stop ? 0 : -1;
  });
  let isOpen = false;
  const takeUp = () => {
    document.querySelectorAll("[data-strip]").forEach((strip) => {
      strip.setAttribute("role", "toolbar");
      const there = usable(strip);
      const focused = there.find((button) => button === document.activeElement);
      stopAt(strip, focused ?? there.find((button) => button.matches("[aria-current]")) ?? there[0]);
    });
    document.querySelectorAll("[data-stays-open]").forEach((details) => { details.open = isOpen; });
  };
  document.addEventListener("DOMContentLoaded", takeUp);
  document.addEventListener("htmx:load", takeUp);
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("[data-stays-open]")) isOpen = event.target.open;
  }, true);

  // The next button that can be used, in steps of one or, to the same half of an hour, of an hour.
  const next = (strip, from, key) => {
    const there = all(strip);
    if (key === "Home") return usable(strip)[0];
    if (key === "End") return usable(strip).at(-1);
    if (key in BY_HALF_AN_HOUR) {
      const step = BY_HALF_AN_HOUR[key];
      let place = there.indexOf(from) + step;
      while (there[place]?.disabled) place += step;
      return there[place];
    }
    const hours = [...strip.children];
    const half = [...from.parentElement.querySelectorAll("button")].indexOf(from);
    const step = BY_AN_HOUR[key];
    for (let place = hours.indexOf(from.parentElement) + step; hours[place]; place += step) {
      const halves = hours[place].querySelectorAll("button");
      const found = halves[Math.min(half, halves.length - 1)];
      if (!found.disabled) return found;
    }
    return undefined;
  };
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest("[data-strip] button");
    const isOurs = event.key in BY_HALF_AN_HOUR || event.key in BY_AN_HOUR || ["Home", "End"].includes(event.key);
    if (!button || !isOurs || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    next(button.closest("[data-strip]"), button, event.key)?.focus();
  });

  // What is pointed at or focused is told beneath the strip; else what is chosen.
  const tell = (strip, button) => {
    const says = strip.parentElement.querySelector("[data-strip-says]");
    const told = button ?? strip.querySelector("[aria-current]");
    says.textContent = told?.getAttribute("aria-label") ?? "";
  };
  const look = (event) => {
    const strip = event.target.closest?.("[data-strip]");
    const button = event.target.closest?.("[data-strip] button");
    if (!strip || !button) return;
    if (event.type === "focusin") stopAt(strip, button);
    tell(strip, button);
  };
  const lookAway = (event) => {
    const strip = event.target.closest?.("[data-strip]");
    if (strip && !strip.contains(event.relatedTarget)) tell(strip, all(strip).find((button) => button.matches(":focus-visible")));
  };
  document.addEventListener("focusin", look);
  document.addEventListener("pointerover", look);
  document.addEventListener("focusout", lookAway);
  document.addEventListener("pointerout", lookAway);
})();
