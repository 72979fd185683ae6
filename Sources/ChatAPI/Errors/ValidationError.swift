import ChatDomain
import ChatOperations
import ChatWire
import Hummingbird

/// What is wrong with a request, all of it at once, in the shape and the words of FastAPI and Pydantic.
struct ValidationError: Error {
    let issues: [ValidationIssue]

    init(issues: [ValidationIssue]) {
        self.issues = issues
    }

    /// The store has no such message to be answered.
    static func replyTargetNotFound(_ id: MessageID) -> ValidationError {
        let issue = ValidationIssue(
            problem: .rule("there is no such message in the chat"),
            location: [.name("body"), .name("reply_to")],
            input: .integer(id.rawValue)
        )
        return ValidationError(issues: [issue])
    }

    /// - Parameter location: The part of the request that has the position.
    init(_ error: PositionBeyondEnd, at location: [String]) {
        let issue = ValidationIssue(
            problem: .rule("the log ends at \(error.end.rawValue)"),
            location: location.map { .name($0) },
            input: .integer(error.position.rawValue)
        )
        self.init(issues: [issue])
    }

    func response() -> Response {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("detail", issues)
            writer.member("code", "validation_failed")
        }
        return .json(writer.buffer, status: .unprocessableContent)
    }
}
