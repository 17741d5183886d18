// Where images lie: one scatter at a time, the nearest point's image beside the pointer.

const embedding = document.getElementById("embedding");
if (embedding) {
  const { files, names } = JSON.parse(document.getElementById("data").textContent);
  const figures = [...embedding.querySelectorAll(".scatter")],
    holder = embedding.querySelector(".scatters"),
    sprite = embedding.querySelector(".thumbnails img").src;
  const columns = Number(holder.dataset.columns),
    rows = Number(holder.dataset.rows),
    side = 96;

  const thumbnail = (index) => {
    const picture = html("div", { class: "thumbnail" });
    picture.style.backgroundImage = `url(${sprite})`;
    picture.style.backgroundSize = `${side * columns}px ${side * rows}px`;
    picture.style.backgroundPosition = `${-side * (index % columns)}px ${-side * Math.floor(index / columns)}px`;
    return picture;
  };

  let lit = null;
  const leave = () => {
    lit?.classList.remove("lit");
    lit = null;
    hideTip();
  };
  for (const figure of figures) {
    const plot = figure.querySelector("svg");
    const points = [...plot.querySelectorAll("path")].map((mark) => ({
      mark,
      index: Number(mark.dataset.index),
      matrix: mark.transform.baseVal.getItem(0).matrix,
    }));
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect(),
        times = plot.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * times,
        y = (event.clientY - box.top) * times;
      const distance = ({ matrix }) => Math.hypot(matrix.e - x, matrix.f - y);
      const nearest = points.reduce((a, b) => (distance(b) < distance(a) ? b : a));
      lit?.classList.remove("lit");
      if (distance(nearest) > 24 * times) return leave();
      lit = nearest.mark;
      lit.classList.add("lit");
      const { index } = nearest;
      showTip(
        event.clientX,
        event.clientY,
        thumbnail(index),
        html("b", {}, names[index]),
        html("div", { class: "path" }, files[index]),
      );
    });
    plot.addEventListener("pointerleave", leave);
  }

  if (figures.length > 1) {
    const tabs = figures.map((figure) => html("button", { type: "button" }, figure.textContent.trim()));
    const choose = (chosen) => {
      press(tabs, chosen);
      for (const [index, figure] of figures.entries()) figure.hidden = index !== chosen;
    };
    for (const [index, tab] of tabs.entries()) tab.addEventListener("click", () => choose(index));
    holder.before(html("div", { class: "tabs", role: "group", "aria-label": "Projection" }, ...tabs));
    for (const figure of figures) figure.querySelector("figcaption").hidden = true;
    choose(0);
  }
}
