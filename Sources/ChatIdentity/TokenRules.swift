/// Requirements for tokens other than a valid signature.
package struct TokenRules: Sendable {
    /// The required `iss`; nil accepts any.
    package var issuer: String?
    /// A name that `aud` must include; nil accepts any.
    package var audience: String?
    /// The longest time until `exp`.
    package var maximumAge: Duration
    /// How far the clocks of this server and the signing one may differ.
    package var leeway = Duration.seconds(30)
    /// In bytes; longer tokens are rejected unread.
    package var maximumLength = 8 * 1024

    package init(issuer: String? = nil, audience: String? = nil, maximumAge: Duration = .seconds(24 * 60 * 60)) {
        self.issuer = issuer
        self.audience = audience
        self.maximumAge = maximumAge
    }
}
