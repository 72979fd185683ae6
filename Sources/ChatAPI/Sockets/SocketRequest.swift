import ChatDomain
import ChatWire
import HTTPTypes
import NIOCore

/// A client request over a WebSocket.
package struct SocketRequest {
    enum Operation {
        case subscribe(ChatID, after: LogPlace?)
        case unsubscribe(ChatID)
        case send(MessageDraft, to: ChatID)
        case streamed(StreamedOperation, BatchPlan.MessageReference)
        case typing(ChatID, Metadata?)
        case read(ChatID, upTo: Position, movesBack: Bool)
        case members(MemberOperation)
        case subscribeInbox(after: InboxCursor?)
        case unsubscribeInbox
        /// A token or a server key.
        case auth(String)
        case ping
    }

    /// The members of a request that its answer repeats.
    struct Mark: Sendable {
        /// `ref`: any JSON value of the client.
        var reference: JSONValue?
        var operation: String?
    }

    /// A request that cannot be parsed, with as much of it as could be.
    struct Invalid: Error {
        let mark: Mark
        let reason: any Error
    }

    let mark: Mark
    let operation: Operation

    /// The names of all operations.
    package static let operations =
        ["subscribe", "unsubscribe", "send", "open"] + StreamedOperation.names + ["typing", "read"]
        + MemberOperation.names + ["inbox.subscribe", "inbox.unsubscribe", "auth", "ping"]

    /// - Parameter message: A JSON object.
    init(_ message: ByteBuffer) throws(Invalid) {
        let object: JSONValue
        do {
            object = try JSONValue(parsing: Array(message.readableBytesView))
        } catch {
            throw Invalid(mark: Mark(), reason: APIError.invalidMessage(error.reason))
        }
        let reference = object.member("ref")
        let name = object.member("op")?.lossyString()
        var validator = RequestValidator()
        do {
            // The answer repeats it.
            try reference?.requireInterchangeable()
        } catch {
            validator.note(.rule("the reference \(error.reason)"), at: ["body", "ref"], input: .null)
            throw Invalid(mark: Mark(operation: name), reason: validator.error)
        }
        mark = Mark(reference: reference, operation: name)
        let operation: Operation?
        switch mark.operation {
        case "subscribe":
            let chatID = validator.chatID(in: object)
            let after = validator.place("after", in: object)
            operation = chatID.flatMap { chatID in after.map { .subscribe(chatID, after: $0.value) } }
        case "unsubscribe":
            operation = validator.chatID(in: object).map { .unsubscribe($0) }
        case "send":
            let chatID = validator.chatID(in: object)
            let draft = validator.wholeDraft(in: object) { $0.idempotencyKey(in: object) }
            operation = chatID.flatMap { chatID in draft.map { .send($0, to: chatID) } }
        case "open":
            let chatID = validator.chatID(in: object)
            let draft = validator.openDraft(in: object) { $0.idempotencyKey(in: object) }
            operation = chatID.flatMap { chatID in draft.map { .send($0, to: chatID) } }
        case "typing":
            let chatID = validator.chatID(in: object)
            let metadata = validator.metadata(in: object, limit: Typing.maximumMetadataLength)
            operation = chatID.flatMap { chatID in metadata.map { .typing(chatID, $0.applied(to: nil)) } }
        case "read":
            let chatID = validator.chatID(in: object)
            let position = validator.readPosition(in: object)
            let movesBack = validator.boolean("back", in: object, default: false)
            operation = chatID.flatMap { chatID in
                position.flatMap { position in movesBack.map { .read(chatID, upTo: position, movesBack: $0) } }
            }
        case "inbox.subscribe":
            operation = validator.inboxCursor(in: object).map { .subscribeInbox(after: $0.value) }
        case "inbox.unsubscribe": operation = .unsubscribeInbox
        case "auth":
            operation = validator.token(in: object).map { .auth($0) }
        case "ping": operation = .ping
        case let name? where StreamedOperation.names.contains(name):
            operation = validator.streamedOperation(name, in: object).map { .streamed($0, $1) }
        case let name? where MemberOperation.names.contains(name):
            operation = validator.memberOperation(name, in: object).map { .members($0) }
        default: throw Invalid(mark: mark, reason: APIError.unknownOperation)
        }
        guard let operation else { throw Invalid(mark: mark, reason: validator.error) }
        self.operation = operation
    }
}

extension RequestValidator {
    /// The member `chat_id`.
    mutating func chatID(in object: JSONValue) -> ChatID? {
        integer("chat_id", in: object).map(ChatID.init(rawValue:))
    }

    /// A member with a place in a log: a string such as `7f3c9a01.17`, or a plain number.
    fileprivate mutating func place(_ name: String, in object: JSONValue) -> OptionalValue<LogPlace>? {
        guard let member = object.member(name), member.kind != .null else { return OptionalValue(value: nil) }
        if let position = member.integer, position >= 0 {
            return OptionalValue(value: LogPlace(epoch: nil, position: Position(rawValue: position)))
        }
        if let place = member.lossyString().flatMap({ LogPlace($0[...]) }) { return OptionalValue(value: place) }
        note(member.integer == nil ? .notAnIntegerValue : .lessThan(0), at: ["body", name], input: .json(member))
        return nil
    }

    /// The member `after` of a request for the inbox.
    fileprivate mutating func inboxCursor(in object: JSONValue) -> OptionalValue<InboxCursor>? {
        guard let member = object.member("after"), member.kind != .null else { return OptionalValue(value: nil) }
        if let cursor = member.lossyString().flatMap({ InboxCursor($0) }) { return OptionalValue(value: cursor) }
        note(.rule("not the cursor of an inbox"), at: ["body", "after"], input: .json(member))
        return nil
    }

    fileprivate mutating func token(in object: JSONValue) -> String? {
        guard let member = object.member("token") else {
            note(.missing, at: ["body", "token"], input: .null)
            return nil
        }
        if let token = member.lossyString() { return token }
        note(.notAString, at: ["body", "token"], input: .null)
        return nil
    }

    fileprivate mutating func idempotencyKey(in object: JSONValue) -> OptionalValue<IdempotencyKey>? {
        let member = object.member("idempotency_key")
        guard let member, member.kind != .null else { return OptionalValue(value: nil) }
        if let text = member.lossyString() { return idempotencyKey(text, at: ["body", "idempotency_key"]) }
        note(.notAString, at: ["body", "idempotency_key"], input: .json(member))
        return nil
    }
}

extension APIError {
    fileprivate static func invalidMessage(_ reason: String) -> APIError {
        APIError(status: .badRequest, code: "invalid_json", detail: "The message is not JSON: \(reason)")
    }

    fileprivate static let unknownOperation = APIError(
        status: .badRequest,
        code: "unknown_operation",
        detail: "op must be one of \(SocketRequest.operations.joined(separator: ", "))"
    )
}
