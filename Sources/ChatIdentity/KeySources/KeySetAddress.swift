/// The URL of a JWK set: HTTPS, or HTTP on this machine.
package struct KeySetAddress: Hashable, Sendable, CustomStringConvertible {
    let text: String
    let isEncrypted: Bool

    /// Returns nil for any other URL, and for one with a user or a password.
    package init?(_ text: String) {
        let form = /(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:[0-9]{1,5})?(\/[!-~]*)?/
        guard let parts = text.wholeMatch(of: form)?.output else { return nil }
        isEncrypted = parts.1 == "https"
        guard isEncrypted || ["localhost", "127.0.0.1", "[::1]"].contains(parts.2) else { return nil }
        self.text = text
    }

    /// The URL without its query, which may contain a secret.
    package var description: String {
        text.split(separator: "?", maxSplits: 1)[0].description
    }
}
