/// Whether requests need a credential.
enum AccessSetting: String, CaseIterable, Sendable {
    /// Not on a loopback address without any key.
    case auto
    case open
    case required
}
