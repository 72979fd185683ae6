import ChatDomain
import ChatWire

/// Pydantic's error types and messages (https://docs.pydantic.dev/latest/errors/validation_errors/).
extension ValidationIssue.Problem {
    var type: String {
        switch self {
        case .missing: "missing"
        case .notAnObject: "model_attributes_type"
        case .notAString: "string_type"
        case .notADictionary: "dict_type"
        case .notAList: "list_type"
        case .notABoolean: "bool_type"
        case .notOneOf: "literal_error"
        case .notAnIntegerValue: "int_type"
        case .rule: "value_error"
        case .notUnicode: "string_unicode"
        case .text(.tooShort): "string_too_short"
        case .text(.tooLong): "string_too_long"
        case .text(.containsNull): "value_error"
        case .notAnInteger: "int_parsing"
        case .integerTooLong: "int_parsing_size"
        case .patternMismatch: "string_pattern_mismatch"
        case .lessThan: "greater_than_equal"
        case .greaterThan: "less_than_equal"
        case .invalidJSON: "json_invalid"
        case .extraForbidden: "extra_forbidden"
        }
    }

    var message: String {
        switch self {
        case .missing: "Field required"
        case .notAnObject: "Input should be a valid dictionary or object to extract fields from"
        case .notAString: "Input should be a valid string"
        case .notADictionary: "Input should be a valid dictionary"
        case .notAList: "Input should be a valid list"
        case .notABoolean: "Input should be a valid boolean"
        case .notOneOf(let values): "Input should be \(Self.list(values))"
        case .notAnIntegerValue: "Input should be a valid integer"
        case .rule(let rule): "Value error, \(rule)"
        case .notUnicode: "Input should be a valid string, unable to parse raw data as a unicode string"
        case .text(.tooShort(let minimum)):
            "String should have at least \(minimum) character\(minimum == 1 ? "" : "s")"
        case .text(.tooLong(let maximum)): "String should have at most \(maximum) characters"
        case .text(.containsNull): "Value error, \(Self.nullCharacter)"
        case .notAnInteger: "Input should be a valid integer, unable to parse string as an integer"
        case .integerTooLong: "Unable to parse input string as an integer, exceeded maximum size"
        case .patternMismatch(let pattern): "String should match pattern '\(pattern)'"
        case .lessThan(let minimum): "Input should be greater than or equal to \(minimum)"
        case .greaterThan(let maximum): "Input should be less than or equal to \(maximum)"
        case .invalidJSON: "JSON decode error"
        case .extraForbidden: "Extra inputs are not permitted"
        }
    }

    /// Writes the member `ctx`, if Pydantic has one for this type.
    func writeContext(to writer: inout JSONWriter) {
        switch self {
        case .text(.tooShort(let minimum)): writer.context("min_length", minimum)
        case .text(.tooLong(let maximum)): writer.context("max_length", maximum)
        case .rule(let rule): writer.context("error", rule)
        case .text(.containsNull): writer.context("error", Self.nullCharacter)
        case .patternMismatch(let pattern): writer.context("pattern", pattern)
        case .lessThan(let minimum): writer.context("ge", minimum)
        case .greaterThan(let maximum): writer.context("le", maximum)
        case .invalidJSON(let reason): writer.context("error", reason)
        case .notOneOf(let values): writer.context("expected", Self.list(values))
        case .missing, .notAnObject, .notAString, .notADictionary, .notAList, .notABoolean, .notAnIntegerValue,
            .notUnicode, .notAnInteger, .integerTooLong, .extraForbidden:
            break
        }
    }

    /// Such as `'a', 'b' or 'c'`.
    private static func list(_ values: [String]) -> String {
        let quoted = values.map { "'\($0)'" }
        return quoted.dropLast().joined(separator: ", ") + " or " + (quoted.last ?? "")
    }

    private static let nullCharacter = "the character U+0000 is not allowed"
}

extension JSONWriter {
    fileprivate mutating func context(_ key: StaticString, _ value: some JSONWritable) {
        member("ctx") { $0.object { $0.member(key, value) } }
    }
}
