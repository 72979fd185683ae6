import FoundationEssentials

/// A key that signs deliveries, in the form of Standard Webhooks.
package struct WebhookSecret: Hashable, Sendable {
    /// A regular expression that matches the form, if not the number of bytes.
    package static let pattern = "^\(prefix)[A-Za-z0-9+/]{32,88}={0,2}$"
    private static let prefix = "whsec_"
    private static let lengths = 24...64

    /// `whsec_` and the key in Base64.
    package let text: String

    /// Returns nil unless the text is `whsec_` and the Base64 of 24 to 64 bytes.
    package init?(_ text: String) {
        self.text = text
        guard text.hasPrefix(Self.prefix), Self.lengths.contains(key.count) else { return nil }
    }

    /// Reads a secret as stores keep it, without validating it again.
    package init(stored text: String) {
        self.text = text
    }

    /// Makes a new secret of 32 random bytes.
    package static func random() -> WebhookSecret {
        let key = Data((0..<32).map { _ in UInt8.random(in: .min ... .max) })
        return WebhookSecret(stored: prefix + key.base64EncodedString())
    }

    /// The bytes of the key.
    package var key: [UInt8] {
        Data(base64Encoded: String(text.dropFirst(Self.prefix.count))).map(Array.init) ?? []
    }
}
