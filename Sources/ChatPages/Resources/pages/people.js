// Names and pictures of people.

/** The names of users, read once and in groups. */
export class People extends EventTarget {
    #client;
    #names;
    /** @type {Set<string>} */
    #wanted = new Set();

    /**
     * @param {import("../client.js").ChatClient} client
     * @param {Map<string, string>} [known] names that need not be read
     */
    constructor(client, known = new Map()) {
        super();
        this.#client = client;
        this.#names = known;
    }

    /**
     * A user's name, or the id until the name is known; then there is a `change` event.
     * @param {string} id
     */
    name(id) {
        const known = this.#names.get(id);
        if (known === undefined) {
            if (this.#wanted.size === 0) setTimeout(() => this.#load());
            this.#wanted.add(id);
        }
        return known ?? id;
    }

    /**
     * Who wrote a message.
     * @param {{ author?: string, metadata?: any }} message
     */
    author({ author, metadata }) {
        if (author !== undefined) return this.name(author);
        const name = metadata?.name;
        return typeof name === "string" && name.trim() !== "" ? name.trim().slice(0, 64) : "Someone";
    }

    async #load() {
        const ids = [...this.#wanted].filter((id) => !id.includes(",")).slice(0, 100);
        this.#wanted.clear();
        for (const id of ids) this.#names.set(id, id);
        try {
            const { users } = await this.#client.users(ids);
            for (const { id, name } of users) this.#names.set(id, name ?? id);
            this.dispatchEvent(new Event("change"));
        } catch {
            // Ids are good enough as names.
        }
    }
}

/**
 * Two letters for a person's picture.
 * @param {string} name
 */
export function initials(name) {
    const words = name.split(/[\s._-]+/u).filter((word) => word !== "");
    const letters = words.slice(0, 2).map((word) => [...new Intl.Segmenter().segment(word)][0].segment);
    return letters.join("").toUpperCase() || "?";
}

/**
 * One of eight hues, the same for the same person.
 * @param {string} name
 */
export function hue(name) {
    let sum = 7;
    for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
    return sum % 8;
}
