// A product's pictures: small ones bring the large one into view, sideways only.
import "./thumbs.js";

document.querySelector(".small-pictures")?.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  event.preventDefault();
  const picture = document.getElementById(link.hash.slice(1));
  picture.parentElement.scrollTo({ left: picture.offsetLeft - picture.parentElement.offsetLeft, behavior: "smooth" });
});
