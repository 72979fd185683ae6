/**
 * Says in a sentence why a request failed.
 * @param {unknown} error
 */
export function explain(error) {
    const { detail, message } = /** @type {{ detail?: unknown, message: string }} */ (error);
    if (Array.isArray(detail)) return detail.map(({ msg }) => msg).join(". ");
    return typeof detail === "string" ? detail : message;
}
