// The first request, with the address of this server.

import { byID } from "./dom.js";

const server = new URL("../", import.meta.url).href;
const credential = document.body.dataset.access === "open" ? "" : ' -H "Authorization: Bearer $TOKEN"';
byID("first-request").textContent =
    `curl -s ${server}chats/${credential} \\\n  -H 'Content-Type: application/json' -d '{"title": "Team"}'`;
