/// Names one message among the messages of all chats.
///
/// Assigned by the store, from 1 up, and never used again.
package struct MessageID: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }
}
