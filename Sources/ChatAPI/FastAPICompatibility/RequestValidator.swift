import ChatDomain
import ChatWire
import HTTPTypes
import Hummingbird
import NIOCore

/// Reads the parts of a request and collects all issues, as FastAPI does.
///
/// Each method returns nil if it noted an issue. `error` has the issues in the order of the calls.
struct RequestValidator {
    private(set) var issues: [ValidationIssue] = []

    var error: ValidationError {
        ValidationError(issues: issues)
    }

    /// A parameter of the path.
    mutating func pathInteger(_ name: String, in context: some RequestContext) -> Int64? {
        let text = context.parameters.get(name)?.percentDecoded() ?? ""
        return integer(text, at: ["path", name])
    }

    /// A query parameter within bounds, if present; the last one counts if it is repeated.
    mutating func optionalInteger(
        _ name: String,
        in request: Request,
        range: ClosedRange<Int>
    ) -> OptionalValue<Int>? {
        guard let text = request.queryParameter(name) else { return OptionalValue(value: nil) }
        return integer(text, at: ["query", name], range: range).map { OptionalValue(value: $0) }
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

    /// Reads the body as an object.
    ///
    /// - Throws: A `ValidationError` if the body is not JSON; FastAPI then reports nothing else.
    mutating func object(in body: ByteBuffer, of request: Request) throws(ValidationError) -> JSONValue? {
        guard body.readableBytes > 0 else {
            note(.missing, at: ["body"], input: .null)
            return nil
        }
        guard request.head.hasJSONContent else {
            note(.notAnObject, at: ["body"], input: .text(String(buffer: body)))
            return nil
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: Array(body.readableBytesView))
        } catch {
            let issue = ValidationIssue(
                problem: .invalidJSON(reason: error.reason),
                location: [.name("body"), .number(error.offset)],
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

    /// A required string member, as a value of the domain.
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

    /// A required string member, unchanged.
    mutating func string(_ name: String, in object: JSONValue) -> String? {
        text(name, in: object) { $0 }
    }

    /// A string member, if present.
    mutating func optionalText<Value>(
        _ name: String,
        in object: JSONValue,
        _ make: (String) throws(TextViolation) -> Value
    ) -> OptionalValue<Value>? {
        guard object.member(name) != nil else { return OptionalValue(value: nil) }
        return text(name, in: object, make).map { OptionalValue(value: $0) }
    }

    /// A string member, which may be absent or null.
    mutating func nullableText<Value>(
        _ name: String,
        in object: JSONValue,
        _ make: (String) throws(TextViolation) -> Value
    ) -> OptionalValue<Value>? {
        guard object.member(name)?.kind != .null else { return OptionalValue(value: nil) }
        return optionalText(name, in: object, make)
    }

    /// A required integer member within bounds.
    mutating func integer(
        _ name: String,
        in object: JSONValue,
        range: ClosedRange<Int64> = Int64.min...Int64.max
    ) -> Int64? {
        guard let member = object.member(name) else {
            note(.missing, at: ["body", name], input: .json(object))
            return nil
        }
        let problem: ValidationIssue.Problem
        switch member.integer {
        case nil: problem = .notAnIntegerValue
        case let number? where number < range.lowerBound: problem = .lessThan(Int(range.lowerBound))
        case let number? where number > range.upperBound: problem = .greaterThan(Int(range.upperBound))
        case let number?: return number
        }
        note(problem, at: ["body", name], input: .json(member))
        return nil
    }

    /// A boolean member that may be absent.
    mutating func optionalBoolean(_ name: String, in object: JSONValue) -> OptionalValue<Bool>? {
        guard let member = object.member(name) else { return OptionalValue(value: nil) }
        if let boolean = member.boolean { return OptionalValue(value: boolean) }
        note(.notABoolean, at: ["body", name], input: .json(member))
        return nil
    }

    /// A boolean member.
    mutating func boolean(_ name: String, in object: JSONValue, default value: Bool) -> Bool? {
        optionalBoolean(name, in: object).map { $0.value ?? value }
    }

    /// A required string member with one of the values of an enumeration.
    mutating func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        in object: JSONValue
    ) -> Value? {
        guard let member = object.member(name) else {
            note(.missing, at: ["body", name], input: .json(object))
            return nil
        }
        return choice(try? member.string(), at: ["body", name], input: .json(member))
    }

    /// A string member with one of the values of an enumeration, if present.
    mutating func optionalChoice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        in object: JSONValue
    ) -> OptionalValue<Value>? {
        guard object.member(name) != nil else { return OptionalValue(value: nil) }
        return choice(name, in: object).map { OptionalValue(value: $0) }
    }

    /// A string member with one of the values of an enumeration.
    mutating func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        in object: JSONValue,
        default value: Value
    ) -> Value? {
        optionalChoice(name, in: object).map { $0.value ?? value }
    }

    /// A query parameter with one of the values of an enumeration.
    mutating func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String,
        in request: Request,
        default value: Value
    ) -> Value? {
        guard let text = request.queryParameter(name) else { return value }
        return choice(text, at: ["query", name], input: .text(text))
    }

    private mutating func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ text: String?,
        at location: [String],
        input: ValidationIssue.Input
    ) -> Value? {
        if let choice = text.flatMap(Value.init) { return choice }
        note(.notOneOf(Value.allCases.map(\.rawValue)), at: location, input: input)
        return nil
    }

    /// A valid value, or nil where absence is valid.
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

    /// - Parameter index: The element that has the problem, if the location is an array.
    mutating func note(
        _ problem: ValidationIssue.Problem,
        at location: [String],
        index: Int? = nil,
        input: ValidationIssue.Input
    ) {
        let names = location.map { ValidationIssue.Location.name($0) }
        let element = index.map { [ValidationIssue.Location.number($0)] } ?? []
        issues.append(ValidationIssue(problem: problem, location: names + element, input: input))
    }
}

extension HTTPRequest {
    /// Whether the body is `application/json` or `application/*+json`, with any parameters.
    ///
    /// A page of another site cannot send either without a preflight request.
    var hasJSONContent: Bool {
        let contentType = headerFields[.contentType]
        // Nearly every client sends this.
        if contentType == "application/json" { return true }
        let essence = contentType?.prefix { $0 != ";" }.lowercased().trimmingPrefix { $0 == " " } ?? ""
        let type = essence.split(separator: " ", maxSplits: 1).first ?? ""
        return type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json"))
    }
}
