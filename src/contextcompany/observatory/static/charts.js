// Charts: their bars can be walked along.

import { roam } from "./bars.js";

document.querySelectorAll(".chart .bars").forEach(roam);
