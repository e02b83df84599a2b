// Which models stand out in the per-keypoint plot.
(() => {
  "use strict";
  for (const plot of document.querySelectorAll(".dotplot")) {
    for (const chip of plot.querySelectorAll("button[data-series]")) {
      chip.addEventListener("click", () => {
        const on = chip.getAttribute("aria-pressed") !== "true";
        chip.setAttribute("aria-pressed", String(on));
        for (const value of plot.querySelectorAll(`.value[data-series="${chip.dataset.series}"]`)) {
          value.classList.toggle("on", on);
        }
      });
    }
  }
})();
