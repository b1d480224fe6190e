import "./style.css";

document.querySelector("#app").textContent = "A static site from a container build.";
