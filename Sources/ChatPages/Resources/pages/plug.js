// Pulling the plug: for ten seconds, requests fail as they do without a network.

const SECONDS = 10;

class Plug extends EventTarget {
    /** Seconds until the plug is back in; 0 if it is. */
    remaining = 0;
    #pulled = new AbortController();

    /**
     * `fetch`, unless the plug is out.
     * @type {typeof globalThis.fetch}
     */
    fetch = async (request, options) => {
        if (this.remaining > 0) throw new TypeError("The plug is pulled");
        const signals = [this.#pulled.signal, options?.signal].filter((signal) => signal instanceof AbortSignal);
        // TypeScript 4 does not know it.
        const { any } = /** @type {any} */ (AbortSignal);
        return fetch(request, { ...options, signal: any.call(AbortSignal, signals) });
    };

    pull() {
        if (this.remaining > 0) return;
        this.#pulled.abort(new TypeError("The plug is pulled"));
        this.#pulled = new AbortController();
        this.#show(SECONDS);
        const timer = setInterval(() => {
            this.#show(this.remaining - 1);
            if (this.remaining === 0) clearInterval(timer);
        }, 1_000);
    }

    /** @param {number} seconds */
    #show(seconds) {
        this.remaining = seconds;
        this.dispatchEvent(new Event("change"));
    }
}

export const plug = new Plug();
