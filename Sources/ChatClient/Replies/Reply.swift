/// A message that is read while it is written.
///
/// The client appends what you write until you end the message, and tells the server that the writer still exists while
/// you write nothing. The text has at most 32,768 Unicode scalars. If you let go of a reply without ending its message,
/// the server ends it as failed after its `ttl`.
public final class Reply: Sendable {
    // How long a canceled task waits for the end of its message. The lease ends it otherwise.
    private static let endTimeout = Duration.seconds(5)

    private let writer: ReplyWriter

    init(_ writer: ReplyWriter) {
        self.writer = writer
    }

    deinit {
        writer.close()
    }

    public var chatID: Int {
        writer.chatID
    }

    /// The message's id, once the server has opened it.
    ///
    /// - Throws: Why it has refused to.
    public var id: Int {
        get async throws(ChatError) { try await writer.message.id }
    }

    /// Whether the message was ended here.
    ///
    /// What is written after that is ignored.
    public var isClosed: Bool {
        writer.isClosed
    }

    /// Why the writer is to stop; nil as long as it may go on.
    ///
    /// Somebody has asked for it (`cancel_requested`), the message has ended otherwise (`message_not_open`), or the
    /// server refuses what was written. Without a stream of the chat, the client learns of it when it appends.
    public var stopReason: ChatError? {
        writer.stopped.current ?? nil
    }

    /// Whether somebody has asked the writer to stop.
    public var cancelRequested: Bool {
        stopReason?.code == ChatError.cancelRequested
    }

    /// Waits until the writer is to stop, and returns why; nil if the message is ended here or the task is canceled first.
    public func stopped() async -> ChatError? {
        await writer.stopped.wait() ?? nil
    }

    /// Appends a text and returns at once.
    ///
    /// What is written while a request is under way is sent as one piece. Network errors and restarts of the server
    /// never lose or repeat a piece.
    ///
    /// - Parameter status: What the writer is doing, in at most 200 characters; the next text without one clears it.
    public func write(_ text: String, status: String? = nil) {
        writer.write(text, status: status)
    }

    /// Ends the message.
    ///
    /// - Parameters:
    ///   - text: Replaces what was written.
    ///   - metadata: An object, or `.null` to remove it.
    @discardableResult
    public func done(text: String? = nil, metadata: JSONValue? = nil) async throws(ChatError) -> Message {
        try await writer.end(.done, text: text, metadata: metadata)
    }

    /// Ends the message with a reason for its readers, of at most 200 characters.
    @discardableResult
    public func fail(_ reason: String? = nil) async throws(ChatError) -> Message {
        try await writer.end(.failed, reason: reason)
    }

    /// Ends the message because somebody has asked for it.
    @discardableResult
    public func cancel(_ reason: String? = nil) async throws(ChatError) -> Message {
        try await writer.end(.cancelled, reason: reason)
    }

    /// Writes every piece of a source, ends the message, and returns it as it has ended.
    ///
    /// It ends as done after the last piece; as canceled if somebody asks for it, or if the task is canceled; and as
    /// failed if the source throws or the server refuses a piece. When the writer is to stop, the task that iterates
    /// over the source is canceled. If an earlier process has ended the message, nothing is taken from the source.
    ///
    /// - Throws: The error of the source or the server.
    @discardableResult
    public func pipe<Source: AsyncSequence & Sendable>(
        _ source: Source
    ) async throws -> Message where Source.Element == String {
        do {
            return try await writeThrough(source)
        } catch {
            if Task.isCancelled { await endCanceled() }
            throw error
        }
    }

    /// Writes everything from a source, and ends the message unless the task is canceled.
    private func writeThrough<Source: AsyncSequence & Sendable>(
        _ source: Source
    ) async throws -> Message where Source.Element == String {
        _ = try await id
        let failure = await writeAll(source)
        if Task.isCancelled { throw ChatError.wasCanceled }
        if let failure, stopReason == nil {
            // The source's error says more than one about the end.
            _ = try? await fail()
            throw failure
        }
        do throws(ChatError) {
            guard let stopReason else { return try await done() }
            if cancelRequested { return try await cancel() }
            if stopReason.code != ChatError.messageNotOpen { _ = try? await fail() }
            throw stopReason
        } catch {
            guard error.code == ChatError.messageNotOpen else { throw error }
            return try await writer.read()
        }
    }

    /// Writes everything from a source until the writer is to stop, and returns the source's error.
    private func writeAll<Source: AsyncSequence & Sendable>(
        _ source: Source
    ) async -> (any Error)? where Source.Element == String {
        guard stopReason == nil else { return nil }
        return await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask {
                do {
                    for try await text in source { self.write(text) }
                    return nil
                } catch {
                    return error
                }
            }
            group.addTask {
                _ = await self.stopped()
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// Ends the message of a canceled task soon, or leaves that to the server.
    private func endCanceled() async {
        // Its request must not be canceled, too.
        let ending = Task {
            _ = try? await Deadline(in: Self.endTimeout).watch { try await self.cancel() }
        }
        await ending.value
    }
}
