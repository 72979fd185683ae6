package import ChatDomain
package import ChatWire

extension JSONWriter {
    /// Writes a notice: an event that is not a log entry.
    package mutating func notice(_ type: String, _ members: (inout JSONWriter) -> Void) {
        object { writer in
            writer.member("type", type)
            members(&writer)
        }
    }

    /// Writes the `reset` notice: the client must start over in this epoch.
    package mutating func reset(in epoch: Epoch) {
        notice("reset") { writer in
            writer.member("epoch", epoch)
        }
    }

    /// Writes the members of a `failed` notice: the log has no entry at the next position of the subscription.
    package mutating func hole(in subscription: Subscription) {
        member("code", "log_damaged")
        member("chat_id", subscription.chatID)
        member("detail", "The chat has nothing at position \(subscription.position.rawValue + 1)")
    }
}
