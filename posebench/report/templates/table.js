// Sorting tables by a click on a heading, and showing only the lines that hold a text.
(() => {
  "use strict";

  const valueOf = (row, column, numeric) => {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent.trim();
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  };

  const compare = (a, b) =>
    typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });

  const sort = (table, heading) => {
    const first = heading.dataset.first;
    const second = first === "ascending" ? "descending" : "ascending";
    const direction = heading.getAttribute("aria-sort") === first ? second : first;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction);
    const numeric = heading.classList.contains("number");
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = [...table.tBodies[0].rows].map((row) => ({
      row,
      value: valueOf(row, heading.cellIndex, numeric),
    }));
    // A figure that is missing is neither high nor low: it stands last in both directions.
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      return sign * compare(a.value, b.value);
    });
    table.tBodies[0].append(...keyed.map((entry) => entry.row));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.addEventListener("click", (event) => {
      const heading = event.target.closest("th");
      if (heading && event.target.closest("button")) sort(table, heading);
    });
  }

  for (const input of document.querySelectorAll("input[data-filters]")) {
    const table = document.getElementById(input.dataset.filters);
    const status = document.querySelector(`[data-counts="${input.dataset.filters}"]`);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = `${shown} of ${rows.length} models`;
    });
  }

  // A note can be jumped to only where it can be seen.
  const reveal = (id) => {
    const details = id && document.getElementById(id)?.closest("details");
    if (details) details.open = true;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#note-"]');
    if (link) reveal(link.hash.slice(1));
  });
  reveal(location.hash.slice(1));
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
