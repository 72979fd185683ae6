package import ChatDomain
import Synchronization

/// The open messages whose text this server has, by chat.
///
/// Safe to call from any thread.
package final class OpenMessageTable: Sendable {
    fileprivate struct State {
        var messages: [ChatID: [MessageID: OpenMessage]] = [:]
        /// Messages that have ended lately, in two generations, so that old ones are dropped cheaply.
        var ended: Set<BatchPlan.MessageReference> = []
        var endedBefore: Set<BatchPlan.MessageReference> = []
    }

    /// The size of a generation; a message ends at most once.
    private static let maximumEnded = 1_024

    private let state = Mutex(State())

    /// How many there are in all chats.
    package var count: Int {
        state.withLock { $0.messages.values.reduce(0) { $0 + $1.count } }
    }

    /// Nil if the message is not open, as far as this server knows, or if the server does not have its text.
    package subscript(reference: BatchPlan.MessageReference) -> OpenMessage? {
        state.withLock { $0.messages[reference.chatID]?[reference.id] }
    }

    /// The oldest first.
    func messages(of chatID: ChatID) -> [OpenMessage] {
        let messages = state.withLock { $0.messages[chatID] } ?? [:]
        return messages.values.sorted { $0.position < $1.position }
    }

    /// Adds a message, unless its log says that it has ended meanwhile; closes the one that it replaces.
    func insert(_ message: OpenMessage) {
        let reference = message.reference
        state.withLock { state in
            if state.hasEnded(reference) { return message.close() }
            let replaced = state.messages[reference.chatID, default: [:]].updateValue(message, forKey: reference.id)
            if replaced !== message {
                replaced?.close()
            }
        }
    }

    /// Closes and removes a message.
    func close(_ reference: BatchPlan.MessageReference) -> OpenMessage? {
        state.withLock { $0.close(reference) }
    }

    /// Closes and removes messages for good, since their log says that they have ended.
    func noteEnded(_ references: [BatchPlan.MessageReference]) {
        if references.isEmpty { return }
        state.withLock { state in
            for reference in references {
                _ = state.close(reference)
                if state.ended.count == Self.maximumEnded {
                    state.endedBefore = state.ended
                    state.ended = []
                }
                state.ended.insert(reference)
            }
        }
    }

    func hasEnded(_ reference: BatchPlan.MessageReference) -> Bool {
        state.withLock { $0.hasEnded(reference) }
    }
}

extension OpenMessageTable.State {
    fileprivate func hasEnded(_ reference: BatchPlan.MessageReference) -> Bool {
        ended.contains(reference) || endedBefore.contains(reference)
    }

    fileprivate mutating func close(_ reference: BatchPlan.MessageReference) -> OpenMessage? {
        guard let message = messages[reference.chatID]?.removeValue(forKey: reference.id) else { return nil }
        if messages[reference.chatID]?.isEmpty == true {
            messages[reference.chatID] = nil
        }
        message.close()
        return message
    }
}
