// A photo to search with: chosen, dropped or pasted, made smaller here, sent, and a part of it chosen.
import { cropper } from "./crop.js";

const SIDE = 1024; // pixels that the server keeps

async function smaller(file) {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const factor = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * factor));
    canvas.height = Math.max(1, Math.round(bitmap.height * factor));
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff"; // transparency becomes white, as on the server
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), "image/jpeg", 0.9));
  } catch {
    return file; // what the browser can't read, the server may
  }
}

function say(text, lasting = 5000) {
  document.querySelector(".toast")?.remove();
  if (!text) return;
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.setAttribute("role", "status");
  toast.textContent = text;
  document.body.append(toast);
  if (lasting) setTimeout(() => toast.remove(), lasting);
}

export function choosePhotos(main, use) {
  async function take(file) {
    if (!file) return;
    say(main.dataset.busy, 0);
    const response = await fetch("/pictures", { method: "POST", body: await smaller(file), headers: { Accept: "application/json", "Content-Type": "application/octet-stream" } }).catch(() => null);
    const told = await response?.json().catch(() => null);
    if (!response?.ok) return say(told?.detail ?? main.dataset.failed);
    say("");
    await use(told.picture);
  }

  const input = document.getElementById("file");
  input.addEventListener("change", () => take(input.files[0]).then(() => (input.value = "")));
  document.addEventListener("paste", ({ clipboardData }) => take([...clipboardData.files].find((one) => one.type.startsWith("image/"))));

  const drop = document.getElementById("drop");
  const holdsFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    drop.classList.remove("over");
    if (!holdsFile(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });

  main.addEventListener("click", (event) => {
    const opener = event.target.closest("#crop-open");
    if (!opener) return;
    const whole = opener.dataset.whole;
    cropper(document.getElementById("crop"), whole, opener.dataset.crop, (crop) => use(whole.split("/").pop(), crop));
  });
}
