import ChatDomain
import ChatOperations

extension ValidationError {
    /// The message to reply to does not exist in the chat, or was deleted.
    static func replyTargetNotFound(_ id: MessageID) -> ValidationError {
        ValidationError(rule: "there is no such message in the chat", at: ["body", "reply_to"], input: id.rawValue)
    }

    /// - Parameter location: Where the position is in the request.
    init(_ error: PositionBeyondEnd, at location: [String]) {
        self.init(rule: "the log ends at \(error.end.rawValue)", at: location, input: error.position.rawValue)
    }

    private init(rule: String, at location: [String], input: Int64) {
        let location = location.map { ValidationIssue.Location.name($0) }
        self.init(issues: [ValidationIssue(problem: .rule(rule), location: location, input: .integer(input))])
    }
}
