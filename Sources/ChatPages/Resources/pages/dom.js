// Building and finding elements. Text from users only ever becomes text nodes.

const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,:;!?'()[\]{}]/g;

/**
 * Creates an element. Attributes that are null or false are left out; those that start with `on` are listeners.
 * @param {string} name with classes, such as `div.bubble`
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
    const [tag, ...classes] = name.split(".");
    const created = document.createElement(tag);
    created.className = classes.join(" ");
    for (const [attribute, value] of Object.entries(attributes)) {
        if (value === null || value === false || value === undefined) continue;
        if (attribute.startsWith("on")) created.addEventListener(attribute.slice(2), value);
        else created.setAttribute(attribute, String(value));
    }
    fill(created, ...children);
    return created;
}

/**
 * Replaces what an element contains; null is left out.
 * @param {HTMLElement} parent
 * @param {...(Node | string | null)} children
 */
export function fill(parent, ...children) {
    parent.replaceChildren();
    for (const child of children) if (child !== null) parent.append(child);
}

/**
 * A button with a text.
 * @param {string} name
 * @param {string} text
 * @param {() => void} action
 * @param {Record<string, any>} [attributes]
 */
export function button(name, text, action, attributes = {}) {
    return element(`button.${name}`, { type: "button", onclick: action, ...attributes }, text);
}

// How long a button waits for the second click, in milliseconds.
const DOUBT = 4_000;

/**
 * Carries out an action with the second click; the first asks, until the button loses the focus or too long has passed.
 * @param {HTMLElement} asked a button
 * @param {string} question
 * @param {() => void} action
 */
export function askFirst(asked, question, action) {
    const text = asked.textContent;
    let timer = 0;
    const forget = () => {
        clearTimeout(timer);
        timer = 0;
        asked.textContent = text;
    };
    asked.addEventListener("blur", forget);
    asked.addEventListener("click", () => {
        if (timer) {
            forget();
            return action();
        }
        asked.textContent = question;
        timer = window.setTimeout(forget, DOUBT);
    });
}

/**
 * The element with an id, which the page must have.
 * @param {string} id
 * @returns {any}
 */
export function byID(id) {
    const found = document.getElementById(id);
    if (!found) throw new Error(`The page has no element #${id}`);
    return found;
}

/**
 * Text as nodes, in which http and https URLs are links.
 * @param {string} text
 */
export function linked(text) {
    const nodes = [];
    let end = 0;
    for (const match of text.matchAll(LINK)) {
        const start = match.index ?? 0;
        nodes.push(text.slice(end, start));
        nodes.push(element("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
        end = start + match[0].length;
    }
    return [...nodes, text.slice(end)].filter((node) => node !== "");
}

/**
 * Runs an action at most once per interval, the last time after the last call.
 * @param {number} milliseconds
 * @param {() => void} action
 */
export function throttled(milliseconds, action) {
    let earliest = 0;
    let timer = 0;
    return () => {
        if (timer) return;
        const run = () => {
            timer = 0;
            earliest = Date.now() + milliseconds;
            action();
        };
        if (Date.now() >= earliest) run();
        else timer = window.setTimeout(run, earliest - Date.now());
    };
}
