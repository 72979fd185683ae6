import Synchronization

/// Opens a message, appends what is written and ends the message.
final class ReplyWriter: Sendable {
    private struct State {
        var draft = Draft()
        var isClosed = false
        // Whether nothing can be appended anymore.
        var isOver = false
        // Why the server, or the client, has refused a piece of a message that is open.
        var rejection: ChatError?
        // Ends the wait for something to append.
        var change: Promise<Void>?

        var hasNothingToAppend: Bool {
            isOver || isClosed && !draft.hasUnsentText
        }
    }

    private struct Receipt: Decodable {
        let length: Int
        let stored: Int
        let isCancelRequested: Bool

        private enum CodingKeys: String, CodingKey {
            case length
            case stored
            case isCancelRequested = "cancel_requested"
        }
    }

    let chatID: Int
    /// Why the writer is to stop, once it is; nil once the message was ended here without that.
    let stopped = Promise<ChatError?>()
    private let transport: Transport
    private let messages: String
    // A third of the lease, so that one lost attempt does not cost it.
    private let interval: Duration
    private let opened = Promise<Result<Message, ChatError>>()
    // Nothing more will be appended.
    private let written = Promise<Void>()
    private let state = Mutex(State())

    init(chatID: Int, transport: Transport, ttl: Duration) {
        self.chatID = chatID
        self.transport = transport
        messages = "/chats/\(chatID)/messages/"
        interval = ttl / 3
    }

    var isClosed: Bool {
        state.withLock { $0.isClosed }
    }

    /// The message as it was opened.
    var message: Message {
        get async throws(ChatError) {
            guard let opened = await opened.wait() else { throw .wasCanceled }
            return try opened.get()
        }
    }

    /// Opens the message, and appends what is written until it is closed or nothing can be appended anymore.
    func run(_ fields: [String: JSONValue?], key: String) async {
        do throws(ChatError) {
            let message = try await request(.change("POST", messages, fields, key: key))
            opened.fulfill(.success(message))
            if message.state != .open { throw .hasEnded }
            while let piece = await next() { try await append(piece, to: message.id) }
        } catch {
            opened.fulfill(.failure(error))
            stop(error)
        }
        stopped.fulfill(nil)
        written.fulfill(())
    }

    func write(_ text: String, status: String?) {
        change { state in
            if !state.isClosed { state.draft.write(text, status: status) }
            return state.draft.hasNews
        }
    }

    /// Ignores what is written from now on.
    func close() {
        change { state in
            state.isClosed = true
            return true
        }
    }

    /// Appends nothing more.
    func stop(_ error: ChatError) {
        change { state in
            state.isOver = true
            if error.code != ChatError.messageNotOpen, state.rejection == nil { state.rejection = error }
            return true
        }
        stopped.fulfill(error)
    }

    /// Notes an entry of the client's stream.
    func observe(_ entry: LogEntry) {
        guard let message = entry.message, isOpen(message.id), message.state != .open else { return }
        stop(.hasEnded)
    }

    /// Notes that somebody has asked the writer of a message to stop.
    func observeCancelRequest(of message: Int) {
        if isOpen(message) { stopped.fulfill(.wasAskedToStop) }
    }

    /// Ends the message with everything that was written, or with another text.
    func end(
        _ end: Message.State,
        text: String? = nil,
        metadata: JSONValue? = nil,
        reason: String? = nil
    ) async throws(ChatError) -> Message {
        close()
        let id = try await message.id
        guard await written.wait() != nil else { throw .wasCanceled }
        let (draft, rejection) = state.withLock { ($0.draft, $0.rejection) }
        if end == .done, let rejection { throw rejection }
        let own = draft.isStored || rejection != nil ? nil : draft.text
        var fields: [String: JSONValue?] = [
            "state": .string(end.rawValue), "metadata": metadata, "reason": reason.map(JSONValue.string),
            "text": (text ?? own).map(JSONValue.string),
        ]
        let path = "\(messages)\(id)"
        do throws(ChatError) {
            return try await request(.change("PATCH", path, fields, isRepeatable: true))
        } catch {
            // The text is too large for one request, but the server has its pieces.
            guard error.status == 413, text == nil, own != nil, draft.isAcknowledged else { throw error }
            fields["text"] = nil
            return try await request(.change("PATCH", path, fields, isRepeatable: true))
        }
    }

    /// Reads the message as it is now.
    func read() async throws(ChatError) -> Message {
        try await request(.get("\(messages)\(message.id)"))
    }

    private func isOpen(_ message: Int) -> Bool {
        guard !isClosed, case .success(let own)? = opened.current else { return false }
        return own.id == message
    }

    private func request(_ request: APIRequest) async throws(ChatError) -> Message {
        try await transport.send(request, maxDelay: interval)
    }

    private func append(_ piece: Draft.Piece, to id: Int) async throws(ChatError) {
        let fields: [String: JSONValue?] = ["text": .string(piece.text), "status": piece.status.map(JSONValue.string)]
        let path = "\(messages)\(id)/text?at=\(piece.at)"
        do throws(ChatError) {
            let receipt = try await transport.send(
                .change("POST", path, fields, isRepeatable: true),
                as: Receipt.self,
                maxDelay: interval
            )
            state.withLock { $0.draft.acknowledge(piece, length: receipt.length, stored: receipt.stored) }
            if receipt.isCancelRequested { stopped.fulfill(.wasAskedToStop) }
        } catch {
            guard let length = error.length else { throw error }
            state.withLock { $0.draft.reject(piece, length: length) }
        }
    }

    /// Waits for something to append, or until the server must learn that the writer still exists.
    private func next() async -> Draft.Piece? {
        let change = state.withLock { state -> Promise<Void>? in
            state.change = state.hasNothingToAppend || state.draft.hasNews ? nil : Promise()
            return state.change
        }
        if let change {
            // It fails when it is canceled, after the wait.
            let timer = Task { [interval] in
                try? await Task.sleep(for: interval)
                change.fulfill(())
            }
            await change.wait()
            timer.cancel()
        }
        return state.withLock { $0.hasNothingToAppend ? nil : $0.draft.next() }
    }

    /// Changes the state, and ends the wait for something to append if `body` returns true.
    private func change(_ body: (inout State) -> Bool) {
        let change = state.withLock { body(&$0) ? $0.change : nil }
        change?.fulfill(())
    }
}
