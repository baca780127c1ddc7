/* Adds sorting and filtering to the tables; the page is complete without it. */
"use strict";
(function () {
  /* A cell sorts by the number it starts with; a row header and a word sort as text. */
  function valueOf(cell) {
    const text = cell ? cell.dataset.value || cell.textContent.trim() : "";
    if (text === "" || text.startsWith("\u2013")) return { missing: true };
    const start = /^[-+]?\d[\d.]*(e-?\d+)?/.exec(text.replace("\u2212", "-").replaceAll(",", ""));
    return start && cell.tagName === "TD" ? { number: Number(start[0]) } : { text: text };
  }

  function compare(first, second) {
    if ("number" in first && "number" in second) return first.number - second.number;
    return String(first.text ?? first.number).localeCompare(String(second.text ?? second.number), "en", { numeric: true });
  }

  function sortBy(table, header, column) {
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[table.tHead.rows.length - 1].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    for (const body of table.tBodies) {
      const rows = Array.from(body.rows, (row) => ({ row: row, value: valueOf(row.cells[column]) }));
      rows.sort(function (a, b) {
        /* Missing values stay last in both directions. */
        if (a.value.missing || b.value.missing) return (a.value.missing ? 1 : 0) - (b.value.missing ? 1 : 0);
        return descending ? compare(b.value, a.value) : compare(a.value, b.value);
      });
      body.append(...rows.map((entry) => entry.row));
    }
  }

  function makeSortable(table) {
    const headers = table.tHead.rows[table.tHead.rows.length - 1].cells;
    Array.from(headers).forEach(function (header, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      button.title = "Sort by this column";
      button.addEventListener("click", () => sortBy(table, header, column));
      header.append(button);
    });
  }

  function matches(row, words) {
    const text = row.textContent.toLowerCase();
    return words.every((word) => text.includes(word));
  }

  function makeFilterable(table) {
    const rows = Array.from(table.tBodies).flatMap((body) => Array.from(body.rows));
    if (rows.length < 8) return;
    const tools = document.createElement("div");
    tools.className = "tools";
    const label = document.createElement("label");
    const input = document.createElement("input");
    const shown = document.createElement("span");
    input.type = "search";
    input.placeholder = "Filter rows, e.g. hippocampus fail";
    label.append("Filter ", input);
    shown.setAttribute("role", "status");
    input.addEventListener("input", function () {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        row.hidden = !matches(row, words);
        if (!row.hidden) count += 1;
      }
      shown.textContent = words.length ? count + " of " + rows.length + " rows" : "";
    });
    tools.append(label, shown);
    (table.closest(".scroller") || table).before(tools);
  }

  /* What scrolls sideways can be reached by keyboard; what fits is no stop on the way. */
  function markScrollers() {
    for (const box of document.querySelectorAll(".scroller")) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }
  window.addEventListener("resize", markScrollers);
  document.addEventListener("toggle", markScrollers, true);
  markScrollers();

  document.querySelectorAll("table.sortable").forEach(function (table) {
    makeSortable(table);
    makeFilterable(table);
  });

  /* Open what a link points into, and everything before printing. */
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  }
  window.addEventListener("hashchange", reveal);
  reveal();
})();
