/* Three linked planes through a small volume. Without it the page keeps its pictures. */
(function () {
  const figure = document.getElementById("viewer");
  const note = figure.querySelector(".viewer-note");
  const body = figure.querySelector(".viewer-body");
  const cases = figure.querySelector("select");
  /* Which axes of the volume (0 right, 1 anterior, 2 superior) run across and up a plane, and which one it cuts. */
  const planes = {
    above: { across: 0, up: 1, cut: 2, ends: ["below", "above"] },
    front: { across: 0, up: 2, cut: 1, ends: ["behind", "before"] },
    right: { across: 1, up: 2, cut: 0, ends: ["left", "right"] },
  };
  const scale = 3;
  const place = [0, 0, 0];
  let volume = null;
  let beside = null;
  const second = figure.querySelector(".viewer-beside");

  if (typeof DecompressionStream === "undefined") {
    note.textContent = "This browser cannot unpack the volumes; the pictures of the same subjects, under question 2, show three planes.";
    return;
  }

  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = await new Response(stream).arrayBuffer();
    const head = new DataView(bytes, 0, 8);
    const shape = [0, 2, 4].map((at) => head.getUint16(at, true));
    const grey = new Uint8Array(bytes, 8);
    const step = shape[0] * shape[1];
    for (let at = step; at < grey.length; at += 1) grey[at] += grey[at - step];
    return { shape: shape, grey: grey, mm: head.getUint16(6, true) / 100 };
  }

  function paint(plane, shown, canvas) {
    const { across, up, cut } = plane;
    const [width, height] = [shown.shape[across], shown.shape[up]];
    const strides = [1, shown.shape[0], shown.shape[0] * shown.shape[1]];
    const slice = Math.min(place[cut], shown.shape[cut] - 1);
    const image = new ImageData(width, height);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const value = shown.grey[x * strides[across] + (height - 1 - y) * strides[up] + slice * strides[cut]];
        image.data.set([value, value, value, 255], 4 * (y * width + x));
      }
    }
    plane.small.width = width;
    plane.small.height = height;
    plane.small.getContext("2d").putImageData(image, 0, 0);
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d");
    pen.drawImage(plane.small, 0, 0, width * scale, height * scale);
    pen.strokeStyle = "rgba(120, 200, 255, .75)";
    const [x, y] = [(place[across] + 0.5) * scale, (height - place[up] - 0.5) * scale];
    /* The lines leave the place itself free. */
    for (const [from, to] of [[[0, y], [x - 9, y]], [[x + 9, y], [width * scale, y]], [[x, 0], [x, y - 9]], [[x, y + 9], [x, height * scale]]]) {
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
    }
  }

  function show() {
    for (const plane of Object.values(planes)) {
      const middle = Math.round((place[plane.cut] - (volume.shape[plane.cut] - 1) / 2) * volume.mm);
      const text = middle === 0 ? "middle" : Math.abs(middle) + " mm " + plane.ends[middle > 0 ? 1 : 0];
      plane.slider.max = volume.shape[plane.cut] - 1;
      plane.slider.value = place[plane.cut];
      plane.slider.setAttribute("aria-valuetext", text);
      plane.output.textContent = text;
      paint(plane, volume, plane.canvas);
      if (beside && plane.other) paint(plane, beside, plane.other);
    }
  }

  function moveTo(axis, voxel) {
    place[axis] = Math.min(Math.max(Math.round(voxel), 0), volume.shape[axis] - 1);
  }

  function point(plane, canvas, event) {
    const box = canvas.getBoundingClientRect();
    const height = volume.shape[plane.up];
    moveTo(plane.across, ((event.clientX - box.left) / box.width) * volume.shape[plane.across] - 0.5);
    moveTo(plane.up, height - ((event.clientY - box.top) / box.height) * height - 0.5);
    show();
  }

  async function choose() {
    const wanted = cases.selectedOptions[0];
    const loaded = await unpack(wanted.dataset.volume);
    if (wanted !== cases.selectedOptions[0]) return;
    const partner = second && wanted.dataset.beside !== undefined ? cases.options[Number(wanted.dataset.beside)] : null;
    const other = partner ? await unpack(partner.dataset.volume) : null;
    if (wanted !== cases.selectedOptions[0]) return;
    const first = volume === null;
    volume = loaded;
    beside = other;
    if (second) {
      second.hidden = !beside;
      if (partner) second.querySelector(".viewer-note").textContent = partner.textContent;
    }
    for (const axis of [0, 1, 2]) moveTo(axis, first ? volume.shape[axis] / 2 - 0.5 : place[axis]);
    show();
  }

  for (const [name, plane] of Object.entries(planes)) {
    plane.canvas = figure.querySelector("canvas[data-plane=" + name + "]");
    plane.slider = figure.querySelector("input[data-plane=" + name + "]");
    plane.output = plane.slider.nextElementSibling;
    plane.small = document.createElement("canvas");
    plane.slider.addEventListener("input", function () {
      moveTo(plane.cut, Number(plane.slider.value));
      show();
    });
    plane.other = figure.querySelector("canvas[data-beside=" + name + "]");
    for (const canvas of [plane.canvas, plane.other]) {
      if (!canvas) continue;
      canvas.addEventListener("pointerdown", function (event) {
        canvas.setPointerCapture(event.pointerId);
        point(plane, canvas, event);
      });
      canvas.addEventListener("pointermove", function (event) {
        if (event.buttons) point(plane, canvas, event);
      });
    }
  }
  cases.addEventListener("change", choose);
  choose().then(
    function () {
      note.hidden = true;
      body.hidden = false;
    },
    function () {
      note.textContent = "The volumes of this page cannot be read; the pictures of the same subjects, under question 2, show three planes.";
    },
  );
})();
