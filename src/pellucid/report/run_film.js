// Epoch by epoch: a slider moves every strip to one epoch.

const film = document.getElementById("film");
if (film) {
  const reels = film.querySelector(".reels"),
    slider = film.querySelector(".slider");
  const epochs = reels.dataset.epochs.split(" ").map(Number);
  const [input, output] = slider.children;
  const go = () => {
    const place = Number(input.value);
    output.textContent = `epoch ${epochs[place]}`;
    for (const reel of reels.children) {
      for (const view of reel.querySelectorAll(".window"))
        view.scrollLeft = (place * view.firstElementChild.clientWidth) / epochs.length;
      const caption = reel.querySelectorAll(".captions li")[place];
      const said = reel.querySelector(".said");
      said.textContent = caption.textContent.slice(caption.textContent.indexOf(":") + 2);
      said.className = `label said ${caption.className}`;
    }
  };
  film.classList.add("moving");
  slider.hidden = false;
  input.addEventListener("input", go);
  addEventListener("load", go); // when the strips have their widths
  addEventListener("resize", go);
  go();
}
