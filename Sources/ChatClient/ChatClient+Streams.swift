import Foundation

extension ChatClient {
    private static let logPage = 100

    /// Streams a chat's events: log entries in order of `seq`, each once and none missing, and notices in between.
    ///
    /// An event counts as handled when the loop asks for the next one; then its position is stored. The loop ends after
    /// `chatDeleted`, when its task is canceled, when the same chat is streamed again, and when the client is closed.
    /// It fails if 50 chats are streamed already, and if the server refuses the stream.
    ///
    /// - Parameter position: Where to start; nil starts after the stored position or, if there is none, now.
    public nonisolated func events(of chat: Int, after position: Position? = nil) -> EventStream<ChatEvent> {
        EventStream { id throws(ChatError) in
            try await self.follow(chat, after: position, as: id)
        } next: { id throws(ChatError) in
            try await self.nextEvent(of: chat, as: id)
        } release: { id in
            await self.unfollow(chat, as: id)
        }
    }

    /// Streams the state of the user's chats: first those that changed since the last line that was handled, then each
    /// that changes.
    ///
    /// A slow loop gets fewer lines, not late ones: only the latest line of a chat waits for it.
    public nonisolated func inbox() -> EventStream<InboxEvent> {
        EventStream { id throws(ChatError) in
            try await self.followInbox(as: id)
        } next: { id throws(ChatError) in
            try await self.nextLine(as: id)
        } release: { id in
            await self.unfollowInbox(as: id)
        }
    }

    private func follow(_ chat: Int, after position: Position?, as id: UUID) async throws(ChatError) {
        var start = position
        do {
            if let position {
                try await store.set(Self.positionName(chat), to: position.description)
            } else {
                start = try await store.get(Self.positionName(chat)).flatMap(Position.init)
            }
        } catch {
            throw .store(error)
        }
        if isClosed { throw .wasClosed }
        try subscriptions.follow(ChatFeed(chatID: chat, consumer: id, position: start))
        replaceConnection()
    }

    private func unfollow(_ chat: Int, as id: UUID) {
        guard subscriptions.chats[chat]?.consumer == id else { return }
        subscriptions.chats[chat] = nil
        replaceConnection()
    }

    private func nextEvent(of chat: Int, as id: UUID) async throws(ChatError) -> ChatEvent? {
        while let feed = subscriptions.chats[chat], feed.consumer == id {
            if let bookmark = subscriptions.chats[chat]?.takeBookmark() {
                try await save(bookmark.description, as: Self.positionName(chat))
            } else if Task.isCancelled {
                unfollow(chat, as: id)
            } else if let event = subscriptions.chats[chat]?.take() {
                return event
            } else if feed.hasEnded {
                unfollow(chat, as: id)
                if let error = feed.error { throw error }
            } else if feed.isBehind, let position = feed.position {
                await readLog(of: chat, after: position, as: id)
            } else if let missing = feed.missingText {
                await readText(of: missing.messageID, in: chat, at: missing.at, as: id)
            } else {
                await change(id)
            }
        }
        return nil
    }

    private func followInbox(as id: UUID) async throws(ChatError) {
        let cursor: String?
        do {
            cursor = try await store.get("inbox")
        } catch {
            throw .store(error)
        }
        if isClosed { throw .wasClosed }
        subscriptions.inbox = InboxFeed(consumer: id, cursor: cursor)
        replaceConnection()
    }

    private func unfollowInbox(as id: UUID) {
        guard subscriptions.inbox?.consumer == id else { return }
        subscriptions.inbox = nil
        replaceConnection()
    }

    private func nextLine(as id: UUID) async throws(ChatError) -> InboxEvent? {
        while let feed = subscriptions.inbox, feed.consumer == id {
            let event = subscriptions.inbox?.take()
            let bookmark = subscriptions.inbox?.bookmark
            if bookmark != feed.bookmark { try await save(bookmark, as: "inbox") }
            if Task.isCancelled {
                unfollowInbox(as: id)
            } else if let event {
                return event
            } else if feed.hasEnded {
                unfollowInbox(as: id)
                if let error = feed.error { throw error }
            } else {
                await change(id)
            }
        }
        return nil
    }

    private func save(_ bookmark: String?, as name: String) async throws(ChatError) {
        do {
            try await store.set(name, to: bookmark)
        } catch {
            throw .store(error)
        }
    }

    private static func positionName(_ chat: Int) -> String {
        "position/\(chat)"
    }

    /// Waits until the consumer has something to do, or its task is canceled.
    private func change(_ id: UUID) async {
        guard !subscriptions.isReady(id) else { return }
        let waiter = Promise<Void>()
        waiters[id] = waiter
        await waiter.wait()
        waiters[id] = nil
    }

    /// Wakes the consumers that have something to do.
    func wake() {
        for (id, waiter) in waiters where subscriptions.isReady(id) { waiter.fulfill(()) }
    }

    /// Reads what the stream has not brought.
    private func readLog(of chat: Int, after position: Position, as id: UUID) async {
        do throws(ChatError) {
            let page = try await log(of: chat, after: position, limit: Self.logPage)
            for entry in page.entries {
                settle(entry)
                for reply in replies { reply.observe(entry) }
            }
            guard subscriptions.chats[chat]?.consumer == id else { return }
            subscriptions.chats[chat]?.add(page, after: position)
        } catch {
            guard subscriptions.chats[chat]?.consumer == id else { return }
            switch error.code {
            case "chat_not_found": subscriptions.chats[chat]?.delete()
            case "epoch_changed": await restart(chat, at: position, as: id)
            case ChatError.canceled, ChatError.closed: break
            default: subscriptions.chats[chat]?.end(error)
            }
        }
    }

    /// Reads what the pieces of a message's text have not brought.
    private func readText(of message: Int, in chat: Int, at offset: Int, as id: UUID) async {
        var text: AppendedText?
        do throws(ChatError) {
            text = try await self.text(of: message, in: chat, at: offset)
        } catch {
            // The text has become shorter. After any other error, the entry that ends the message contains the text.
            if error.length != nil, offset > 0 { return await readText(of: message, in: chat, at: 0, as: id) }
        }
        guard subscriptions.chats[chat]?.consumer == id else { return }
        subscriptions.chats[chat]?.add(text, to: message)
    }

    private func restart(_ chat: Int, at position: Position, as id: UUID) async {
        // If it fails, the consumer reads the log again.
        guard let epoch = try? await log(of: chat, limit: 1).epoch else { return }
        guard let feed = subscriptions.chats[chat], feed.consumer == id, feed.position == position else { return }
        subscriptions.chats[chat]?.reset(epoch: epoch)
    }
}
