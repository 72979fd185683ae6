// What the views of the page for operators share.

import { byID, element } from "./dom.js";
import { full, short } from "./time.js";

const INTERVAL = 2_000;

/** A part of the page that is shown alone, and stays current while it is. */
export class View {
    #section;
    /** @type {AbortController | null} */
    #hiding = null;
    /** @type {() => void} */
    #hurry = () => {};
    /** Whether what is being loaded is out of date already. */
    #isStale = false;

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
        this.#isStale = true;
        this.#hurry();
    }

    /**
     * Shows one of the view's things, or none.
     * @param {number | null} id
     */
    select(id) {}

    /** Reads and shows what may have changed. */
    async load() {}

    /** @param {AbortSignal} signal */
    async #run(signal) {
        while (!signal.aborted) {
            this.#isStale = false;
            if (!document.hidden) await this.operator.attempt(() => this.load());
            if (this.#isStale) continue;
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
 * Shows items as elements. What has not changed keeps its element; what is built again keeps the focus.
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
        /** @type {HTMLElement | null} */
        let focused = null;
        for (const item of items) {
            const known = this.#rows.get(this.#key(item));
            const content = JSON.stringify(item);
            const row = known?.content === content ? known : { element: this.#build(item), content };
            if (row !== known && known?.element.contains(document.activeElement)) focused = row.element;
            rows.set(this.#key(item), row);
        }
        this.#rows = rows;
        const elements = [...rows.values()].map(({ element }) => element);
        for (const [index, element] of elements.entries()) {
            if (this.#parent.children[index] !== element) {
                this.#parent.insertBefore(element, this.#parent.children[index] ?? null);
            }
        }
        while (this.#parent.children.length > elements.length) this.#parent.lastElementChild?.remove();
        /** @type {HTMLElement | null | undefined} */ (focused?.querySelector("a, button"))?.focus({ preventScroll: true });
    }
}

/**
 * Shows rows, or a text if there are none.
 * @param {number} count
 * @param {string} id of the text, which follows the rows
 * @param {string} text
 */
export function showCount(count, id, text) {
    byID(id).textContent = count === 0 ? text : "";
    byID(id).previousElementSibling.hidden = count === 0;
}

/**
 * The time of an instant, in full under the pointer.
 * @param {string} instant
 * @param {(instant: string) => string} [format]
 */
export function time(instant, format = short) {
    return element("time", { datetime: instant, title: full(instant) }, format(instant));
}

/**
 * One number with its name.
 * @param {string} name
 * @param {string | HTMLElement} value
 * @param {string | HTMLElement | null} [note]
 */
export function tile(name, value, note) {
    return element(
        "li.tile",
        {},
        element("span.name", {}, name),
        element("strong", {}, value),
        note ? element("span.note", {}, note) : null,
    );
}
