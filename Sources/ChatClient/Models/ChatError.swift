/// Why a request, a stream or a message failed.
public struct ChatError: Error, Sendable, Hashable, Codable {
    /// The HTTP status; 0 if there was no response.
    public let status: Int
    /// The server's code, such as `chat_not_found`, or one of the client's own, which are constants of this type.
    public let code: String
    /// The server's `detail`: a text or, with `validation_failed`, a list.
    public let detail: JSONValue
    public let requestID: String?
    /// How long the server asks to wait, in seconds.
    public let retryAfter: Double?
    /// How long the server's text of an open message is, in Unicode scalars; only with `offset_mismatch`.
    public let length: Int?

    /// The server cannot be reached, or the connection broke.
    public static let networkError = "network_error"
    /// The application's callback threw an error instead of returning a token.
    public static let tokenUnavailable = "token_unavailable"
    /// The store threw an error.
    public static let storeFailed = "store_failed"
    /// The message was discarded.
    public static let discarded = "discarded"
    /// The task that waited was canceled.
    public static let canceled = "canceled"
    /// Another message has the idempotency key.
    public static let keyReused = "idempotency_key_reused"
    /// Somebody has asked the writer of an open message to stop.
    public static let cancelRequested = "cancel_requested"
    /// The message is not open, or has ended.
    public static let messageNotOpen = "message_not_open"
    /// The client was closed.
    public static let closed = "client_closed"
    /// The client streams as many chats as one connection can.
    public static let tooManyChats = "too_many_chats"

    /// Creates an error of the server or, without a status, of the client.
    package init(
        _ code: String,
        _ detail: JSONValue,
        status: Int = 0,
        requestID: String? = nil,
        retryAfter: Double? = nil,
        length: Int? = nil
    ) {
        self.code = code
        self.detail = detail
        self.status = status
        self.requestID = requestID
        self.retryAfter = retryAfter
        self.length = length
    }

    /// Whether the same request may succeed later.
    public var isTemporary: Bool {
        switch status {
        case 0:
            ![
                Self.storeFailed, Self.discarded, Self.canceled, Self.closed, Self.keyReused, Self.tooManyChats,
                Self.cancelRequested,
            ].contains(code)
        // Another server has taken an open message over.
        default: status == 408 || status == 429 || status >= 500 || code == "writer_replaced"
        }
    }
}

extension ChatError: CustomStringConvertible {
    public var description: String {
        let text = if case .string(let text) = detail { text } else { "\(detail)" }
        return status == 0 ? "\(code): \(text)" : "\(status) \(code): \(text)"
    }
}

extension ChatError {
    static func network(_ error: any Error) -> ChatError {
        ChatError(networkError, .string("\(error)"))
    }

    static func store(_ error: any Error) -> ChatError {
        ChatError(storeFailed, .string("\(error)"))
    }

    static let wasCanceled = ChatError(canceled, "The task was canceled")
    static let wasReused = ChatError(keyReused, "Another message that is not sent yet has this key")
    static let wasAskedToStop = ChatError(cancelRequested, "Somebody has asked the writer to stop")
    static let hasEnded = ChatError(messageNotOpen, "The message has ended", status: 409)
    static let wasClosed = ChatError(closed, "The client is closed")
}
