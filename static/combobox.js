// The time zone picker: an editable combobox with a list, after the ARIA practices. The options
// come from the server as typed; arrows choose, Enter takes, Escape closes; the text stays a text,
// so that the form works without this file, too.
(() => {
  "use strict";
  const state = new WeakMap();
  const timers = new WeakMap();
  const listOf = (input) => document.getElementById(input.getAttribute("aria-controls"));
  const options = (input) => [...listOf(input).querySelectorAll("[role=option]")];
  const isOpen = (input) => input.getAttribute("aria-expanded") === "true";

  const open = (input) => {
    if (document.activeElement !== input) return;
    listOf(input).hidden = false;
    input.setAttribute("aria-expanded", "true");
  };
  const close = (input) => {
    listOf(input).hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (input, option) => {
    options(input).forEach((other) => other.setAttribute("aria-selected", String(other === option)));
    if (!option) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };
  const marked = (input) => options(input).find((option) => option.getAttribute("aria-selected") === "true");
  const take = (input, option) => {
    input.value = option.dataset.value;
    state.get(input)?.abort();
    close(input);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const ask = async (input, text) => {
    state.get(input)?.abort();
    const asking = new AbortController();
    state.set(input, asking);
    try {
      const address = `${input.dataset.combobox}?q=${encodeURIComponent(text.slice(0, 80))}`;
      const answer = await fetch(address, { signal: asking.signal, headers: { "HX-Request": "true" } });
      if (!answer.ok || answer.redirected) return;
      const list = listOf(input);
      list.innerHTML = await answer.text();
      options(input).forEach((option) => { option.id = `${list.id}-${option.id}`; });
      // A whole name needs no choice any more, and its list would only lie over the next fields.
      if (options(input)[0]?.dataset.value === text) return close(input);
      open(input);
      mark(input, text ? options(input)[0] : undefined);
    } catch (error) {
      if (error.name !== "AbortError") close(input);
    }
  };

  const askNow = (input) => {
    clearTimeout(timers.get(input));
    timers.delete(input);
    return ask(input, input.value);
  };
  const move = (input, step) => {
    const all = options(input);
    const place = all.indexOf(marked(input));
    mark(input, all[(place + step + all.length) % all.length] ?? all[0]);
  };
  const keys = {
    ArrowDown: (input) => (isOpen(input) ? move(input, 1) : ask(input, "")),
    ArrowUp: (input) => (isOpen(input) ? move(input, marked(input) ? -1 : 0) : ask(input, "")),
  };

  document.addEventListener("keydown", (event) => {
    const input = event.target.closest?.("[data-combobox]");
    if (!input) return;
    if (event.key in keys) {
      event.preventDefault();
      // What was typed just now is asked for first, or its answer would undo the choice.
      if (timers.has(input)) return askNow(input);
      keys[event.key](input);
    } else if (event.key === "Enter" && isOpen(input) && marked(input)) {
      event.preventDefault();
      take(input, marked(input));
    } else if (event.key === "Escape" && isOpen(input)) {
      event.preventDefault();
      event.stopPropagation();
      close(input);
    } else if (event.key === "Tab") {
      close(input);
    }
  });
  document.addEventListener("input", (event) => {
    const input = event.target.closest?.("[data-combobox]");
    if (!input) return;
    // Half a name is no problem yet: the preview waits until one is taken or left.
    event.stopPropagation();
    clearTimeout(timers.get(input));
    timers.set(input, setTimeout(() => askNow(input), 100));
  }, true);
  document.addEventListener("click", (event) => {
    const option = event.target.closest?.(".listbox [role=option]");
    if (option) {
      const input = document.querySelector(`[aria-controls="${option.parentElement.id}"]`);
      input.focus();
      return take(input, option);
    }
    const input = event.target.closest?.("[data-combobox]");
    if (input && !isOpen(input)) {
      input.select();
      ask(input, "");
    }
  });
  // The list must not take the focus from the field when it is pressed.
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest?.(".listbox")) event.preventDefault();
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.matches?.("[data-combobox]")) close(event.target);
  });
})();
