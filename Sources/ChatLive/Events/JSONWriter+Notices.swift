package import ChatDomain
package import ChatWire

extension JSONWriter {
    /// Writes a notice: an event that is no log entry.
    package mutating func notice(_ type: String, _ members: (inout JSONWriter) -> Void) {
        object { writer in
            writer.member("type", type)
            members(&writer)
        }
    }

    /// Writes the notice that the history has another epoch.
    package mutating func reset(in epoch: Epoch) {
        notice("reset") { writer in
            writer.member("epoch", epoch)
        }
    }

    /// Writes the members of the notice that a log has no entry where a subscriber needs the next one.
    package mutating func hole(in subscription: Subscription) {
        member("code", "log_damaged")
        member("chat_id", subscription.chatID)
        member("detail", "The chat has nothing at position \(subscription.position.rawValue + 1)")
    }
}
