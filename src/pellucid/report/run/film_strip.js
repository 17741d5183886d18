// Epoch by epoch: a slider moves every strip to one epoch.

const filmStrip = document.getElementById("film_strip");
if (filmStrip) {
  const films = filmStrip.querySelector(".films"),
    slider = filmStrip.querySelector(".slider");
  const epochs = films.dataset.epochs.split(" ").map(Number);
  const [input, output] = slider.children;
  const go = () => {
    const index = Number(input.value);
    output.textContent = `epoch ${epochs[index]}`;
    for (const film of films.children) {
      for (const view of film.querySelectorAll(".window"))
        view.scrollLeft = (index * view.firstElementChild.clientWidth) / epochs.length;
      const caption = film.querySelectorAll(".captions li")[index];
      const label = film.querySelector(".said");
      label.textContent = caption.textContent.slice(caption.textContent.indexOf(":") + 2);
      label.className = `label said ${caption.className}`;
    }
  };
  filmStrip.classList.add("moving");
  slider.hidden = false;
  input.addEventListener("input", go);
  addEventListener("load", go); // when the strips have their widths
  addEventListener("resize", go);
  go();
}
