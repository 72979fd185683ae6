// What the views of the page for operators share.

import { byID } from "./dom.js";

const INTERVAL = 2_000;

/** A part of the page that is shown alone, and stays current while it is. */
export class View {
    #section;
    /** @type {AbortController | null} */
    #hiding = null;
    /** @type {() => void} */
    #hurry = () => {};

    /**
     * @param {string} name
     * @param {import("./admin-operator.js").Operator} operator
     */
    constructor(name, operator) {
        this.#section = byID(`${name}-view`);
        this.operator = operator;
    }

    show() {
        this.#hiding = new AbortController();
        this.#section.hidden = false;
        this.#run(this.#hiding.signal);
    }

    hide() {
        this.#section.hidden = true;
        this.#hiding?.abort();
        this.#hiding = null;
        this.select(null);
    }

    /** Loads again without waiting. */
    refresh() {
        this.#hurry();
    }

    /**
     * Shows one of the view's things, or none.
     * @param {number | null} id
     */
    select(id) {}

    /** Reads and shows what may have changed. */
    async load() {}

    /**
     * Shows rows, or a text if there are none.
     * @param {number} count
     * @param {string} id of the text
     * @param {string} text
     */
    showCount(count, id, text) {
        byID(id).textContent = count === 0 ? text : "";
        for (const table of this.#section.querySelectorAll(".table")) table.hidden = count === 0;
    }

    /** @param {AbortSignal} signal */
    async #run(signal) {
        while (!signal.aborted) {
            if (!document.hidden) await this.operator.attempt(() => this.load());
            await new Promise((resolve) => {
                const timer = setTimeout(resolve, INTERVAL);
                this.#hurry = () => {
                    clearTimeout(timer);
                    resolve(null);
                };
                signal.addEventListener("abort", this.#hurry, { once: true });
            });
        }
    }
}

/**
 * Shows items as elements. What has not changed keeps its element, and with it the focus.
 * @template Item
 */
export class Rows {
    #parent;
    #key;
    #build;
    /** @type {Map<unknown, { element: HTMLElement, content: string }>} */
    #rows = new Map();

    /**
     * @param {HTMLElement} parent
     * @param {(item: Item) => unknown} key
     * @param {(item: Item) => HTMLElement} build
     */
    constructor(parent, key, build) {
        this.#parent = parent;
        this.#key = key;
        this.#build = build;
        parent.replaceChildren();
    }

    /** @param {Item[]} items */
    show(items) {
        const rows = new Map();
        for (const item of items) {
            const known = this.#rows.get(this.#key(item));
            const content = JSON.stringify(item);
            rows.set(this.#key(item), known?.content === content ? known : { element: this.#build(item), content });
        }
        this.#rows = rows;
        const elements = [...rows.values()].map(({ element }) => element);
        for (const [index, element] of elements.entries()) {
            if (this.#parent.children[index] !== element) {
                this.#parent.insertBefore(element, this.#parent.children[index] ?? null);
            }
        }
        while (this.#parent.children.length > elements.length) this.#parent.lastElementChild?.remove();
    }
}
