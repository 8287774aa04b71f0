// Runs before the page is drawn, so that a remembered theme never flashes the other one first.
try {
  document.documentElement.dataset.theme = localStorage.getItem("recurra.theme") ?? "auto";
} catch {
  document.documentElement.dataset.theme = "auto"; // storage is switched off: follow the system
}
