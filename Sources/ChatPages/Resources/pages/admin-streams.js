// The open streams, WebSockets and long polls of the server.

import { Rows, View, showCount, time } from "./admin-view.js";
import { byID, element } from "./dom.js";

const LIMIT = 200;
const KINDS = { stream: "Stream", websocket: "WebSocket", long_poll: "Long poll" };

export class StreamsView extends View {
    #rows = new Rows(byID("streams"), ({ key }) => key, row);

    /** @param {import("./admin-operator.js").Operator} operator */
    constructor(operator) {
        super("streams", operator);
    }

    async load() {
        const { streams, total, lagging } = await this.operator.request("GET", `/admin/streams?limit=${LIMIT}`);
        const left = total > streams.length ? ` These are the ${streams.length} that lag the most.` : "";
        byID("streams-facts").textContent = `${total.toLocaleString()} open, ${lagging.toLocaleString()} lagging.${left}`;
        showCount(streams.length, "streams-state", "Nobody is listening right now.");
        // Two clients may open streams at the same microsecond.
        this.#rows.show(streams.map((/** @type {any} */ stream, /** @type {number} */ index) => ({ ...stream, key: index })));
    }
}

/** @param {any} stream */
function row({ kind, address, user, server_key, opened_at, chats, lag, stalled }) {
    const client = user ?? (server_key ? `key ${server_key}` : "Anonymous");
    const late = lag > 0 ? `${lag.toLocaleString()} behind` : "None";
    return element(
        "tr",
        {},
        element("th", { scope: "row" }, element("bdi", {}, client)),
        element("td", {}, KINDS[/** @type {keyof KINDS} */ (kind)] ?? kind),
        element("td.code", {}, address),
        element("td", { "data-label": "Since" }, time(opened_at)),
        element("td.number", { "data-label": "Chats" }, chats.toLocaleString()),
        element("td.number", { "data-label": "Lag" }, element(lag > 0 ? "span.tag.bad" : "span.tag.good", {}, stalled ? `${late}, stalled` : late)),
    );
}
