// The confusion matrix: a cell opens its images, one cell at a time.

const cells = [...document.querySelectorAll(".cell")];
const openers = [...document.querySelectorAll('#mistakes a[href^="#cell-"]')];

function openCell(id) {
  for (const cell of cells) cell.hidden = cell.id !== id;
  for (const opener of openers) opener.classList.toggle("open", opener.hash === `#${id}`);
}

if (cells.length) {
  const ids = new Set(cells.map((cell) => cell.id));
  for (const opener of openers)
    opener.addEventListener("click", (event) => {
      event.preventDefault();
      if (ids.has(opener.hash.slice(1))) openCell(opener.hash.slice(1));
    });
  // First the commonest mistake; the cells come by their number of images.
  const isMistake = (cell) => {
    const [, trueClass, predicted] = cell.id.split("-");
    return trueClass !== predicted;
  };
  openCell((cells.find(isMistake) ?? cells[0]).id);
}
