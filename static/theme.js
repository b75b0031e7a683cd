// The chosen theme, before anything is painted. Only the word is kept, nothing about anybody.
(() => {
  "use strict";
  const root = document.documentElement;
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const show = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  show(kept());
  document.addEventListener("DOMContentLoaded", () => {
    const group = document.querySelector("[data-themes]");
    if (!group) return;
    group.hidden = false;
    const mark = () => group.querySelectorAll("button").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.theme === (root.dataset.theme || "auto")));
    });
    group.addEventListener("click", (event) => {
      const theme = event.target.closest("button")?.dataset.theme;
      if (!theme) return;
      try { localStorage.setItem("theme", theme); } catch { /* private window: for this page only */ }
      show(theme);
      mark();
    });
    mark();
  });
})();
