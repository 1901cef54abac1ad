import "uplot/dist/uPlot.min.css";
import "./style/tokens.css";
import "./style/parts.css";
import "./style/pages.css";
import "./style/webcam.css";
import { render } from "preact";
import { App } from "./app";
import { Report } from "./report";

const place = document.getElementById("app");
if (place) render(place.dataset.page === "report" ? <Report /> : <App />, place);
