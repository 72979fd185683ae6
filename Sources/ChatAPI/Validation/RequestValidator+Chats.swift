import ChatDomain
import ChatWire
import Hummingbird

/// Ids, positions, cursors, metadata and keys in requests.
extension RequestValidator {
    /// The path's `chat_id`.
    ///
    /// Any integer is valid, even one that no chat can have: that chat is not found.
    mutating func chatID(in context: some RequestContext) -> ChatID? {
        pathInteger("chat_id", in: context).map(ChatID.init(rawValue:))
    }

    /// The path's `message_id`.
    mutating func messageID(in context: some RequestContext) -> MessageID? {
        pathInteger("message_id", in: context).map(MessageID.init(rawValue:))
    }

    /// A query parameter that is a position in a log, at least 0.
    mutating func place(_ name: String, in request: Request) -> OptionalValue<LogPlace>? {
        guard let text = request.queryParameter(name) else { return OptionalValue(value: nil) }
        return place(text, at: ["query", name]).map { OptionalValue(value: $0) }
    }

    /// A position in a log: `7f3c9a01.17`, or a plain number.
    mutating func place(_ text: String, at location: [String]) -> LogPlace? {
        if let place = LogPlace(text[...]) { return place }
        return integer(text, at: location, range: 0...Int.max)
            .map { LogPlace(epoch: nil, position: Position(rawValue: Int64($0))) }
    }

    /// The query parameter `cursor` of a list of chats.
    mutating func cursor(in request: Request) -> OptionalValue<ChatListToken>? {
        guard let token = request.queryParameter("cursor") else { return OptionalValue(value: nil) }
        if let token = ChatListToken(token) { return OptionalValue(value: token) }
        note(.rule("not a cursor of this list"), at: ["query", "cursor"], input: .text(token))
        return nil
    }

    /// The query parameter `q` of a list of chats; a blank one selects all chats.
    mutating func titlePart(in request: Request) -> OptionalValue<String>? {
        let text = request.queryParameter("q")?.trimmingUnicodeWhitespace() ?? ""
        if text.unicodeScalars.contains("\0") {
            note(.text(.containsNull), at: ["query", "q"], input: .text(text))
            return nil
        }
        return OptionalValue(value: text.isEmpty ? nil : text)
    }

    /// Notes an issue if a query has more than one of several mutually exclusive parameters.
    mutating func requireAtMostOne(of names: [String], in request: Request) {
        let given = names.filter { request.queryParameter($0) != nil }
        guard given.count > 1, let last = given.last else { return }
        let rule = "only one of \(names.dropLast().joined(separator: ", ")) and \(names.last ?? "") may be given"
        note(.rule(rule), at: ["query", last], input: .text(request.queryParameter(last) ?? ""))
    }

    /// The member `metadata`; null removes the existing metadata.
    ///
    /// - Parameter limit: In bytes of compact JSON.
    mutating func metadata(in object: JSONValue, limit: Int = Metadata.maximumLength) -> MetadataEdit? {
        guard let member = object.member("metadata") else { return .keep }
        if member.kind == .null { return .replace(nil) }
        do throws(MetadataViolation) {
            return .replace(try Metadata(member, limit: limit))
        } catch {
            let (problem, input): (ValidationIssue.Problem, ValidationIssue.Input) =
                switch error {
                case .notAnObject: (.notADictionary, .json(member))
                case .tooLong(let limit): (.rule("the metadata is longer than \(limit) bytes"), .null)
                case .notInterchangeable(let violation): (.rule("the metadata \(violation.reason)"), .json(member))
                }
            note(problem, at: ["body", "metadata"], input: input)
            return nil
        }
    }

    /// The member `slow_mode`, in seconds.
    mutating func slowMode(in object: JSONValue) -> OptionalValue<SlowMode>? {
        optionalInteger("slow_mode", in: object, range: SlowMode.allowed, isNullable: false)
            .map { OptionalValue(value: $0.value.map { SlowMode(seconds: $0) }) }
    }

    /// The member `reply_to`, which may be absent or null.
    mutating func replyTo(in object: JSONValue) -> OptionalValue<MessageID>? {
        guard let member = object.member("reply_to"), member.kind != .null else { return OptionalValue(value: nil) }
        if let id = member.integer { return OptionalValue(value: MessageID(rawValue: id)) }
        note(.notAnIntegerValue, at: ["body", "reply_to"], input: .json(member))
        return nil
    }

    /// The member `message_id`.
    mutating func messageID(in object: JSONValue) -> MessageID? {
        integer("message_id", in: object).map(MessageID.init(rawValue:))
    }

    /// The member `seq`, a position in a log.
    mutating func readPosition(in object: JSONValue) -> Position? {
        integer("seq", in: object, range: 0...Int64.max).map(Position.init(rawValue:))
    }

    /// The header `Idempotency-Key`, which may be absent.
    mutating func idempotencyKey(in request: Request) -> OptionalValue<IdempotencyKey>? {
        idempotencyKey(request.headers[.idempotencyKey], at: ["header", "idempotency-key"])
    }

    /// An idempotency key, which may be absent.
    mutating func idempotencyKey(_ text: String?, at location: [String]) -> OptionalValue<IdempotencyKey>? {
        guard let text else { return OptionalValue(value: nil) }
        if let key = IdempotencyKey(text) { return OptionalValue(value: key) }
        note(.patternMismatch(IdempotencyKey.pattern), at: location, input: .text(text))
        return nil
    }
}
