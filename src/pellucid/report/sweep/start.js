// What happens when the page has loaded, and when its width changes.

function drawPictures() {
  light(null);
  pictures = [];
  drawSpace();
  drawHistory();
  drawImportance();
  drawCurves();
  if (section("seeds")) drawSeeds();
}

function everyRow(event) {
  const row = event.target.closest?.("tr[data-trial]");
  light(row ? Number(row.dataset.trial) : null);
}

drawBest();
drawFailures();
drawTable();
drawPictures();
for (const table of document.querySelectorAll("main table")) {
  table.addEventListener("pointerover", everyRow);
  table.addEventListener("pointerleave", () => light(null));
  table.addEventListener("focusin", everyRow);
  table.addEventListener("focusout", () => light(null));
}

let drawnWidth = innerWidth,
  pending = 0;
addEventListener("resize", () => {
  if (innerWidth === drawnWidth) return;
  drawnWidth = innerWidth;
  clearTimeout(pending);
  pending = setTimeout(drawPictures, 120);
});
