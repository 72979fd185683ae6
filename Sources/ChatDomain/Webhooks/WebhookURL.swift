import FoundationEssentials

/// The address to which a webhook's deliveries are sent.
///
/// Which hosts are allowed is decided for each delivery, by the addresses to which the name resolves.
package struct WebhookURL: Hashable, Sendable {
    /// In characters, all of them ASCII.
    package static let maximumLength = 2_048

    package let text: String

    /// Returns nil unless this is an `http` or `https` URL with a host, without credentials and without a fragment.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let parts = URLComponents(string: text), ["http", "https"].contains(parts.scheme?.lowercased()),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.password == nil, parts.fragment == nil,
            parts.port.map({ (1...65_535).contains($0) }) ?? true
        else { return nil }
        self.text = text
    }

    /// Reads a URL as stores keep it, without validating it again.
    package init(stored text: String) {
        self.text = text
    }
}
