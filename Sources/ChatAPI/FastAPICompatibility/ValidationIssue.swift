import ChatDomain
import ChatWire

/// One entry in the `detail` of a 422.
struct ValidationIssue {
    let problem: Problem
    let location: [Location]
    let input: Input

    enum Location {
        case name(String)
        /// The offset of a byte in a text, or the index of an element in an array.
        case number(Int)
    }

    /// The offending value, as the client sent it.
    enum Input {
        case json(JSONValue)
        case text(String)
        case integer(Int64)
        case null
        /// Pydantic's placeholder for a body that is not JSON.
        case emptyObject
    }

    enum Problem: Equatable {
        case missing
        case notAnObject
        case notAString
        case notADictionary
        case notAList
        case notABoolean
        /// None of the values of an enumeration, of which there are at least two.
        case notOneOf([String])
        case notAnIntegerValue
        /// A rule of the service itself; the text completes "Value error, …".
        case rule(String)
        case notUnicode
        case text(TextViolation)
        case notAnInteger
        case integerTooLong
        case patternMismatch(String)
        case lessThan(Int)
        case greaterThan(Int)
        case invalidJSON(reason: String)
        /// An unknown query parameter.
        case extraForbidden
    }
}

extension ValidationIssue: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("type", problem.type)
            writer.member("loc", location)
            writer.member("msg", problem.message)
            writer.member("input", input)
            problem.writeContext(to: &writer)
        }
    }
}

extension ValidationIssue.Location: JSONWritable {
    func write(to writer: inout JSONWriter) {
        switch self {
        case .name(let name): writer.value(name)
        case .number(let number): writer.value(number)
        }
    }
}

extension ValidationIssue.Input: JSONWritable {
    func write(to writer: inout JSONWriter) {
        switch self {
        case .json(let value):
            if let lossy = value.lossyString() {
                writer.value(lossy)
            } else if value.isInterchangeable {
                writer.value(value)
            } else {
                // A string, which every client can read.
                writer.value(String(decoding: value.bytes, as: UTF8.self))
            }
        case .text(let text): writer.value(text)
        case .integer(let number): writer.value(number)
        case .null: writer.null()
        case .emptyObject: writer.object { _ in }
        }
    }
}

extension JSONSchema {
    static let validationIssue = component(
        "ValidationIssue",
        .object([
            .required(
                "type",
                .string.adding("examples", ["string_too_long"]),
                "What is wrong, in Pydantic's terms."
            ),
            .required(
                "loc",
                .array(of: .anyOf(.string, .integer)),
                "Where: `path`, `query`, `header` or `body`, then the name, an index or the offset."
            ),
            .required("msg", .string),
            .required("input", [:], "What was sent there."),
            .optional("ctx", context),
        ])
    )

    private static let context = component(
        "ValidationContext",
        .object([], "The limit that `input` exceeds, or the reason.")
    )
}
