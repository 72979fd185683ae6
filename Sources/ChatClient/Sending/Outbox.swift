import Foundation

/// The unsent messages of all chats, in the order in which they were sent.
package struct Outbox {
    package private(set) var messages: [PendingMessage] = []

    /// What the store keeps of a message.
    private struct StoredMessage: Codable {
        let chatID: Int
        let text: String
        let key: String
        let replyTo: Int?
        let metadata: Metadata?
        let error: ChatError?
    }

    package init() {}

    package func messages(in chat: Int) -> [PendingMessage] {
        messages.filter { $0.chatID == chat }
    }

    /// The message to send next.
    ///
    /// A failed one does not hold up those after it.
    package func next(in chat: Int) -> PendingMessage? {
        messages.first { $0.chatID == chat && $0.status == .pending }
    }

    package func find(_ key: String, in chat: Int) -> PendingMessage? {
        messages.first { $0.chatID == chat && $0.key == key }
    }

    package func contains(_ pending: PendingMessage) -> Bool {
        messages.contains { $0 === pending }
    }

    package mutating func add(_ pending: PendingMessage) {
        messages.append(pending)
    }

    package mutating func remove(_ pending: PendingMessage) {
        messages.removeAll { $0 === pending }
    }

    /// Makes a failed message pending again, after the others, and under its key unless another message has used that.
    ///
    /// - Returns: False if it has not failed, or was removed.
    package mutating func retry(_ pending: PendingMessage) -> Bool {
        guard contains(pending), case .failed(let error) = pending.status else { return false }
        pending.begin(key: error.code == ChatError.keyReused ? UUID().uuidString : pending.key)
        remove(pending)
        add(pending)
        return true
    }

    /// What `restore` accepts; nil if there is nothing to keep.
    package func serialized() throws -> String? {
        guard !messages.isEmpty else { return nil }
        let stored = messages.map { pending in
            let error: ChatError? = if case .failed(let error) = pending.status { error } else { nil }
            return StoredMessage(
                chatID: pending.chatID,
                text: pending.text,
                key: pending.key,
                replyTo: pending.replyTo,
                metadata: pending.metadata,
                error: error
            )
        }
        return try JSONCoding.text(of: stored)
    }

    /// Puts the messages that were serialized before those added since.
    ///
    /// A message added since stands for the stored one with its key if it has the same content, and otherwise fails.
    package mutating func restore(_ serialized: String) throws {
        let stored = try JSONCoding.decoder.decode([StoredMessage].self, from: Data(serialized.utf8))
        var restored: [PendingMessage] = []
        for message in stored {
            let pending = PendingMessage(
                chatID: message.chatID,
                text: message.text,
                replyTo: message.replyTo,
                metadata: message.metadata,
                key: message.key
            )
            if let error = message.error { pending.fail(error) }
            if let added = find(message.key, in: message.chatID) {
                if added.hasContent(of: pending) { continue }
                added.fail(.wasReused)
                remove(added)
            }
            restored.append(pending)
        }
        messages = restored + messages
    }
}
