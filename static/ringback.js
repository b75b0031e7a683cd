// What the pages do beyond HTML and htmx: the dialog, focus, notices, the search key.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);

  // A page is loaded into the dialog by htmx; it opens when its content has arrived.
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = byId("dialog");
    if (event.detail.target === dialog && dialog.childElementCount && !dialog.open) {
      dialog.showModal();
      dialog.querySelector("input:not([type=hidden]), select, textarea, button")?.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-dialog]")) byId("dialog").close();
    if (event.target.closest("[data-dismiss]")) event.target.closest(".notice").remove();
    document.querySelectorAll("details.me[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("close", (event) => {
    if (event.target.id === "dialog") event.target.replaceChildren();
  }, true);

  // After a refused form, the person is taken to what is in the way.
  const focusOnProblems = () => document.querySelector("[data-focus]")?.focus();
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.matches?.(".panel")) focusOnProblems();
    markInvalid();
    offerOwnership();
    keepReading();
  });
  // The live preview swaps messages beneath the fields; the fields say so to everybody.
  const markInvalid = () => document.querySelectorAll("[aria-describedby^='msg-']").forEach((field) => {
    const message = byId(field.getAttribute("aria-describedby"));
    if (message?.classList.contains("is-problem")) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  });

  // A preview answers what the form held when it was asked. What was ticked since must stand:
  // the box for ownership is only shown or hidden, and the reading of a doubled hour is kept.
  const offerOwnership = () => {
    const box = byId("ownership");
    const offered = byId("preview")?.dataset.offersOwnership;
    if (!box || !offered) return;
    box.hidden = offered !== "yes";
    box.querySelector("input").disabled = box.hidden;
  };
  let reading = null;
  document.addEventListener("change", (event) => {
    if (event.target.name === "fold") reading = event.target.value;
    else if (["date", "time", "time_zone"].includes(event.target.name)) reading = null;
  });
  const keepReading = () => {
    if (reading === null || document.querySelector("[name=fold]:checked")) return;
    const radio = byId(`id_fold_${reading}`);
    if (radio) radio.checked = true;
  };
  // Once a form is on its way, no preview of it may arrive after the answer.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const preview = event.detail.elt.matches("form") && event.detail.elt.querySelector("[data-preview]");
    if (preview) htmx.trigger(preview, "htmx:abort");
  });

  // While a zone is being typed, the preview goes by the one that stood there before.
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-combobox]")) event.target.dataset.settled = event.target.value;
  });
  document.addEventListener("htmx:configRequest", (event) => {
    const input = document.activeElement;
    const typing = input?.matches("[data-combobox][aria-expanded=true]");
    if (typing && event.detail.elt.matches("[data-preview]")) event.detail.parameters[input.name] = input.dataset.settled;
  });

  // What could not be sent is said, and stays in the form.
  const tell = (text) => {
    const notice = document.createElement("p");
    notice.className = "notice error";
    notice.textContent = text;
    const open = byId("dialog")?.open && byId("dialog").querySelector(".panel-head");
    if (open) open.after(notice); else byId("notices").replaceChildren(notice);
  };
  document.addEventListener("htmx:sendError", () => tell("The server cannot be reached. What you typed is still here; try again in a moment."));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 413) tell("This is too much text to send. Shorten it; it is still here.");
    else if (event.detail.xhr.status === 404) tell("This callback is gone, or no longer yours to see.");
    else tell("Something went wrong on our side. What you typed is still here; try again in a moment.");
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-presence-of-me]")) {
      event.target.form.querySelector(".dot").dataset.presence = event.target.value;
    }
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && byId("search")) {
      event.preventDefault();
      byId("search").focus();
    }
    if (event.key === "Escape") document.querySelectorAll("details.me[open]").forEach((menu) => { menu.open = false; });
  });
  // What is to be copied can be selected by hand, too; the clipboard needs https or this machine.
  const copy = async (button) => {
    const field = byId(button.dataset.copies);
    field.select();
    let isCopied = true;
    try { await navigator.clipboard.writeText(field.value); } catch { isCopied = document.execCommand("copy"); }
    byId(button.getAttribute("aria-describedby")).textContent = isCopied ? "Copied." : "Copy the marked text yourself.";
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copies]");
    if (button) copy(button);
  });
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-dismiss], [data-copies]").forEach((button) => { button.hidden = false; });
    focusOnProblems();
  });
})();
