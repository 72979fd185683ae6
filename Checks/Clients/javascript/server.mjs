// The real server, and tokens for it.

import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BINARY = process.env.CHAT_API ?? ".build/release/chat-api";
const SECRET = "0123456789abcdef0123456789abcdef";

/** A server that keeps its database and its port when it is started again. */
export class Server {
    #folder = mkdtempSync(join(tmpdir(), "chat-client-"));
    #environment;
    #process;
    #port = 0;

    /** Users need tokens, unless it is open. */
    constructor({ open = false } = {}) {
        this.#environment = open ? {} : { CHAT_JWT_SECRET: SECRET, CHAT_SERVER_KEY: this.key };
    }

    /** A server key that may do everything. */
    get key() {
        return `sk_test_${SECRET}`;
    }

    get url() {
        return `http://127.0.0.1:${this.#port}`;
    }

    get #database() {
        return `--database-url=sqlite:///${join(this.#folder, "chat.db")}`;
    }

    /** A new server key, with its id. */
    createKey(scope) {
        const options = ["key", "create", "--name=check", `--scope=${scope}`, this.#database];
        const key = execFileSync(BINARY, options, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
        return { id: key.split("_")[1], key };
    }

    revokeKey(id) {
        execFileSync(BINARY, ["key", "revoke", id, this.#database], { stdio: "ignore" });
    }

    async start() {
        const options = [`--port=${this.#port}`, this.#database, "--stream-heartbeat=1"];
        this.#process = spawn(BINARY, ["serve", ...options], {
            // The tests send more requests than a user may.
            env: { CHAT_LIMITS: "off", ...process.env, ...this.#environment },
            stdio: ["ignore", "ignore", "pipe"],
        });
        for await (const line of createInterface({ input: this.#process.stderr })) {
            const [, port] = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? [];
            if (!port) continue;
            this.#port = Number(port);
            this.#process.stderr.resume();
            return this;
        }
        throw new Error("The server did not start");
    }

    /** Stops the server without closing its connections. */
    freeze() {
        this.#process.kill("SIGSTOP");
    }

    thaw() {
        this.#process.kill("SIGCONT");
    }

    async kill() {
        const exit = once(this.#process, "exit");
        this.#process.kill("SIGKILL");
        await exit;
    }

    /** Kills the server and removes its database. */
    async remove() {
        await this.kill();
        rmSync(this.#folder, { recursive: true });
    }
}

/** A proxy in front of a server that passes a request on and then cuts the connection, once it is told to. */
export async function forgetful(server) {
    let isLosing = false;
    const proxy = createServer((client) => {
        const upstream = connect(new URL(server.url).port, "127.0.0.1");
        for (const socket of [client, upstream]) socket.on("error", () => {});
        client.pipe(upstream);
        upstream.on("data", (bytes) => {
            if (isLosing) client.destroy();
            else client.write(bytes);
            isLosing = false;
        });
        client.on("close", () => upstream.destroy());
        upstream.on("close", () => client.destroy());
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    return {
        url: `http://127.0.0.1:${proxy.address().port}`,
        loseNextResponse: () => (isLosing = true),
        close: () => proxy.close(),
    };
}

/** A user's token. */
export function tokenFor(user) {
    const now = Math.floor(Date.now() / 1000);
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const input = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, iat: now, exp: now + 3600 })}`;
    return `${input}.${createHmac("sha256", SECRET).update(input).digest("base64url")}`;
}
