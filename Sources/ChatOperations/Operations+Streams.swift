package import ChatDomain
import ChatLive
package import NIOCore

/// Messages whose text grows.
extension Operations {
    /// Appends to an open message, or only renews its lease if the text is empty.
    ///
    /// The text may not be stored yet: the receipt says how much is.
    ///
    /// - Parameters:
    ///   - offset: Where the text belongs, in Unicode scalars. What is already there is left alone.
    ///   - status: What the writer is doing, for readers; it is never stored.
    /// - Throws: `AppendRejection`, and `StoreError`.
    package func appendText(
        _ caller: Caller,
        _ piece: StreamedText,
        at offset: Int,
        status: String? = nil,
        to id: MessageID,
        in chat: ChatID
    ) async throws -> AppendReceipt {
        let reference = BatchPlan.MessageReference(chatID: chat, id: id)
        return try await streams.append(piece, to: reference, at: offset, status: status, by: caller)
    }

    /// Returns when the writer of an open message should append, if only nothing, to learn that the message has ended or
    /// that somebody asked it to stop; or when the task is cancelled.
    ///
    /// Only for a writer that has just appended.
    ///
    /// - Throws: `StoreError.writerReplaced` when the message is written through another server.
    package func waitForStop(of id: MessageID, in chat: ChatID) async throws(StoreError) {
        try await streams.waitForStop(of: BatchPlan.MessageReference(chatID: chat, id: id))
    }

    /// Ends an open message, and returns it.
    ///
    /// Ending it again in the same way changes nothing.
    ///
    /// - Throws: `StoreError`.
    package func finishMessage(
        _ caller: Caller,
        _ id: MessageID,
        in chat: ChatID,
        _ finish: MessageFinish
    ) async throws -> Message {
        try await streams.finish(BatchPlan.MessageReference(chatID: chat, id: id), finish, by: caller)
    }

    /// Asks the writer of a message to stop; the server ends the message after `StreamWriter.cancelDelay`.
    package func cancelMessage(_ caller: Caller, _ id: MessageID, in chat: ChatID) async throws(StoreError) {
        try await streams.cancel(BatchPlan.MessageReference(chatID: chat, id: id), by: caller)
    }

    /// Prepares a subscription to the chat of a message that lacks only what follows the message's text as it is now.
    ///
    /// - Parameters:
    ///   - offset: How much of the text the client has.
    ///   - eventLoop: The event loop of the connection.
    /// - Throws: `OperationError.textTooShort`, and `StoreError`.
    package func followText(
        _ caller: Caller,
        of id: MessageID,
        in chat: ChatID,
        from offset: Int,
        on eventLoop: any EventLoop
    ) async throws -> StreamStart {
        var subscription = try await follow(caller, chat, after: nil, on: eventLoop)
        var message = try await store.message(id, in: chat, by: caller)
        var status: String?
        if message.isOpen, let open = hub.openMessages[message.reference] {
            let (text, extent) = open.whole
            message.text = text
            status = open.status
            subscription.text = (open, extent)
        }
        let (epoch, start) = (subscription.epoch, try TextStart(message, status: status, from: offset))
        var stream = StreamStart(scope: .chat, caller: caller, epoch: epoch, chats: [subscription])
        stream.text = start
        return stream
    }

    /// Reads what follows an offset in the text of a message.
    ///
    /// - Throws: `OperationError.textTooShort`, and `StoreError`.
    package func readText(
        _ caller: Caller,
        of id: MessageID,
        in chat: ChatID,
        from offset: Int
    ) async throws -> TextStart {
        let message = try await readMessage(caller, id, in: chat)
        return try TextStart(message, status: hub.openMessages[message.reference]?.status, from: offset)
    }

}

/// What a store returns, with the text of open messages as their readers get it: what was appended since the last
/// checkpoint included.
extension Operations {
    func current(_ message: Message) -> Message {
        guard message.isOpen else { return message }
        var message = message
        message.text = streams.text(of: message)
        return message
    }

    func current(_ page: MessagePage) -> MessagePage {
        page.messages.contains(where: \.isOpen) ? page.map(current) : page
    }

    func current(_ page: LogPage) -> LogPage {
        page.hasOpenMessage ? page.map(current) : page
    }

    func current(_ latest: LatestMessages) -> LatestMessages {
        latest.map(current)
    }

    func current(_ list: ChatList) -> ChatList {
        ChatList(
            chats: list.chats,
            readStates: list.readStates,
            lastMessages: list.lastMessages.mapValues(current),
            next: list.next,
            epoch: list.epoch
        )
    }

    func current(_ entry: InboxEntry) -> InboxEntry {
        InboxEntry(chat: entry.chat, lastMessage: entry.lastMessage.map(current), state: entry.state)
    }
}
