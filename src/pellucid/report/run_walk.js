// Layer by layer: one image, one layer at a time.

const walk = document.getElementById("walk");
if (walk) {
  const stops = [...walk.querySelectorAll(".stop")],
    chooser = [...walk.querySelectorAll(".chooser button")],
    seen = [...walk.querySelectorAll(".seen")],
    slider = walk.querySelector(".slider");
  const [input, output] = slider.children;
  const choose = (image) => {
    press(chooser, image);
    for (const part of seen) part.hidden = Number(part.dataset.image) !== image;
  };
  const go = () => {
    const place = Number(input.value);
    for (const [number, stop] of stops.entries()) stop.hidden = number !== place;
    output.textContent = `layer ${place + 1} of ${stops.length}`;
  };
  for (const [image, button] of chooser.entries()) button.addEventListener("click", () => choose(image));
  input.addEventListener("input", go);
  slider.hidden = false;
  choose(0);
  go();
}
