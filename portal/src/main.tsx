import { render } from "preact";

import { App } from "./ui/app.tsx";
import { startWorkers } from "./ui/workers.ts";

render(<App workers={startWorkers()} />, document.getElementById("portal")!);
