import ChatDomain
import ChatWire
import Hummingbird
import NIOCore

/// Reads the parts of a request and gathers what is wrong with them, so that a client learns all of it at once.
///
/// Each reading returns nil where it has noted a problem; `error` then has them all, in the order of the readings.
struct RequestValidator {
    private(set) var issues: [ValidationIssue] = []

    var error: ValidationError {
        ValidationError(issues: issues)
    }

    /// The path's `chat_id`.
    ///
    /// An id that no chat can have is an id all the same: its chat is not found.
    mutating func chatID(in context: some RequestContext) -> ChatID? {
        pathInteger("chat_id", in: context).map(ChatID.init(rawValue:))
    }

    /// The path's `message_id`.
    mutating func messageID(in context: some RequestContext) -> MessageID? {
        pathInteger("message_id", in: context).map(MessageID.init(rawValue:))
    }

    private mutating func pathInteger(_ name: String, in context: some RequestContext) -> Int64? {
        let text = context.parameters.get(name)?.percentDecoded() ?? ""
        return integer(text, at: ["path", name])
    }

    /// A query parameter within bounds; where it is repeated, the last one counts.
    mutating func integer(
        _ name: String,
        in request: Request,
        range: ClosedRange<Int>,
        default defaultValue: Int
    ) -> Int? {
        optionalInteger(name, in: request, range: range).map { $0.value ?? defaultValue }
    }

    /// The same for a parameter whose absence means something.
    mutating func optionalInteger(
        _ name: String,
        in request: Request,
        range: ClosedRange<Int>
    ) -> OptionalValue<Int>? {
        guard let text = request.queryParameter(name) else { return OptionalValue(value: nil) }
        return integer(text, at: ["query", name], range: range).map { OptionalValue(value: $0) }
    }

    /// A query parameter that is a place in a log, from 0 on.
    mutating func place(_ name: String, in request: Request) -> OptionalValue<LogPlace>? {
        guard let text = request.queryParameter(name) else { return OptionalValue(value: nil) }
        return place(text, at: ["query", name]).map { OptionalValue(value: $0) }
    }

    /// A place in a log: `7f3c9a01.17`, or a plain number.
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

    /// The query parameter `q` of a list of chats; a blank one asks for all of them.
    mutating func titlePart(in request: Request) -> OptionalValue<String>? {
        let text = request.queryParameter("q")?.trimmingUnicodeWhitespace() ?? ""
        if text.unicodeScalars.contains("\0") {
            note(.text(.containsNull), at: ["query", "q"], input: .text(text))
            return nil
        }
        return OptionalValue(value: text.isEmpty ? nil : text)
    }

    /// Notes that a query has more than one of several parameters that exclude one another.
    mutating func requireAtMostOne(of names: [String], in request: Request) {
        let given = names.filter { request.queryParameter($0) != nil }
        guard given.count > 1, let last = given.last else { return }
        let rule = "only one of \(names.dropLast().joined(separator: ", ")) and \(names.last ?? "") may be given"
        note(.rule(rule), at: ["query", last], input: .text(request.queryParameter(last) ?? ""))
    }

    mutating func integer(_ text: String, at location: [String], range: ClosedRange<Int>) -> Int? {
        guard let number = integer(text, at: location) else { return nil }
        if number < range.lowerBound {
            note(.lessThan(range.lowerBound), at: location, input: .text(text))
            return nil
        }
        if number > range.upperBound {
            note(.greaterThan(range.upperBound), at: location, input: .text(text))
            return nil
        }
        return Int(number)
    }

