// One box for the figures of whatever the pointer or the keyboard is on.
(() => {
  "use strict";
  const tip = document.getElementById("tip");

  const show = (target, x, y) => {
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(x - width / 2, 8), innerWidth - width - 8);
    const above = y - height - 14;
    tip.style.left = `${Math.max(left, 8)}px`;
    tip.style.top = `${above > 8 ? above : y + 18}px`;
  };
  const hide = () => {
    tip.hidden = true;
  };

  for (const target of document.querySelectorAll("[data-tip]")) {
    target.addEventListener("pointermove", (event) => show(target, event.clientX, event.clientY));
    target.addEventListener("pointerleave", hide);
    target.addEventListener("focus", () => {
      if (!target.matches(":focus-visible")) return;
      const box = target.getBoundingClientRect();
      show(target, box.left + box.width / 2, box.top);
    });
    target.addEventListener("blur", hide);
  }
  addEventListener("scroll", hide, { passive: true });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
})();
