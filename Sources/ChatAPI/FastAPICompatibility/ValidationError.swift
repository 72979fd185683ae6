import ChatWire
import Hummingbird

/// A 422 with every issue of a request, in FastAPI's format and Pydantic's words.
struct ValidationError: Error {
    let issues: [ValidationIssue]

    init(issues: [ValidationIssue]) {
        self.issues = issues
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