    /// The body as an object.
    ///
    /// A body that is no JSON is an error at once and alone, as FastAPI has it.
    mutating func object(in body: ByteBuffer, of request: Request) throws(ValidationError) -> JSONValue? {
        guard body.readableBytes > 0 else {
            note(.missing, at: ["body"], input: .null)
            return nil
        }
        guard request.hasJSONContentType else {
            note(.notAnObject, at: ["body"], input: .text(String(buffer: body)))
            return nil
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: Array(body.readableBytesView))
        } catch {
            let issue = ValidationIssue(
                problem: .invalidJSON(reason: error.reason),
                location: [.name("body"), .offset(error.offset)],
                input: .emptyObject
            )
            throw ValidationError(issues: [issue])
        }
        guard value.kind == .object else {
            note(.notAnObject, at: ["body"], input: .json(value))
            return nil
        }
        return value
    }

    /// A required member that is a text, made into a value of the domain.
    mutating func text<Value>(
        _ name: String,
        in object: JSONValue,
        _ make: (String) throws(TextViolation) -> Value
    ) -> Value? {
        guard let member = object.member(name) else {
            note(.missing, at: ["body", name], input: .json(object))
            return nil
        }
        let problem: ValidationIssue.Problem
        do {
            if let string = try member.string() {
                return try make(string)
            }
            problem = .notAString
        } catch let violation as TextViolation {
            problem = .text(violation)
        } catch {
            problem = .notUnicode
        }
        note(problem, at: ["body", name], input: .json(member))
        return nil
    }

    /// A member that is a text, if it is there.
    mutating func optionalText<Value>(
        _ name: String,
        in object: JSONValue,
        _ make: (String) throws(TextViolation) -> Value
    ) -> OptionalValue<Value>? {
        guard object.member(name) != nil else { return OptionalValue(value: nil) }
        return text(name, in: object, make).map { OptionalValue(value: $0) }
    }

    /// The member `metadata`; null takes away what is there.
    ///
    /// - Parameter limit: Of its length in bytes.
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

    /// The member `reply_to`, which may be missing or null.
    mutating func replyTo(in object: JSONValue) -> OptionalValue<MessageID>? {
        guard let member = object.member("reply_to"), member.kind != .null else { return OptionalValue(value: nil) }
        if let id = member.integer { return OptionalValue(value: MessageID(rawValue: id)) }
        note(.notAnIntegerValue, at: ["body", "reply_to"], input: .json(member))
        return nil
    }

    /// The header `Idempotency-Key`, which may be missing.
    mutating func idempotencyKey(in request: Request) -> OptionalValue<IdempotencyKey>? {
        idempotencyKey(request.headers[.idempotencyKey], at: ["header", "idempotency-key"])
    }

    /// An idempotency key, which may be missing.
    mutating func idempotencyKey(_ text: String?, at location: [String]) -> OptionalValue<IdempotencyKey>? {
        guard let text else { return OptionalValue(value: nil) }
        if let key = IdempotencyKey(text) { return OptionalValue(value: key) }
        note(.patternMismatch("^[!-~]{1,\(IdempotencyKey.maximumLength)}$"), at: location, input: .text(text))
        return nil
    }

    /// What is valid, or validly missing.
    struct OptionalValue<Value> {
        let value: Value?
    }

    private mutating func integer(_ text: String, at location: [String]) -> Int64? {
        switch PydanticInteger(text) {
        case .value(let value): return value
        case .notAnInteger: note(.notAnInteger, at: location, input: .text(text))
        case .tooLong: note(.integerTooLong, at: location, input: .text(text))
        }
        return nil
    }

    mutating func note(
        _ problem: ValidationIssue.Problem,
        at location: [String],
        input: ValidationIssue.Input
    ) {
        issues.append(ValidationIssue(problem: problem, location: location.map { .name($0) }, input: input))
    }
}

extension Request {
    /// `application/json` or `application/*+json`, with any parameters.
    ///
    /// A form that a foreign page can make a browser send without asking is neither.
    fileprivate var hasJSONContentType: Bool {
        let contentType = headers[.contentType]
        // What nearly every client sends.
        if contentType == "application/json" { return true }
        let essence = contentType?.prefix { $0 != ";" }.lowercased().trimmingPrefix { $0 == " " } ?? ""
        let type = essence.split(separator: " ", maxSplits: 1).first ?? ""
        return type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json"))
    }
}
