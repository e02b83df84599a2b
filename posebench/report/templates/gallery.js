// The gallery: filters with counts, sorting, and pictures in a box of their own.
(() => {
  "use strict";
  const box = document.getElementById("lightbox");
  const stage = box.querySelector(".stage");
  const FIRST = 12; // pictures that are shown at once
  let cards = []; // of the gallery that the box is open on, those that fit its filters
  let place = 0;

  const shotsOf = (card) => [...card.querySelectorAll(".shot")];
  const shown = (card) => shotsOf(card).filter((shot) => !shot.hidden);
  const aspectOf = (shot) => Number(shot.style.getPropertyValue("--aspect"));

  const turn = (to) => {
    place = (to + cards.length) % cards.length;
    const card = cards[place];
    document.getElementById("lightbox-name").textContent = card.dataset.name;
    document.getElementById("lightbox-place").textContent = `${place + 1} of ${cards.length}`;
    stage.replaceChildren(...shown(card).map((shot) => shot.cloneNode(true)));
    stage.classList.remove("one");
    box.scrollTop = 0;
  };

  const open = (fitting, card) => {
    cards = fitting;
    turn(cards.indexOf(card));
    box.showModal();
  };

  box.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const figure = button?.closest(".stage figure");
    if (figure && stage.children.length > 1) {
      figure.classList.toggle("alone", stage.classList.toggle("one"));
    } else if (button?.dataset.step) turn(place + Number(button.dataset.step));
    else if (event.target === box || figure || button?.hasAttribute("data-close")) box.close();
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && box.open) turn(place + step);
  });
  box.addEventListener("close", () => {
    const card = cards[place];
    if (card.hidden) card.closest(".gallery").dispatchEvent(new Event("expand"));
    shown(card)[0].querySelector("button").focus();
    stage.replaceChildren();
  });

  const fits = (shot, model, error) =>
    (model === "" || shot.dataset.model === model) &&
    (error === "" || shot.dataset.errors.split(" ").includes(error));
  const fitting = (all, model, error) =>
    all.filter((card) => shotsOf(card).some((shot) => fits(shot, model, error)));

  const numbers = (card) =>
    shown(card).flatMap((shot) => (shot.dataset.oks === undefined ? [] : [Number(shot.dataset.oks)]));
  // Pictures without annotated people have no OKS: they stand last.
  const keys = {
    worst: (card) => Math.min(Infinity, ...numbers(card)),
    apart: (card) => {
      const found = numbers(card);
      return found.length < 2 ? Infinity : Math.min(...found) - Math.max(...found);
    },
    name: () => 0,
  };
  const sort = (all, key) => {
    const keyed = all.map((card) => ({ card, value: keys[key](card) }));
    keyed.sort((a, b) =>
      a.value === b.value
        ? a.card.dataset.name.localeCompare(b.card.dataset.name, "en", { numeric: true })
        : a.value - b.value,
    );
    return keyed.map((entry) => entry.card);
  };

  const setUp = (gallery) => {
    const form = gallery.querySelector("form");
    if (!form) return;
    const wall = gallery.querySelector(".wall");
    const more = gallery.querySelector(".more");
    const all = [...wall.children];
    let limit = FIRST;
    let here = [];
    const chosen = (name) => form.querySelector(`input[name^="${name}-"]:checked`).value;

    const count = (label, number) => {
      label.textContent = String(number);
      label.toggleAttribute("data-none", number === 0);
    };
    const apply = () => {
      const [model, error] = [chosen("model"), chosen("error")];
      for (const card of all) {
        // Without a model chosen a picture keeps all its drawings, so that they can be compared.
        for (const shot of shotsOf(card)) shot.hidden = model !== "" && shot.dataset.model !== model;
        const wide = shown(card).reduce((sum, shot) => sum + aspectOf(shot), 0);
        card.style.setProperty("--aspect", wide);
      }
      here = sort(fitting(all, model, error), form.elements.sort.value);
      wall.append(...here);
      for (const card of all) card.hidden = !here.slice(0, limit).includes(card);
      more.hidden = here.length <= limit;
      more.firstElementChild.textContent = `Show all ${here.length}`;
      for (const label of form.querySelectorAll("[data-count-model]")) {
        count(label, fitting(all, label.dataset.countModel, error).length);
      }
      for (const label of form.querySelectorAll("[data-count-error]")) {
        count(label, fitting(all, model, label.dataset.countError).length);
      }
      form.querySelector(".status").textContent = `${here.length} of ${all.length} pictures`;
      gallery.querySelector(".empty").hidden = here.length > 0;
    };

    const expand = () => {
      limit = Infinity;
      apply();
    };

    form.addEventListener("change", apply);
    gallery.addEventListener("expand", expand);
    addEventListener("beforeprint", expand);
    more.addEventListener("click", () => {
      const next = here[limit];
      expand();
      shown(next)[0].querySelector("button").focus();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    wall.addEventListener("click", (event) => {
      const button = event.target.closest("button.open");
      if (button) open(here, button.closest(".card"));
    });
    apply();
  };

  for (const gallery of document.querySelectorAll(".gallery")) setUp(gallery);
})();
