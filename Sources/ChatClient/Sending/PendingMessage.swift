import Synchronization

/// A message that the client sends, or could not send.
public final class PendingMessage: Sendable, Identifiable {
    /// What has become of a message.
    public enum Status: Sendable, Hashable {
        /// The server has not responded yet.
        case pending
        /// The chat has the message.
        case sent(Message)
        /// The server has rejected the message, or it could not be stored.
        case failed(ChatError)
    }

    typealias Outcome = Result<Message, ChatError>

    public let chatID: Int
    public let text: String
    /// The id of the message that this one replies to.
    public let replyTo: Int?
    public let metadata: Metadata?
    private let state: Mutex<(key: String, outcome: Promise<Outcome>)>

    package init(chatID: Int, text: String, replyTo: Int? = nil, metadata: Metadata? = nil, key: String) {
        self.chatID = chatID
        self.text = text
        self.replyTo = replyTo
        self.metadata = metadata
        state = Mutex((key, Promise()))
    }

    /// The idempotency key.
    public var key: String {
        state.withLock { $0.key }
    }

    public var status: Status {
        switch outcome.current {
        case nil: .pending
        case .success(let message): .sent(message)
        case .failure(let error): .failed(error)
        }
    }

    /// The message, once the chat has it.
    ///
    /// You need not wait for it, and canceling the task ends only the wait.
    ///
    /// - Throws: Why it has failed.
    public var result: Message {
        get async throws(ChatError) {
            guard let outcome = await outcome.wait() else { throw .wasCanceled }
            return try outcome.get()
        }
    }

    private var outcome: Promise<Outcome> {
        state.withLock { $0.outcome }
    }

    package func settle(_ message: Message) {
        outcome.fulfill(.success(message))
    }

    package func fail(_ error: ChatError) {
        outcome.fulfill(.failure(error))
    }

    /// Whether the server would take both for the same message.
    func hasContent(of other: PendingMessage) -> Bool {
        text.utf8.elementsEqual(other.text.utf8) && replyTo == other.replyTo && metadata == other.metadata
    }

    /// Makes a failed message pending again.
    func begin(key: String) {
        state.withLock { $0 = (key, Promise()) }
    }
}
