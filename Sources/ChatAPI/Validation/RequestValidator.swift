import ChatDomain
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
        let text = context.parameters.get("chat_id").map { $0.percentDecoded() } ?? ""
        return integer(text, at: ["path", "chat_id"]).map(ChatID.init(rawValue:))
    }

    /// A query parameter within bounds; where it is repeated, the last one counts.
    mutating func integer(
        _ name: String,
        in request: Request,
        range: ClosedRange<Int>,
        default defaultValue: Int
    ) -> Int? {
        guard let text = request.uri.queryParameters[values: name[...]].last.map(String.init) else {
            return defaultValue
        }
        guard let number = integer(text, at: ["query", name]) else { return nil }
        if number < range.lowerBound {
            note(.lessThan(range.lowerBound), at: ["query", name], input: .text(text))
            return nil
        }
        if number > range.upperBound {
            note(.greaterThan(range.upperBound), at: ["query", name], input: .text(text))
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

    /// The header `Idempotency-Key`, which may be missing.
    mutating func idempotencyKey(in request: Request) -> OptionalKey? {
        guard let text = request.headers[.idempotencyKey] else { return OptionalKey(value: nil) }
        if let key = IdempotencyKey(text) { return OptionalKey(value: key) }
        let pattern = "^[!-~]{1,\(IdempotencyKey.maximumLength)}$"
        note(.patternMismatch(pattern), at: ["header", "idempotency-key"], input: .text(text))
        return nil
    }

    /// A key that is valid, or validly missing.
    struct OptionalKey {
        let value: IdempotencyKey?
    }

    private mutating func integer(_ text: String, at location: [String]) -> Int64? {
        switch PydanticInteger(text) {
        case .value(let value): return value
        case .notAnInteger: note(.notAnInteger, at: location, input: .text(text))
        case .tooLong: note(.integerTooLong, at: location, input: .text(text))
        }
        return nil
    }

    private mutating func note(
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
