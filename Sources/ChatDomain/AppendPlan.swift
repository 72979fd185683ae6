/// Decides what a batch of drafts writes, once the logs of their chats are locked and read.
///
/// Every store appends by it, and so positions, instants and replays are the same on all of them. A pure value.
package struct AppendPlan {
    /// A message's idempotency key with the chat in which it is unique.
    package struct SentKey: Hashable, Sendable {
        package let chatID: ChatID
        package let key: IdempotencyKey

        package init(chatID: ChatID, key: IdempotencyKey) {
            self.chatID = chatID
            self.key = key
        }
    }

    /// A message that an earlier transaction has stored under a key.
    package struct SentMessage: Sendable {
        package let message: Message
        package let fingerprint: Int64

        package init(message: Message, fingerprint: Int64) {
            self.message = message
            self.fingerprint = fingerprint
        }
    }

    /// A message to insert; it has its place but not yet its id.
    package struct Append: Sendable {
        package let chatID: ChatID
        package let position: Position
        package let text: String
        package let createdAt: Instant
        package let idempotency: Idempotency?
    }

    private enum Outcome {
        case appended(Int, isReplay: Bool)
        case replayed(Message)
        case refused(StoreError)
    }

    /// In the order in which ids are to be given.
    package private(set) var appends: [Append] = []
    /// The ends of the logs that grow, as they are afterwards.
    package private(set) var movedHeads: [ChatID: LogHead] = [:]
    private var outcomes: [Outcome] = []
    private var indices: [SentKey: Int] = [:]

    /// - Parameters:
    ///   - heads: The logs of all the drafts' chats; a chat that is not there does not exist.
    ///   - sent: What is stored under the drafts' keys.
    package init(
        _ drafts: [MessageDraft],
        heads: [ChatID: LogHead],
        sent: [SentKey: SentMessage],
        at now: Instant
    ) {
        appends.reserveCapacity(drafts.count)
        outcomes.reserveCapacity(drafts.count)
        for draft in drafts {
            outcomes.append(plan(draft, heads: heads, sent: sent, at: now))
        }
    }

    /// What each draft's sender is told, in the order of the drafts.
    ///
    /// - Parameter ids: The ids that the store gave to `appends`, in their order.
    package func results(ids: [MessageID]) -> [Result<Accepted<Message>, StoreError>] {
        outcomes.map { outcome in
            switch outcome {
            case .appended(let index, let isReplay):
                .success(Accepted(appends[index].message(ids[index]), isReplay: isReplay))
            case .replayed(let message): .success(Accepted(message, isReplay: true))
            case .refused(let error): .failure(error)
            }
        }
    }

    private mutating func plan(
        _ draft: MessageDraft,
        heads: [ChatID: LogHead],
        sent: [SentKey: SentMessage],
        at now: Instant
    ) -> Outcome {
        guard var head = movedHeads[draft.chatID] ?? heads[draft.chatID] else { return .refused(.chatNotFound) }
        if let idempotency = draft.idempotency {
            let key = SentKey(chatID: draft.chatID, key: idempotency.key)
            if let earlier = sent[key] {
                return earlier.fingerprint == idempotency.fingerprint
                    ? .replayed(earlier.message) : .refused(.idempotencyKeyReused)
            }
            if let index = indices[key] {
                return appends[index].idempotency == idempotency
                    ? .appended(index, isReplay: true) : .refused(.idempotencyKeyReused)
            }
            indices[key] = appends.count
        }
        head.advance(at: now)
        movedHeads[draft.chatID] = head
        appends.append(
            Append(
                chatID: draft.chatID,
                position: head.position,
                text: draft.text.value,
                createdAt: head.instant,
                idempotency: draft.idempotency
            )
        )
        return .appended(appends.count - 1, isReplay: false)
    }
}

extension AppendPlan.Append {
    fileprivate func message(_ id: MessageID) -> Message {
        Message(id: id, chatID: chatID, position: position, text: text, createdAt: createdAt)
    }
}
