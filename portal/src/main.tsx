import { render } from "preact";

import { App } from "./ui/app.tsx";
import { startWorkers } from "./ui/workers.ts";

const portal = document.getElementById("portal")!;
portal.replaceChildren(); // what is for browsers that do not come this far
render(<App workers={startWorkers()} />, portal);
