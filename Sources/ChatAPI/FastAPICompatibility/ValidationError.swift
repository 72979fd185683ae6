import ChatWire
import Hummingbird

/// A 422 with all issues of a request, in the format of FastAPI and the words of Pydantic.
struct ValidationError: Error {
    static let code = "validation_failed"

    let issues: [ValidationIssue]

    init(issues: [ValidationIssue]) {
        self.issues = issues
    }

    func response() -> Response {
        .json(self, status: .unprocessableContent)
    }
}

extension ValidationError: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("detail", issues)
            writer.member("code", Self.code)
        }
    }
}

extension JSONSchema {
    static let validationError = component(
        "ValidationError",
        .object([
            .required("detail", .array(of: .validationIssue)),
            .required("code", .constant(ValidationError.code)),
        ])
    )
}
