/// The value of a setting that turns something on or off.
enum Switch: String, CaseIterable, Sendable {
    case on, off
}
