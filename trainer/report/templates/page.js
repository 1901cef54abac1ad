"use strict";
// A click on a head of a sortable table orders its rows by that column; a second click turns the order round.
const number = (cell) => {
  const found = cell.textContent.replace(/,/g, "").match(/-?\d+(\.\d+)?/);
  return found ? parseFloat(found[0]) : NaN;
};
const before = (column, sign) => (one, other) => {
  const [a, b] = [one.cells[column], other.cells[column]];
  const [x, y] = column ? [number(a), number(b)] : [NaN, NaN];
  if (Number.isNaN(x) && Number.isNaN(y)) return sign * a.textContent.localeCompare(b.textContent);
  return Number.isNaN(x) ? 1 : Number.isNaN(y) ? -1 : sign * (x - y);
};
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort by this column";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort(before(column, down ? 1 : -1)));
    });
  });
}
// On small screens the contents begin folded.
if (matchMedia("(max-width: 68rem)").matches) document.querySelector("nav details").open = false;
