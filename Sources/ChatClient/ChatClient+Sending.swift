import Foundation

extension ChatClient {
    /// The message that a chat is being sent.
    struct Delivery {
        let pending: PendingMessage
        let request: Task<PendingMessage.Outcome, Never>
    }

    private static let outboxName = "outbox"

    /// Sends a message and returns at once.
    ///
    /// The message is sent once, however often that takes, and after those sent to the chat before it; also if the
    /// process is killed and another one continues with the same store.
    ///
    /// - Parameters:
    ///   - replyTo: The id of the message to reply to.
    ///   - key: The idempotency key, a UUID by default. Name it after what you react to, and you react only once, even
    ///     if you handle an event again after a crash: the key of an unsent message returns that message, and sends it
    ///     again if it has failed. With another content, the new message fails with `idempotency_key_reused`.
    @discardableResult
    public func send(
        _ text: String,
        to chat: Int,
        replyTo: Int? = nil,
        metadata: Metadata? = nil,
        key: String? = nil
    ) -> PendingMessage {
        let key = key ?? UUID().uuidString
        let pending = PendingMessage(chatID: chat, text: text, replyTo: replyTo, metadata: metadata, key: key)
        if isClosed {
            pending.fail(.wasClosed)
        } else if let known = outbox.find(key, in: chat) {
            guard known.hasContent(of: pending) else {
                pending.fail(.wasReused)
                return pending
            }
            if case .failed(let error) = known.status, error.code != ChatError.keyReused { retry(known) }
            return known
        } else {
            outbox.add(pending)
            enqueue(pending)
        }
        return pending
    }

    /// The messages that are not sent yet or have failed, in order.
    public func pending(in chat: Int) -> [PendingMessage] {
        outbox.messages(in: chat)
    }

    /// Sends a failed message again.
    public func retry(_ pending: PendingMessage) {
        if !isClosed, outbox.retry(pending) { enqueue(pending) }
    }

    /// Removes a message that is not sent yet or has failed.
    ///
    /// If its request has been made, the server may still post it.
    public func discard(_ pending: PendingMessage) {
        guard outbox.contains(pending) else { return }
        outbox.remove(pending)
        pending.fail(ChatError(ChatError.discarded, "The message was discarded"))
        forget(pending)
    }

    /// Settles the pending message that became this entry's, if it is ours.
    func settle(_ entry: LogEntry) {
        guard let message = entry.message, let key = message.idempotencyKey,
            let pending = outbox.find(key, in: message.chatID)
        else { return }
        // Another author may use the same key, except for a random one.
        guard author == .some(message.author) || UUID(uuidString: key) != nil else { return }
        settle(pending, message)
    }

    func restore() async throws {
        if let stored = try await store.get(Self.outboxName) { try outbox.restore(stored) }
        for pending in outbox.messages {
            onOutbox(pending)
            deliver(in: pending.chatID)
        }
    }

    /// Sends a message once the store has it.
    private func enqueue(_ pending: PendingMessage) {
        let saving = save()
        Task {
            // It may have been discarded meanwhile.
            if case .success = await saving.result, outbox.contains(pending) { onOutbox(pending) }
            deliver(in: pending.chatID)
        }
    }

    private func deliver(in chat: Int) {
        guard deliveries[chat] == nil, !isClosed, let pending = outbox.next(in: chat) else { return }
        let request = Task { await post(pending) }
        deliveries[chat] = Delivery(pending: pending, request: request)
        Task {
            let outcome = await request.value
            deliveries[chat] = nil
            // Otherwise, it was settled by the stream, or discarded.
            if outbox.contains(pending), !isClosed {
                switch outcome {
                case .success(let message):
                    author = .some(message.author)
                    settle(pending, message)
                case .failure(let error):
                    pending.fail(error)
                    save()
                    onOutbox(pending)
                }
            }
            deliver(in: chat)
        }
    }

    private func post(_ pending: PendingMessage) async -> PendingMessage.Outcome {
        do throws(ChatError) {
            // If the process is killed during the request, the next one must repeat it with the same key.
            try await saved()
            let fields: [String: JSONValue?] = [
                "text": .string(pending.text),
                "reply_to": pending.replyTo.map(JSONValue.integer),
                "metadata": pending.metadata.map(JSONValue.object),
            ]
            let path = "/chats/\(pending.chatID)/messages/"
            return .success(try await transport.send(.change("POST", path, fields, key: pending.key)))
        } catch {
            return .failure(error)
        }
    }

    private func settle(_ pending: PendingMessage, _ message: Message) {
        outbox.remove(pending)
        pending.settle(message)
        forget(pending)
        onOutbox(pending)
    }

    /// Ends the request of a message that has left the outbox.
    private func forget(_ pending: PendingMessage) {
        if let delivery = deliveries[pending.chatID], delivery.pending === pending { delivery.request.cancel() }
        save()
    }

    /// Stores the outbox as it is when those before have been stored.
    @discardableResult
    private func save() -> Task<Void, any Error> {
        let restoring = restoring
        let previous = saving
        let current = Task {
            try await restoring.value
            _ = await previous?.result
            try await store.set(Self.outboxName, to: outbox.serialized())
        }
        saving = current
        return current
    }

    /// Returns once the store has the outbox as it is now.
    private func saved() async throws(ChatError) {
        do {
            try await (saving ?? restoring).value
        } catch {
            throw .store(error)
        }
    }
}
