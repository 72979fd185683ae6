/// Names one chat.
///
/// Assigned by the store, from 1 up, and never used again after the chat is deleted.
///
/// Any 64-bit value may be asked for; a value that was never assigned is simply not found.
package struct ChatID: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }
}
