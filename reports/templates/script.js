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

  function deliver(name, content) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function button(text, label, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", action);
    return made;
  }

  /* A figure as a file of its own: literal colours in place of those of the page, a font, a size. */
  function literal(svg) {
    const copy = svg.cloneNode(true);
    const box = svg.viewBox.baseVal;
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    copy.setAttribute("style", "background: #ffffff; font-family: Helvetica, Arial, 'DejaVu Sans', sans-serif");
    const ground = document.createElementNS(svg.namespaceURI, "rect");
    ground.setAttribute("width", "100%");
    ground.setAttribute("height", "100%");
    ground.setAttribute("fill", "#ffffff");
    copy.prepend(ground);
    return new XMLSerializer().serializeToString(copy).replace(/var\(--[\w-]+, (#[0-9a-f]{6})\)/g, "$1");
  }

  function saveSvg(svg, name) {
    deliver(name + ".svg", new Blob([literal(svg)], { type: "image/svg+xml" }));
  }

  /* Paint a figure this many times as large as on the page, and hand the canvas on. */
  function paint(svg, scale, use) {
    const picture = new Image();
    picture.addEventListener("load", function () {
      const canvas = document.createElement("canvas");
      canvas.width = svg.viewBox.baseVal.width * scale;
      canvas.height = svg.viewBox.baseVal.height * scale;
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      use(canvas);
    });
    picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(literal(svg));
  }

  function savePng(svg, name) {
    paint(svg, 3, (canvas) => canvas.toBlob((content) => deliver(name + ".png", content), "image/png"));
  }

  async function deflated(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /* Red, green and blue of every pixel; the figure has a white ground, so nothing shines through. */
  function colours(canvas) {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const bytes = new Uint8Array((pixels.length / 4) * 3);
    for (let from = 0, to = 0; from < pixels.length; from += 4) {
      bytes[to++] = pixels[from];
      bytes[to++] = pixels[from + 1];
      bytes[to++] = pixels[from + 2];
    }
    return bytes;
  }

  /* One page as large as the figure (a pixel of the page is .75 points), which is one image without loss. */
  async function pdfOf(canvas, box) {
    const image = await deflated(colours(canvas));
    const [width, height] = [(box.width * 0.75).toFixed(2), (box.height * 0.75).toFixed(2)];
    const drawing = `q ${width} 0 0 ${height} 0 0 cm /Figure Do Q`;
    const objects = [
      ["<< /Type /Catalog /Pages 2 0 R >>"],
      ["<< /Type /Pages /Kids [3 0 R] /Count 1 >>"],
      [`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents 4 0 R /Resources << /XObject << /Figure 5 0 R >> >> >>`],
      [`<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`],
      [`<< /Type /XObject /Subtype /Image /Width ${canvas.width} /Height ${canvas.height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode /Length ${image.length} >>\nstream\n`, image, "\nendstream"],
    ];
    const [parts, places] = [["%PDF-1.4\n"], []];
    let at = parts[0].length;
    const add = function (part) {
      parts.push(part);
      at += part.length;
    };
    objects.forEach(function (pieces, number) {
      places.push(at);
      [`${number + 1} 0 obj\n`, ...pieces, "\nendobj\n"].forEach(add);
    });
    const rows = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
    const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`;
    parts.push(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`, trailer);
    return new Blob(parts, { type: "application/pdf" });
  }

  function savePdf(svg, name) {
    paint(svg, 4, async (canvas) => deliver(name + ".pdf", await pdfOf(canvas, svg.viewBox.baseVal)));
  }

  function csvOf(table) {
    const cell = (node) => '"' + node.textContent.trim().replace(/\s+/g, " ").replaceAll('"', '""') + '"';
    return Array.from(table.rows, (row) => Array.from(row.cells, cell).join(",")).join("\r\n") + "\r\n";
  }

  document.querySelectorAll(".panel[data-name]").forEach(function (panel) {
    const [svg, name] = [panel.querySelector("svg"), panel.dataset.name];
    const tools = document.createElement("div");
    tools.className = "save";
    tools.append(button("SVG", "Save " + name + " as SVG", () => saveSvg(svg, name)), button("PNG", "Save " + name + " as PNG", () => savePng(svg, name)), button("PDF", "Save " + name + " as PDF", () => savePdf(svg, name)));
    panel.append(tools);
  });
  document.querySelectorAll("main table, .masthead table").forEach(function (table, place) {
    const title = (table.caption && table.caption.textContent.trim()) || "table " + (place + 1);
    const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60).replace(/^-|-$/g, "") || "table";
    const tools = document.createElement("div");
    tools.className = "save";
    const text = () => deliver(name + ".csv", new Blob(["\ufeff" + csvOf(table)], { type: "text/csv" }));
    tools.append(button("CSV", "Save the table as CSV: " + title, text));
    (table.closest(".scroller") || table).after(tools);
  });

  function stack(table) {
    table.classList.add("stacked");
    const heads = table.tHead ? Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells, (cell) => cell.textContent.trim()) : [];
    for (const body of table.tBodies)
      for (const row of body.rows)
        Array.from(row.cells).forEach(function (cell, place) {
          if (cell.tagName === "TD" && heads[place] && row.cells.length === heads.length) cell.dataset.head = heads[place];
        });
  }

  /* What scrolls sideways can be reached by keyboard; what fits is no stop on the way. */
  function markScrollers() {
    for (const box of document.querySelectorAll(".scroller")) {
      const table = box.querySelector(":scope > table:not(.scorecard)");
      if (table) {
        /* A table that does not fit stands row by row, every value under the name of its column. */
        table.classList.remove("stacked");
        if (box.scrollWidth > box.clientWidth + 1) stack(table);
      }
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
    if (!target) return;
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    const fold = target.querySelector(":scope > details.fold");
    if (fold) fold.open = true;
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", reveal);
  reveal();

  /* A section may be linked to again while the address stays the same. */
  for (const link of document.querySelectorAll('a[href^="#"]')) link.addEventListener("click", () => setTimeout(reveal));

  const folds = Array.from(document.querySelectorAll("details.fold"));
  const folding = document.querySelector(".folding");
  if (folding) {
    folding.hidden = false;
    for (const made of folding.querySelectorAll("button"))
      made.addEventListener("click", () => folds.forEach((fold) => (fold.open = made.dataset.fold === "open")));
  }

  /* Contents: the section in view is named and marked. */
  const entries = Array.from(document.querySelectorAll(".contents a"), (link) => [link, document.getElementById(link.hash.slice(1))]);
  function markCurrent() {
    let current = null;
    for (const [link, section] of entries) if (section && section.getBoundingClientRect().top < 110) current = link;
    for (const [link] of entries) if (link === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
  if (entries.length) {
    window.addEventListener("scroll", markCurrent, { passive: true });
    markCurrent();
  }
})();
