// The server process: what it is and how much it does.

import { View, tile } from "./admin-view.js";
import { byID } from "./dom.js";
import { clock, date, duration } from "./time.js";

const DATABASES = { sqlite: "SQLite", postgresql: "PostgreSQL" };

export class ServerView extends View {
    /** @type {any} the writes when they were last read */
    #before = null;

    /** @param {import("./admin-operator.js").Operator} operator */
    constructor(operator) {
        super("server", operator);
    }

    async load() {
        const server = await this.operator.request("GET", "/admin/server");
        const { connections, streams, writes } = server;
        const before = this.#before ?? writes;
        this.#before = writes;
        const batches = writes.batches - before.batches;
        const mean = batches > 0 ? (writes.requests - before.requests) / batches : null;
        byID("server").replaceChildren(
            tile("Version", server.version, "Of Chat API"),
            tile("Database", DATABASES[/** @type {keyof DATABASES} */ (server.database)] ?? server.database, server.database === "sqlite" ? "One file, this process" : "Shared with other processes"),
            server.access === "open"
                ? tile("Access", "Open", "Anyone may do everything")
                : tile("Access", "Required", "Each request needs a credential"),
            tile("Uptime", duration(server.uptime_seconds), `Since ${date(server.started_at)}, ${clock(server.started_at)}`),
            tile("Connections", number(connections.open), `At most ${number(connections.maximum)}`),
            tile("Streams", number(streams.open), `At most ${number(streams.maximum)}`),
            tile("Writes waiting", number(writes.waiting), `${number(writes.requests)} since the start`),
            tile("Batch size", mean === null ? "–" : number(mean), `Mean just now; largest so far: ${number(writes.largest_batch)}`),
        );
    }
}

/** @param {number} value */
const number = (value) => value.toLocaleString(undefined, { maximumFractionDigits: 1 });
